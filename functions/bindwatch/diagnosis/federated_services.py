"""What takes no tokens of federated identities, so that a workload must impersonate an account for it.

Source: https://docs.cloud.google.com/iam/docs/federated-identity-supported-services
"""

from functools import lru_cache
from importlib.resources import files

import msgspec


class _Table(msgspec.Struct):
    source: str
    as_of: str
    services: dict[str, str]
    fleet_services: dict[str, str]
    permissions: dict[str, str]
    roles: dict[str, str]
    methods: dict[str, str]
    workspace_source: str
    workspace: tuple[str, ...]


@lru_cache(maxsize=1)
def _table() -> _Table:
    data = files("bindwatch").joinpath("data/federated_services.json").read_bytes()
    return msgspec.json.decode(data, type=_Table)


def limitation(service: str, *, fleet: bool = False) -> str:
    """Why an API takes no tokens of federated identities (of a fleet's pool, with `fleet`); '' where none is known."""
    table = _table()
    if service in table.workspace:
        return "Google Workspace APIs act for users of a domain"
    return table.services.get(service, "") or (table.fleet_services.get(service, "") if fleet else "")


def limited_permission(permission: str) -> str:
    """Why a federated identity cannot use a permission, though it may hold it; '' where no limitation is known."""
    return _table().permissions.get(permission, "")


# Where the names of the roles of a service begin otherwise than the name of its API.
_OF_ROLE = {"source": "sourcerepo"}


def limited_role(role: str) -> str:
    """Why a role is of no use to a federated identity; '' where it is, or nothing is known against it."""
    name = role.removeprefix("roles/").partition(".")[0]
    return _table().roles.get(role, "") or _table().services.get(f"{_OF_ROLE.get(name, name)}.googleapis.com", "")


def limited_method(method: str) -> str:
    """Why a federated identity cannot call an API method; '' where no limitation is known."""
    methods = _table().methods
    found = (
        reason for name, reason in methods.items() if method == name or (name.endswith(".") and method.startswith(name))
    )
    return next(found, "")


LISTS_ON_BUCKET = "Cloud Storage takes federated identities only on buckets with uniform bucket-level access"
