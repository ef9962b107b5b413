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
    "resourcemanager": ("resourcemanager", "iam"),
    "iam": ("iam",),
    "datastore": ("datastore", "firebase"),
    "container": ("container",),
    "logging": ("logging",),
}

# Roles made for one product's inner workings, or kept for old ACLs: the smallest by count, and nobody's choice.
_SPECIAL: Final = re.compile(r"legacy|expressMode|[Mm]igration|routine|[Ss]ervice(?:Input|Output)|[Pp]ersona")


def least_role(catalogue: RoleCatalogue, permission: str) -> str:
    """The predefined role with the permission and the fewest others; '' where no table at hand tells one.

    Roles of the permission's own service come first: those of others can mostly not be granted on its resources.
    """
    return choose(catalogue, permission) or _table().get(permission, "")


def choose(catalogue: RoleCatalogue, permission: str) -> str:
    """The least role out of what a catalogue knows completely; '' where it knows none."""
    service = permission.partition(".")[0]
    own = _ROLE_SERVICES.get(service, (service,))
    best: tuple[bool, int, str] | None = None
    for role in catalogue.roles_with(permission):
        if not suggestible(role) or not catalogue.complete_for(role) or _SPECIAL.search(role):
            continue
        mask = catalogue.mask(role) or 0
        rank = (role.removeprefix("roles/").partition(".")[0] not in own, mask.bit_count(), role)
        if best is None or rank < best:
            best = rank
    return best[2] if best is not None else ""


@lru_cache(maxsize=1)
def _table() -> dict[str, str]:
    data = files("bindwatch").joinpath("data/least_roles.json").read_bytes()
    table = msgspec.json.decode(data, type=_Table)
    return {permission: role for role, permissions in table.roles.items() for permission in permissions.split()}


class _Table(msgspec.Struct):
    source: str
    as_of: str
    roles: dict[str, str]
