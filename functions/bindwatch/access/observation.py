"""Which uses of a permission the audit logs of a place can show at all."""

from typing import Final

from bindwatch.inventory import Inventory, Part
from bindwatch.knowledge.escalation import ACT_AS
from bindwatch.knowledge.permissions import Trait, canonical, trait
from bindwatch.model.principal import parse_member

ALL_TYPES: Final = frozenset({"ADMIN_READ", "DATA_READ", "DATA_WRITE"})

# Permission prefix -> the API audit configs name, where it is not `PREFIX.googleapis.com`.
_SERVICE_OF_PREFIX: Final = {"resourcemanager": "cloudresourcemanager", "billing": "cloudbilling"}

# Collections whose content is data: changing it is DATA_WRITE, which is off unless somebody switched it on.
_DATA: Final = (
    "artifactregistry.repositories.uploadArtifacts",
    "bigquery.jobs.",
    "bigquery.tables.updateData",
    "bigtable.tables.",
    "cloudfunctions.functions.invoke",
    "cloudkms.cryptoKeyVersions.use",
    "cloudtrace.",
    "datastore.entities.",
    "healthcare.",
    "logging.logEntries.",
    "monitoring.timeSeries.",
    "pubsub.subscriptions.consume",
    "pubsub.topics.publish",
    "redis.",
    "run.routes.invoke",
    "spanner.databases.",
    "spanner.sessions.",
    "storage.multipartUploads.",
    "storage.objects.",
)
_READING: Final = ("get", "list", "search", "fetch", "query", "view", "read", "check", "test", "lookup", "batchGet")
# Minting counts as reading data (https://cloud.google.com/iam/docs/audit-logging, iamcredentials).
_MINTING: Final = frozenset(
    f"iam.serviceAccounts.{verb}"
    for verb in ("getAccessToken", "getOpenIdToken", "signBlob", "signJwt", "implicitDelegation")
)


def audit_service(permission: str) -> str:
    """The API whose audit config decides whether uses of the permission are logged."""
    prefix = canonical(permission).partition(".")[0]
    if "/" in permission and not permission.partition("/")[0].endswith(".googleapis.com"):
        return permission.partition("/")[0]
    return f"{_SERVICE_OF_PREFIX.get(prefix, prefix)}.googleapis.com"


def log_types_of(permission: str) -> frozenset[str]:
    """The data-access log types that must be on to see every use; empty where admin activity shows it, always on.

    Of a verb that says neither reading nor writing, every type must be on.
    """
    key = canonical(permission)
    if key in _MINTING:
        return frozenset({"DATA_READ"})
    if key == ACT_AS:
        return frozenset()
    what = trait(key)
    if what is Trait.READ_CONFIG:
        reads = key.rpartition(".")[2].startswith(_READING)
        return frozenset({"ADMIN_READ", "DATA_READ"}) if reads else ALL_TYPES
    if what is Trait.READ_PAYLOAD:
        return frozenset({"DATA_READ"})
    return frozenset({"DATA_WRITE"}) if key.startswith(_DATA) else frozenset()


def logged_types(inventory: Inventory, resource: str, service: str, member: str) -> frozenset[str] | None:
    """The data-access log types a service writes for uses of a resource by a member; `None` where that is not known.

    Audit configs add up over project, folders and organization, those of `allServices` too; so do the exemptions.
    """
    ancestors = inventory.ancestors(resource)
    if not any(inventory.has(Part.POLICIES, name) for name in ancestors):
        return None
    identity = parse_member(member).identity
    found: set[str] = set()
    exempt: set[str] = set()
    for _, policy in inventory.policies_over(resource):
        for config in policy.audit_configs:
            if config.service not in ("allServices", service):
                continue
            for log in config.log_configs:
                found.add(log.log_type)
                if any(parse_member(one).identity == identity for one in log.exempted_members):
                    exempt.add(log.log_type)
    return frozenset(found - exempt)


def is_observable(inventory: Inventory, permission: str, resource: str, member: str) -> bool:
    """Whether a use of the permission there would surely be in the logs, so that none in them means none."""
    needed = log_types_of(permission)
    if not needed:
        return True
    logged = logged_types(inventory, resource, audit_service(permission), member)
    return logged is not None and needed <= logged
