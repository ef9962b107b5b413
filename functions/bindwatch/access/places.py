"""Where a resource stands in the hierarchy, and what kind it is, told from its name."""

from functools import lru_cache
from typing import Final

from bindwatch.inventory import Inventory
from bindwatch.knowledge.escalation import Level
from bindwatch.model.resource import path_of, service_of

SERVICE_ACCOUNT: Final = "iam.googleapis.com/ServiceAccount"
_MANAGER: Final = "//cloudresourcemanager.googleapis.com/"
_LEVELS: Final = {"organizations": Level.ORGANIZATION, "folders": Level.FOLDER, "projects": Level.PROJECT}

# The kind of a resource by its API and the last collection of its name, where an escalation path asks for it.
_KINDS: Final = {
    ("iam", "serviceAccounts"): SERVICE_ACCOUNT,
    ("compute", "instances"): "compute.googleapis.com/Instance",
    ("compute", "disks"): "compute.googleapis.com/Disk",
    ("container", "clusters"): "container.googleapis.com/Cluster",
    ("dataproc", "clusters"): "dataproc.googleapis.com/Cluster",
    ("notebooks", "instances"): "notebooks.googleapis.com/Instance",
    ("cloudfunctions", "functions"): "cloudfunctions.googleapis.com/CloudFunction",
    ("run", "services"): "run.googleapis.com/Service",
    ("run", "jobs"): "run.googleapis.com/Job",
    ("secretmanager", "secrets"): "secretmanager.googleapis.com/Secret",
    ("cloudkms", "cryptoKeys"): "cloudkms.googleapis.com/CryptoKey",
    ("cloudkms", "keyRings"): "cloudkms.googleapis.com/KeyRing",
    ("bigquery", "datasets"): "bigquery.googleapis.com/Dataset",
    ("bigquery", "tables"): "bigquery.googleapis.com/Table",
    ("bigqueryconnection", "connections"): "bigqueryconnection.googleapis.com/Connection",
    ("artifactregistry", "repositories"): "artifactregistry.googleapis.com/Repository",
    ("pubsub", "subscriptions"): "pubsub.googleapis.com/Subscription",
    ("pubsub", "topics"): "pubsub.googleapis.com/Topic",
}


@lru_cache(maxsize=65536)
def level_of(resource: str) -> Level:
    """The level at which a role bound on the resource is bound."""
    if resource.startswith(_MANAGER):
        collection, _, name = resource[len(_MANAGER) :].partition("/")
        if name and "/" not in name:
            return _LEVELS.get(collection, Level.RESOURCE)
    return Level.RESOURCE


def kind_of(resource: str, inventory: Inventory | None = None) -> str:
    """The asset type of a resource below a project; "" where neither the inventory nor the name tells."""
    known = inventory.resource(resource) if inventory is not None else None
    if known is not None and known.asset_type:
        return known.asset_type
    service = service_of(resource).partition(".")[0]
    if service == "storage":
        return "storage.googleapis.com/Bucket"
    words = path_of(resource).split("/")
    return _KINDS.get((service, words[-2]), "") if len(words) > 1 else ""


def condition_names(resource: str, project_number: str = "") -> tuple[str, ...]:
    """The ways a condition may have named a project, folder or organization in `resource.name`."""
    path = path_of(resource)
    names = [path, resource, resource.removeprefix("//")]
    if project_number and path.startswith("projects/"):
        numbered = f"projects/{project_number}"
        names += [numbered, _MANAGER + numbered, (_MANAGER + numbered).removeprefix("//")]
    return tuple(dict.fromkeys(names))


def account_names(account: str, inventory: Inventory) -> frozenset[str]:
    """The ways a condition may have named a service account, given by its full name, in `resource.name`."""
    known = inventory.service_account(account)
    project, email = account.partition("/projects/")[2].partition("/")[0], account.rpartition("/")[2]
    names = {account, account.removeprefix("//")}
    for home in (project, "-", inventory.project_number(project)):
        for name in (email, known.unique_id if known else ""):
            if home and name:
                path = f"projects/{home}/serviceAccounts/{name}"
                names |= {path, f"iam.googleapis.com/{path}", f"//iam.googleapis.com/{path}"}
    return frozenset(names)
