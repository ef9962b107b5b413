"""The least role that has a permission, to be granted at the lowest level there is."""

from functools import lru_cache
from importlib.resources import files
from typing import Final

import msgspec

from bindwatch.knowledge.role_cover import RoleFinder
from bindwatch.knowledge.roles import RoleCatalogue

_FINDERS: Final[dict[int, tuple[RoleCatalogue, RoleFinder]]] = {}


def least_role(catalogue: RoleCatalogue, permission: str, resource: str) -> str:
    """The predefined role with the permission and the fewest others; '' where no table at hand tells one."""
    if catalogue.complete:
        cover = _finder(catalogue).cover((permission,))
        if cover.roles and not cover.uncovered:
            return cover.roles[0]
    return _table().get(permission, "")


def _finder(catalogue: RoleCatalogue) -> RoleFinder:
    # One catalogue serves a whole run; it is kept beside its finder so that its id stays its own.
    known = _FINDERS.get(id(catalogue))
    if known is None:
        _FINDERS.clear()
        known = _FINDERS[id(catalogue)] = (catalogue, RoleFinder(catalogue))
    return known[1]


@lru_cache(maxsize=1)
def _table() -> dict[str, str]:
    data = files("bindwatch").joinpath("data/least_roles.json").read_bytes()
    document = msgspec.json.decode(data, type=_Table)
    return document.roles


class _Table(msgspec.Struct):
    source: str
    as_of: str
    roles: dict[str, str]
