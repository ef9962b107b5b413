"""Roles that Google's own agents and the nodes of clusters must have, or what they do stops working."""

from collections.abc import Iterable, Iterator
from typing import Final

from bindwatch.inventory import Inventory, Part
from bindwatch.inventory.clusters import Cluster, NodePool
from bindwatch.inventory.hierarchy import Project
from bindwatch.knowledge.roles import is_service_agent_role
from bindwatch.model.change import AddBinding, remedy
from bindwatch.model.finding import AssetRef, Category, Confidence, Severity
from bindwatch.model.resource import project_name, project_of
from bindwatch.rule import Context, Match, inventory_rule

# API → (domain of its service agent, the role it is given when the API is switched on).
# https://cloud.google.com/iam/docs/service-agents
AGENTS: Final = {
    "apigee.googleapis.com": ("gcp-sa-apigee", "roles/apigee.serviceAgent"),
    "bigquerydatatransfer.googleapis.com": ("gcp-sa-bigquerydatatransfer", "roles/bigquerydatatransfer.serviceAgent"),
    "cloudbuild.googleapis.com": ("gcp-sa-cloudbuild", "roles/cloudbuild.serviceAgent"),
    "cloudfunctions.googleapis.com": ("gcf-admin-robot", "roles/cloudfunctions.serviceAgent"),
    "composer.googleapis.com": ("cloudcomposer-accounts", "roles/composer.serviceAgent"),
    "container.googleapis.com": ("container-engine-robot", "roles/container.serviceAgent"),
    "dataflow.googleapis.com": ("dataflow-service-producer-prod", "roles/dataflow.serviceAgent"),
    "datafusion.googleapis.com": ("gcp-sa-datafusion", "roles/datafusion.serviceAgent"),
    "dataproc.googleapis.com": ("dataproc-accounts", "roles/dataproc.serviceAgent"),
    "notebooks.googleapis.com": ("gcp-sa-notebooks", "roles/notebooks.serviceAgent"),
    "run.googleapis.com": ("serverless-robot-prod", "roles/run.serviceAgent"),
}
_APIS_AGENT: Final = "cloudservices.gserviceaccount.com"
_NODE_ROLE: Final = "roles/container.defaultNodeServiceAccount"
_NODE_NEEDS: Final = ("logging.logEntries.create", "monitoring.timeSeries.create")
_FIREWALLS: Final = tuple(f"compute.firewalls.{verb}" for verb in ("create", "delete", "get", "list", "update"))


def roles_over(inventory: Inventory, member: str, resource: str) -> tuple[str, ...] | None:
    """The roles a member holds on a resource and above it, directly; None where its own policy was not read."""
    names = inventory.ancestors(resource)
    if inventory.policy(resource) is None and not inventory.has(Part.POLICIES, resource):
        return None
    wanted = set(names)
    return tuple(binding.role for name, binding in inventory.grants_of(member) if name in wanted)


def _sureness(inventory: Inventory, resource: str) -> Confidence:
    """How sure it is that a role is missing: one may be held above, where nobody looked."""
    above = inventory.ancestors(resource)[1:]
    read = bool(above) and all(inventory.policy(name) or inventory.has(Part.POLICIES, name) for name in above)
    return Confidence.HIGH if read else Confidence.MEDIUM


def _holds(roles: Iterable[str], permission: str, context: Context, inventory: Inventory) -> bool | None:
    """Whether some of the roles carry a permission; None where a role nobody knows might."""
    answers: list[bool | None] = []
    for role in roles:
        custom = inventory.custom_role(role)
        if custom is not None and custom.lists_permissions:
            answers.append(permission in custom.permissions)
        else:
            answers.append(_predefined(role, permission, context))
    return True if True in answers else None if None in answers else False


def _among(*names: str) -> frozenset[str]:
    return frozenset(f"roles/{name}" for name in names)


# The predefined roles that hold what is asked for here, agents' own left out; a catalogue of dangerous permissions does
# not know them. From the IAM API's list of roles, September 2026.
_WITH: Final = {
    "logging.logEntries.create": _among(
        *("owner", "editor", "admin", "writer", "logging.admin", "logging.logWriter", "telemetry.logsWriter"),
        *("telemetry.writer", "container.defaultNodeServiceAccount", "container.nodeServiceAccount", "iam.devOps"),
        *("iam.infrastructureAdmin", "iam.networkAdmin", "cloudbuild.builds.builder", "clouddeploy.jobRunner"),
        *("composer.worker", "dataflow.worker", "dataproc.worker", "dataproc.hubAgent", "run.builder", "config.agent"),
        *("confidentialcomputing.gkeWorkloadUser", "confidentialcomputing.workloadUser"),
        *("gkemulticloud.telemetryWriter", "firebaseapphosting.computeRunner", "storagetransfer.transferAgent"),
        "developerconnect.insightsAgent",
    ),
    "monitoring.timeSeries.create": _among(
        *("owner", "editor", "admin", "writer", "monitoring.admin", "monitoring.editor", "monitoring.metricWriter"),
        *("telemetry.metricsWriter", "telemetry.writer", "container.defaultNodeServiceAccount"),
        *("container.nodeServiceAccount", "iam.devOps", "iam.infrastructureAdmin", "iam.networkAdmin"),
        *("iam.dataScientist", "iam.databasesAdmin", "iam.mlEngineer", "iam.siteReliabilityEngineer"),
        *("composer.worker", "composer.environmentAndStorageObjectAdmin", "dataflow.worker", "dataproc.worker"),
        *("bigtable.admin", "bigtable.reader", "bigtable.user", "spanner.admin", "spanner.databaseAdmin"),
        *("spanner.databaseReader", "spanner.databaseReaderWithDataBoost", "spanner.databaseUser"),
        *("spanner.graphIntelligenceUser", "storage.admin", "storage.objectAdmin", "storage.objectUser"),
        *("storagetransfer.transferAgent", "alloydb.client", "firebase.admin", "firebase.developAdmin"),
        *("firebaseapphosting.computeRunner", "gkemulticloud.telemetryWriter", "designcenter.admin"),
        *("designcenter.user", "dlp.orgdriver", "dlp.projectdriver"),
    ),
    **dict.fromkeys(
        _FIREWALLS,
        _among(
            *("owner", "editor", "admin", "writer", "compute.admin", "compute.editor", "compute.securityAdmin"),
            *("iam.devOps", "iam.infrastructureAdmin", "iam.networkAdmin", "container.serviceAgent"),
            *("cloudbuild.integrationsOwner", "notebooks.legacyAdmin", "tpu.xpnAgent"),
        ),
    ),
}


def _predefined(role: str, permission: str, context: Context) -> bool | None:
    if role in _WITH[permission]:
        return True
    held = context.catalogue.holds(role, permission)
    if held is not None or is_service_agent_role(role) or not role.startswith("roles/"):
        return held
    return False if role in context.catalogue else None


@inventory_rule(
    "service-agent-without-role",
    Severity.MEDIUM,
    Category.BROKEN_BINDING,
    needs=[Part.POLICIES, Part.PROJECTS, Part.ENABLED_SERVICES],
    techniques=["T1531"],
    equivalents=[
        "gcpdiag:gke/ERR/2021_007",
        "gcpdiag:gke/ERR/2021_008",
        "gcpdiag:gce/ERR/2021_003",
        "gcpdiag:gcf/ERR/2022_001",
        "gcpdiag:cloudrun/ERR/2022_001",
        "gcpdiag:gcb/ERR/2022_004",
        "gcpdiag:dataflow/ERR/2023_001",
        "gcpdiag:composer/ERR/2022_001",
        "gcpdiag:datafusion/ERR/2022_004",
        "gcpdiag:dataproc/WARN/2022_003",
        "gcpdiag:apigee/ERR/2022_001",
        "gcpdiag:bigquery/ERR/2023_007",
    ],
)
def service_agent_without_role(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A service was on, and Google's agent that runs it did not hold its role on the project.

    ## Why it matters
    Clusters cannot be made, builds and deployments fail, and the error seldom names the agent. It happens where a
    policy was written as a whole (Terraform's `google_project_iam_policy`) and the agents were left out.

    ## What to do
    Grant the role again. Manage single bindings, not whole policies.

    ## Known false positives
    An API that is on and was never used has no agent yet: such services are not reported before anything of theirs is
    in the policy or the inventory, as far as that can be told.

    ## Blind spots
    Services outside the table of this rule, and agents of other projects. Roles that groups pass on.
    """
    for project in inventory.all(Project):
        resource = project_name(project.id)
        policy = inventory.policy(resource)
        if not project.number or policy is None or project.state not in ("", "ACTIVE"):
            continue
        for service, (domain, role) in AGENTS.items():
            if inventory.enabled(project.id, service) is not True:
                continue
            member = f"serviceAccount:service-{project.number}@{domain}.iam.gserviceaccount.com"
            yield from _missing(inventory, context, resource, member, role, service)
        if inventory.enabled(project.id, "compute.googleapis.com") is True:
            member = f"serviceAccount:{project.number}@{_APIS_AGENT}"
            yield from _missing(inventory, context, resource, member, "roles/editor", "compute.googleapis.com")


def _missing(
    inventory: Inventory, context: Context, resource: str, member: str, role: str, service: str
) -> Iterator[Match]:
    held = roles_over(inventory, member, resource)
    if held is None or role in held or "roles/owner" in held or "roles/editor" in held:
        return
    wanted, mask = context.catalogue.mask(role), 0
    for name in held:
        custom = inventory.custom_role(name)
        mask |= (
            (context.catalogue.mask(name) or 0) if custom is None else context.catalogue.mask_of(custom.permissions)[0]
        )
    if wanted and context.catalogue.complete_for(role) and mask & wanted == wanted:
        return
    policy = inventory.policy(resource)
    yield Match(
        subject=f"{role} {member}",
        title=f"{member.partition(':')[2]} runs {service} here and does not hold {role}",
        resource_name=resource,
        principal=member,
        confidence=_sureness(inventory, resource),
        notes=(f"It holds: {', '.join(held)}.",) if held else (),
        evidence=(AssetRef(resource, policy.etag if policy else ""),),
        remediation=remedy(f"Grant {role} to the agent", AddBinding(resource, role, member)),
    )


@inventory_rule(
    "node-account-without-roles",
    Severity.MEDIUM,
    Category.BROKEN_BINDING,
    needs=[Part.POLICIES, Part.NODE_POOLS],
    techniques=["T1562.008"],
    equivalents=["gcpdiag:gke/ERR/2021_001", "gcpdiag:gke/ERR/2021_002", "gcpdiag:gke/ERR/2024_003"],
)
def node_account_without_roles(inventory: Inventory, context: Context) -> Iterator[Match]:
    """The service account of a node pool could not write the logs or metrics of its nodes.

    ## Why it matters
    Logs of containers and nodes then get lost without a word: nobody sees what happens there.

    ## What to do
    Grant `roles/container.defaultNodeServiceAccount` to the account, on the project.

    ## Known false positives
    Clusters whose logging and monitoring go elsewhere; those that say so are not reported.

    ## Blind spots
    Roles that groups pass on, and roles whose permissions are unknown.
    """
    for pool in inventory.all(NodePool):
        cluster = inventory.cluster(pool.cluster)
        email = _account_of(inventory, pool)
        resource = project_name(pool.project)
        if not email or (cluster is not None and cluster.autopilot):
            continue
        held = roles_over(inventory, f"serviceAccount:{email}", resource)
        if held is None:
            continue
        lacks = [
            permission
            for permission in _NODE_NEEDS
            if not (cluster is not None and permission.partition(".")[0] in cluster.not_collected)
            and _holds(held, permission, context, inventory) is False
        ]
        if lacks:
            member = f"serviceAccount:{email}"
            yield Match(
                subject=f"{pool.id} {email}",
                title=f"Node pool {pool.id} runs as {email}, which lacks {' and '.join(lacks)}",
                resource_name=pool.name,
                principal=member,
                confidence=_sureness(inventory, resource),
                evidence=(AssetRef(pool.name), AssetRef(resource)),
                remediation=remedy(f"Grant {_NODE_ROLE} to {email}", AddBinding(resource, _NODE_ROLE, member)),
            )


def _account_of(inventory: Inventory, pool: NodePool) -> str:
    if "@" in pool.service_account:
        return pool.service_account
    number = inventory.project_number(pool.project)
    return f"{number}-compute@developer.gserviceaccount.com" if number else ""


@inventory_rule(
    "cluster-agent-without-firewall-rights",
    Severity.LOW,
    Category.BROKEN_BINDING,
    needs=[Part.POLICIES, Part.CLUSTERS, Part.PROJECTS],
    techniques=["T1531"],
    equivalents=["gcpdiag:gke/WARN/2022_003"],
)
def cluster_agent_without_firewall_rights(inventory: Inventory, context: Context) -> Iterator[Match]:
    """The agent of GKE could not manage the firewall rules of the network that a cluster uses.

    ## Why it matters
    Load balancers are then made without the rules that let traffic in; the service looks right and is not reachable.

    ## What to do
    Grant the agent `roles/compute.securityAdmin` on the project of the network, or a custom role with the firewall
    permissions; or make the rules by hand, and mute this.

    ## Known false positives
    Organizations where the network team makes all rules by hand.

    ## Blind spots
    Networks of projects whose policies were not read.
    """
    for cluster in inventory.all(Cluster):
        host = inventory.project_id(project_of(cluster.network)) if cluster.network else cluster.project
        number = inventory.project_number(cluster.project)
        if not number:
            continue
        member = f"serviceAccount:service-{number}@container-engine-robot.iam.gserviceaccount.com"
        resource = project_name(host)
        held = roles_over(inventory, member, resource)
        if held is None:
            continue
        lacks = [name for name in _FIREWALLS if _holds(held, name, context, inventory) is False]
        if lacks:
            yield Match(
                subject=f"{cluster.id} {member}",
                title=f"The agent of GKE lacks {', '.join(lacks)} on project {host}, whose network {cluster.id} uses",
                resource_name=cluster.name,
                principal=member,
                confidence=_sureness(inventory, resource),
                evidence=(AssetRef(cluster.name), AssetRef(resource)),
                remediation=remedy(
                    "Let the agent manage firewall rules", AddBinding(resource, "roles/compute.securityAdmin", member)
                ),
            )


RULES: Final = (service_agent_without_role, node_account_without_roles, cluster_agent_without_firewall_rights)
