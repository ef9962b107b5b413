"""The least role that has a permission, of the service the permission belongs to."""

import re
from functools import lru_cache
from importlib.resources import files
from typing import Final

import msgspec

from bindwatch.knowledge.role_cover import suggestible
from bindwatch.knowledge.roles import RoleCatalogue

# Services whose permissions and roles are named differently.
_ROLE_SERVICES: Final = {
    "resourcemanager": ("resourcemanager", "browser", "iam"),
    "iam": ("iam",),
    "datastore": ("datastore", "firebase"),
    "container": ("container",),
    "logging": ("logging",),
}

# Roles made for one product's inner workings, or kept for old ACLs: the smallest by count, and nobody's choice.
_SPECIAL: Final = re.compile(r"legacy|[Mm]igration|routine|[Ss]ervice(?:Input|Output)|[Pp]ersona")
# How the roles end that are made for whoever uses a product, and what may stand before that besides the kind of thing.
_PLAIN_ENDS: Final = frozenset(
    {"viewer", "reader", "browser", "user", "client", "consumer", "subscriber", "publisher", "accessor",
     "invoker", "runner", "caller", "enqueuer", "agent", "writer", "creator", "adder", "editor", "developer",
     "decrypter", "encrypter", "signer", "verifier", "requester", "receiver", "admin", "predictor"}
)  # fmt: skip
_PLAIN_HEADS: Final = frozenset(
    {"data", "metadata", "instance", "database", "object", "secret", "api", "service", "services", "log",
     "metric", "workload", "identity"}
)  # fmt: skip
_READS: Final = re.compile(
    r"(?:get(?!AccessToken|OpenIdToken)|list|read|select|search|query|view|beginReadOnly|useReadOnly|export|test|check|validate|connect)"
)
_WORDS: Final = re.compile(r"[a-z0-9]+|[A-Z][a-z0-9]*")


def least_role(catalogue: RoleCatalogue, permission: str) -> str:
    """The predefined role with the permission and the fewest others; '' where no table at hand tells one.

    Roles of the permission's own service come first: those of others can mostly not be granted on its resources. Of
    these, the ones made for users of the service; and for what only reads, the ones that only read.
    """
    known = _table().get(permission, "")
    if known and not catalogue.complete_for(known):
        return known  # the catalogue at hand is a part of all roles: it could not choose among them
    return choose(catalogue, permission) or known


def choose(catalogue: RoleCatalogue, permission: str) -> str:
    """The least role out of what a catalogue knows completely; '' where it knows none."""
    service = permission.partition(".")[0]
    own = _ROLE_SERVICES.get(service, (service,))
    reads = bool(_READS.match(permission.rpartition(".")[2]))
    best: tuple[bool, bool, bool, int, str] | None = None
    for role in catalogue.roles_with(permission):
        if not suggestible(role) or not catalogue.complete_for(role) or _SPECIAL.search(role):
            continue
        rank = (
            role.removeprefix("roles/").partition(".")[0] not in own,
            _is_odd(role, permission),
            reads and _writes(catalogue, role, service),
            (catalogue.mask(role) or 0).bit_count(),
            role,
        )
        if best is None or rank < best:
            best = rank
    return best[4] if best is not None else ""


def _is_odd(role: str, permission: str) -> bool:
    """Whether a role is named for something else than whoever uses the kind of thing the permission is about."""
    *head, last = [word.lower() for word in _WORDS.findall(role.removeprefix("roles/").partition(".")[2] or role[6:])]
    about = permission.lower()
    return last not in _PLAIN_ENDS or any(word not in _PLAIN_HEADS and word.rstrip("s") not in about for word in head)


def _writes(catalogue: RoleCatalogue, role: str, service: str) -> bool:
    """Whether a role does more in a service than to read and to connect: more than a tenth of what it may do there."""
    there = [name for name in catalogue.permissions(role) or () if name.startswith(f"{service}.")]
    return sum(not _READS.match(name.rpartition(".")[2]) for name in there) * 10 > len(there)


@lru_cache(maxsize=1)
def _table() -> dict[str, str]:
    data = files("bindwatch").joinpath("data/least_roles.json").read_bytes()
    table = msgspec.json.decode(data, type=_Table)
    return {permission: role for role, permissions in table.roles.items() for permission in permissions.split()}


class _Table(msgspec.Struct):
    source: str
    as_of: str
    roles: dict[str, str]
