"""Typed changes to guards, networks and fleets: each knows its gcloud command and the change that undoes it."""

import json
import shlex

import msgspec

from bindwatch.model.binding_command import whole_policy_command


class SetPrivateGoogleAccess(msgspec.Struct, frozen=True, gc=False):
    """Let the private addresses of a subnet reach Google's APIs, or stop letting them."""

    project: str
    region: str
    subnet: str
    enabled: bool = True

    def command(self) -> str:
        """The gcloud command."""
        flag = "--enable-private-ip-google-access" if self.enabled else "--no-enable-private-ip-google-access"
        return _gcloud(
            "compute", "networks", "subnets", "update", self.subnet, f"--region={self.region}", flag,
            f"--project={self.project}",
        )  # fmt: skip

    def undo(self) -> "CloudChange | None":
        """The opposite switch."""
        return SetPrivateGoogleAccess(self.project, self.region, self.subnet, not self.enabled)


class SetUniformAccess(msgspec.Struct, frozen=True, gc=False):
    """Let IAM alone decide on a bucket, without access control lists of its objects; or let those count again."""

    bucket: str
    enabled: bool = True

    def command(self) -> str:
        """The gcloud command."""
        flag = "--uniform-bucket-level-access" if self.enabled else "--no-uniform-bucket-level-access"
        return _gcloud("storage", "buckets", "update", f"gs://{self.bucket}", flag)

    def undo(self) -> "CloudChange | None":
        """The opposite switch, possible for 90 days."""
        return SetUniformAccess(self.bucket, not self.enabled)


class AllowFirewallEgress(msgspec.Struct, frozen=True, gc=False):
    """Add a firewall rule that lets nodes reach some ranges on a TCP port; a lower `priority` number wins."""

    project: str
    name: str
    network: str
    ranges: tuple[str, ...]
    priority: int
    tags: tuple[str, ...] = ()
    port: int = 443

    def command(self) -> str:
        """The gcloud command."""
        tags = (f"--target-tags={','.join(self.tags)}",) if self.tags else ()
        return _gcloud(
            "compute", "firewall-rules", "create", self.name, f"--network={self.network}", "--direction=EGRESS",
            "--action=ALLOW", f"--rules=tcp:{self.port}", f"--destination-ranges={','.join(self.ranges)}",
            f"--priority={self.priority}", *tags, f"--project={self.project}",
        )  # fmt: skip

    def undo(self) -> "CloudChange | None":
        """Delete the rule again."""
        return DeleteFirewallRule(self.project, self.name)


class DeleteFirewallRule(msgspec.Struct, frozen=True, gc=False):
    """Delete a firewall rule."""

    project: str
    name: str

    def command(self) -> str:
        """The gcloud command."""
        return _gcloud("compute", "firewall-rules", "delete", self.name, "--quiet", f"--project={self.project}")

    def undo(self) -> "CloudChange | None":
        """Needs the rule as it was."""
        return None


class AddInternetRoute(msgspec.Struct, frozen=True, gc=False):
    """Add a route from a network to the internet gateway for one range: Private Google Access needs one, too."""

    project: str
    name: str
    network: str
    destination: str

    def command(self) -> str:
        """The gcloud command."""
        return _gcloud(
            "compute", "routes", "create", self.name, f"--network={self.network}",
            f"--destination-range={self.destination}", "--next-hop-gateway=default-internet-gateway",
            f"--project={self.project}",
        )  # fmt: skip

    def undo(self) -> "CloudChange | None":
        """Delete the route again."""
        return DeleteRoute(self.project, self.name)


class DeleteRoute(msgspec.Struct, frozen=True, gc=False):
    """Delete a route."""

    project: str
    name: str

    def command(self) -> str:
        """The gcloud command."""
        return _gcloud("compute", "routes", "delete", self.name, "--quiet", f"--project={self.project}")

    def undo(self) -> "CloudChange | None":
        """Needs the route as it was."""
        return None


class ExceptFromDenyPolicy(msgspec.Struct, frozen=True, gc=False):
    """Except a principal (in the spelling of deny policies) from every rule of a deny policy that has a permission."""

    policy: str
    attachment_point: str
    principal: str
    permission: str
    excepted: bool = True

    def command(self) -> str:
        """Read the policy, edit it with jq, write it back. `permission` is spelled `SERVICE_FQDN/RESOURCE.ACTION`."""
        where = (f"--attachment-point={self.attachment_point}", "--kind=denypolicies")
        name = self.policy.rpartition("/")[2]
        principal, permission = json.dumps(self.principal), json.dumps(self.permission)
        change = f"(. // []) + [{principal}] | unique" if self.excepted else f"(. // []) - [{principal}]"
        edit = (
            f".rules |= map(if .denyRule.deniedPermissions | index({permission}) then "
            f".denyRule.exceptionPrincipals |= ({change}) else . end)"
        )
        read = _gcloud("iam", "policies", "get", name, *where, "--format=json")
        write = _gcloud("iam", "policies", "update", name, *where, "--policy-file=deny-policy.json")
        return f"{read} | {shlex.join(('jq', edit))} > deny-policy.json && {write}"

    def undo(self) -> "CloudChange | None":
        """Take the exception out again."""
        return ExceptFromDenyPolicy(
            self.policy, self.attachment_point, self.principal, self.permission, not self.excepted
        )


class ExtendBoundary(msgspec.Struct, frozen=True, gc=False):
    """Make a resource (full name of a project, folder or organization) eligible under a principal access boundary."""

    policy: str
    organization: str
    resource: str
    eligible: bool = True

    def command(self) -> str:
        """The gcloud command."""
        flag = "--add-details-rules" if self.eligible else "--remove-details-rules"
        return _gcloud(
            "iam", "principal-access-boundary-policies", "update", self.policy.rpartition("/")[2],
            f"--organization={self.organization}", "--location=global",
            f"{flag}=effect=ALLOW,resources={self.resource}",
        )  # fmt: skip

    def undo(self) -> "CloudChange | None":
        """Take the rule out again."""
        return ExtendBoundary(self.policy, self.organization, self.resource, not self.eligible)


class RelaxOrgPolicy(msgspec.Struct, frozen=True, gc=False):
    """Except a project from an organization policy: a boolean one, or (with `value`) a list of allowed values."""

    project: str
    constraint: str
    value: str = ""

    def command(self) -> str:
        """The gcloud command."""
        verb = ("allow", self.constraint, self.value) if self.value else ("disable-enforce", self.constraint)
        return _gcloud("resource-manager", "org-policies", *verb, f"--project={self.project}")

    def undo(self) -> "CloudChange | None":
        """Let the project inherit again."""
        return InheritOrgPolicy(self.project, self.constraint)


class InheritOrgPolicy(msgspec.Struct, frozen=True, gc=False):
    """Remove a project's own setting of a constraint, so that what it inherits holds again."""

    project: str
    constraint: str

    def command(self) -> str:
        """The gcloud command."""
        return _gcloud("resource-manager", "org-policies", "delete", self.constraint, f"--project={self.project}")

    def undo(self) -> "CloudChange | None":
        """Needs the setting as it was."""
        return None


class LogDataAccess(msgspec.Struct, frozen=True, gc=False):
    """Write data-access logs of a service in a project, folder or organization, and exempt nobody from these types."""

    resource: str
    service: str
    log_types: tuple[str, ...]

    def command(self) -> str:
        """Read the policy, edit its auditConfigs with jq, write it back."""
        service, types = json.dumps(self.service), json.dumps(list(self.log_types))
        return whole_policy_command(
            self.resource,
            f"{types} as $types | .auditConfigs = ([.auditConfigs[]? | select(.service != {service})] + "
            f"[{{service: {service}, auditLogConfigs: ([.auditConfigs[]? | select(.service == {service}) "
            "| .auditLogConfigs[]? | select(.logType | IN($types[]) | not)] + [$types[] | {logType: .}])}])",
        )

    def undo(self) -> "CloudChange | None":
        """Needs the settings as they were."""
        return None


class EndLogExemption(msgspec.Struct, frozen=True, gc=False):
    """Write the data-access logs of a service for a member, too, that was exempt from some of them or from all."""

    resource: str
    service: str
    member: str

    def command(self) -> str:
        """Read the policy, edit its auditConfigs with jq, write it back."""
        service, member = json.dumps(self.service), json.dumps(self.member)
        return whole_policy_command(
            self.resource,
            f"(.auditConfigs[]? | select(.service == {service}) | .auditLogConfigs[] | select(.exemptedMembers) "
            f"| .exemptedMembers) -= [{member}]",
        )

    def undo(self) -> "CloudChange | None":
        """Needs the settings as they were."""
        return None


class RegisterInFleet(msgspec.Struct, frozen=True, gc=False):
    """Register a GKE cluster in a fleet (again) so that the fleet's pool vouches for its workloads."""

    fleet_project: str
    membership: str
    cluster_project: str
    location: str
    cluster: str

    def command(self) -> str:
        """The gcloud command."""
        uri = (
            f"https://container.googleapis.com/v1/projects/{self.cluster_project}/locations/{self.location}"
            f"/clusters/{self.cluster}"
        )
        return _gcloud(
            "container", "fleet", "memberships", "register", self.membership, f"--gke-uri={uri}",
            "--enable-workload-identity", f"--project={self.fleet_project}",
        )  # fmt: skip

    def undo(self) -> "CloudChange | None":
        """Unregistering takes more with it than this change: a person decides."""
        return None


class Wait(msgspec.Struct, frozen=True, gc=False):
    """Wait for a change to spread."""

    seconds: int

    def command(self) -> str:
        """The shell command."""
        return f"sleep {self.seconds}"

    def undo(self) -> "CloudChange | None":
        """Nothing to undo."""
        return None


CloudChange = (
    SetPrivateGoogleAccess | SetUniformAccess | AllowFirewallEgress | DeleteFirewallRule | AddInternetRoute
    | DeleteRoute | ExceptFromDenyPolicy | ExtendBoundary | RelaxOrgPolicy | InheritOrgPolicy | LogDataAccess
    | EndLogExemption | RegisterInFleet | Wait
)  # fmt: skip


def _gcloud(*argv: str) -> str:
    return shlex.join(("gcloud", *argv))
