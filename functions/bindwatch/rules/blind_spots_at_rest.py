"""What the logs do not show because nobody switched it on, and who is exempt from it."""

from collections.abc import Iterator
from typing import Final

from bindwatch.access.places import level_of
from bindwatch.inventory import Inventory, Part
from bindwatch.knowledge.escalation import Level
from bindwatch.model.change import remedy
from bindwatch.model.cloud_change import EndLogExemption, LogDataAccess
from bindwatch.model.finding import AssetRef, Category, Confidence, Severity
from bindwatch.model.policy import AuditConfig
from bindwatch.model.resource import display, project_name
from bindwatch.rule import Context, Match, at_rest_of, inventory_rule
from bindwatch.rules import audit_settings

# Minting is logged as ADMIN_READ of iam.googleapis.com, for which iamcredentials has no setting of its own; the
# exchange of federated tokens as ADMIN_READ of sts.googleapis.com. (IAM audit logging, observed permissionType.)
WATCHED: Final = {"iam.googleapis.com": "the minting of tokens", "sts.googleapis.com": "the exchange of tokens"}


def effective_log_types(inventory: Inventory, project: str, service: str) -> frozenset[str] | None:
    """The data-access log types a service writes in a project: the union over it and its ancestors.

    None where a policy on the way was not seen, so that nothing can be said.
    """
    resource = project_name(project)
    types: set[str] = set()
    complete = True
    for name in inventory.ancestors(resource):
        policy = inventory.policy(name)
        if policy is None:
            complete = complete and bool(inventory.coverage(Part.POLICIES, name))
            continue
        for config in policy.audit_configs:
            if config.service in ("allServices", service):
                types.update(each.log_type for each in config.log_configs)
    return frozenset(types) if complete or "ADMIN_READ" in types else None


@inventory_rule(
    "data-access-logs-off",
    Severity.MEDIUM,
    Category.BLIND_SPOT,
    needs=[Part.POLICIES],
    techniques=["T1562.008"],
    equivalents=[
        "prowler:iam_audit_logs_enabled",
        "scc:AUDIT_LOGGING_DISABLED",
        "forseti:audit_logging_rules",
        "policy-library:iam_audit_log",
    ],
)
def data_access_logs_off(inventory: Inventory, context: Context) -> Iterator[Match]:
    """The logs of token minting or token exchange were off in a project.

    ## Why it matters
    These logs are off by default. Without them, who becomes whom leaves no trace: neither an attack nor a broken
    Workload Identity binding can be seen, by anybody.

    ## What to do
    Switch ADMIN_READ on for `iam.googleapis.com` (it covers iamcredentials, which has no setting of its own) and for
    `sts.googleapis.com`, at the organization. `bindwatch sink-filter --audit-config` prints the settings.

    ## Known false positives
    Projects without service accounts.

    ## Blind spots
    Where the policy of an ancestor was not read, nothing is said of the project. Where nothing tells what lies above a
    project, the finding says so.
    """
    for name in _projects_with_policies(inventory):
        identity = name.rpartition("/")[2]
        project = inventory.project(identity)
        if project is not None and project.state not in ("", "ACTIVE"):
            continue
        above = inventory.ancestors(name)[1:]
        for service, what in WATCHED.items():
            types = effective_log_types(inventory, identity, service)
            if types is None or "ADMIN_READ" in types:
                continue
            policy = inventory.policy(name)
            yield Match(
                subject=service,
                title=f"In project {identity} {what} leaves no log: ADMIN_READ of {service} is off",
                resource_name=name,
                confidence=Confidence.HIGH if above else Confidence.MEDIUM,
                notes=() if above else ("What lies above the project is not in the input; it may be on there.",),
                evidence=(AssetRef(name, policy.etag if policy else ""),),
                remediation=remedy(
                    f"Switch ADMIN_READ on for {service} in the project, better at the organization",
                    LogDataAccess(name, service, ("ADMIN_READ",)),
                    terraform=_terraform(identity, service),
                    risk="Data-access logs cost what they store: exclude from the bucket what a sink takes.",
                ),
            )


def _projects_with_policies(inventory: Inventory) -> Iterator[str]:
    """Projects whose policy was read, whether or not they were described themselves."""
    for name, _ in inventory.policies:
        if level_of(name) is Level.PROJECT:
            known = inventory.resource(name)
            if known is None or known.asset_type in ("", "cloudresourcemanager.googleapis.com/Project"):
                yield name


def _terraform(project: str, service: str) -> str:
    return (
        f'resource "google_project_iam_audit_config" "{service.partition(".")[0]}" {{\n'
        f'  project = "{project}"\n'
        f'  service = "{service}"\n'
        '  audit_log_config {\n    log_type = "ADMIN_READ"\n  }\n'
        "}\n"
    )


@at_rest_of(
    audit_settings.audit_log_exemption,
    needs=[Part.POLICIES],
    equivalents=["policy-library:iam_audit_log"],
)
def audit_log_exemption(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A principal was exempt from data-access logging."""
    for resource, policy in inventory.policies:
        for config in policy.audit_configs:
            for member, types in _exempted(config):
                minting = config.service in ("allServices", *WATCHED) and "ADMIN_READ" in types
                yield Match(
                    subject=f"{config.service} {member}",
                    title=f"{member} leaves no {', '.join(types)} logs of {config.service} on {display(resource)}",
                    resource_name=resource,
                    principal=member,
                    severity=Severity.HIGH if minting else None,
                    evidence=(AssetRef(resource, policy.etag),),
                    remediation=remedy(
                        f"Log what {member} does, too", EndLogExemption(resource, config.service, member)
                    ),
                )


def _exempted(config: AuditConfig) -> Iterator[tuple[str, list[str]]]:
    members: dict[str, list[str]] = {}
    for each in config.log_configs:
        for member in each.exempted_members:
            members.setdefault(member, []).append(each.log_type)
    yield from members.items()


RULES = (data_access_logs_off, audit_log_exemption)
