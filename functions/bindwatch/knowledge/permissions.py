"""The spellings of a permission, brought to one key.

Google writes the same permission three ways: custom roles and testIamPermissions say
`iam.workloadIdentityPoolProviders.create`; the predefined roles of roles.list say
`iam.googleapis.com/workloadIdentityPoolProviders.create` for the pool permissions (88 of them); a deny policy says
`SERVICE_FQDN/RESOURCE.VERB` for every permission (`cloudresourcemanager.googleapis.com/projects.setIamPolicy`).
"""

from enum import IntFlag
from functools import lru_cache

_GOOGLE = ".googleapis.com"

# API host -> permission prefix, where the first label of the host is not already the prefix.
_PREFIX_OF_HOST = {
    "cloudresourcemanager": "resourcemanager",
    "sqladmin": "cloudsql",
    "iamcredentials": "iam",
    "bigqueryconnection": "bigquery",
    "bigquerydatatransfer": "bigquery",
    "bigqueryreservation": "bigquery",
    "bigquerystorage": "bigquery",
    "cloudbilling": "billing",
    "firestore": "datastore",
}


@lru_cache(maxsize=65536)
def canonical(permission: str) -> str:
    """The one key of a permission, whichever of its spellings is given; `SERVICE.RESOURCE.VERB` for Google's own.

    A partner's permission (`gcp.redisenterprise.com/databases.get`) has one spelling and is returned as it is.
    """
    host, slash, rest = permission.partition("/")
    if not slash or not host.endswith(_GOOGLE):
        return permission
    service = host[: -len(_GOOGLE)]
    return f"{_PREFIX_OF_HOST.get(service, service)}.{rest}"


def pattern_matches(pattern: str, permission: str) -> bool:
    """Whether an entry of a deny or boundary policy names the permission.

    An entry is a permission or a group of them: `SERVICE_FQDN/*`, `SERVICE_FQDN/RESOURCE.*`, `SERVICE_FQDN/*.VERB`,
    or `*` (https://cloud.google.com/iam/docs/deny-permissions-support).
    """
    wanted, key = canonical(pattern), canonical(permission)
    if "*" not in wanted:
        return wanted == key
    if wanted in ("*", "*.*", "*.*.*"):
        return True
    prefix, _, tail = wanted.partition("*")
    return key.startswith(prefix) and key.endswith(tail) and len(key) > len(prefix) + len(tail)


class Trait(IntFlag):
    """What a permission lets its holder do, coarsely, by its verb: enough to rank roles no escalation path names."""

    SET_IAM_POLICY = 1
    DESTROY = 2
    WRITE = 4
    READ_PAYLOAD = 8
    READ_CONFIG = 16


_DESTROY = (
    "delete", "destroy", "purge", "remove", "drop", "revoke", "terminate", "disable", "wipe", "batchDelete",
    "bulkDelete",
)  # fmt: skip
_WRITE = (
    "create", "update", "set", "write", "patch", "insert", "add", "import", "upload", "modify", "edit", "put", "move",
    "enable", "deploy", "undeploy", "attach", "detach", "undelete", "batchCreate", "batchUpdate", "publish", "restore",
    "start", "stop", "reset", "cancel", "approve", "mutate", "bind", "apply", "rollback", "resize", "commit", "save",
    "deleteTagBinding", "run", "execute", "invoke", "submit", "send", "upgrade", "replace", "copy", "clone", "rotate",
)  # fmt: skip
_PAYLOAD = (
    "access", "getData", "readRows", "read", "readData", "download", "export", "pull", "consume", "getFilteredData",
    "getRawData", "getKeyString", "select", "getSerialPortOutput", "downloadArtifacts", "readFeatureValues",
    "getFileContents",
)  # fmt: skip
# The verb `get` reads content, not settings, on these.
_PAYLOAD_EXACT = frozenset(
    {"storage.objects.get", "datastore.entities.get", "container.secrets.get", "container.configMaps.get"}
)


@lru_cache(maxsize=65536)
def trait(permission: str) -> Trait:
    """The coarse class of a permission: the worst its verb allows. A verb nobody listed counts as reading settings."""
    key = canonical(permission)
    verb = key.rpartition(".")[2]
    if verb == "setIamPolicy":
        return Trait.SET_IAM_POLICY
    if key in _PAYLOAD_EXACT or verb in _PAYLOAD:
        return Trait.READ_PAYLOAD
    if verb not in _WRITE and _starts(verb, _DESTROY):
        return Trait.DESTROY
    if _starts(verb, _WRITE):
        return Trait.WRITE
    return Trait.READ_CONFIG


def _starts(verb: str, words: tuple[str, ...]) -> bool:
    """Whether the verb is one of the words, or begins with one that ends at a capital (`updateData`)."""
    return any(verb == word or (verb.startswith(word) and verb[len(word)].isupper()) for word in words)
