"""What each function and command asks of Google Cloud: the permissions it needs, the narrowest roles, and where."""

from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bindwatch.adapters import (
    asset_inventory,
    cloud_logging,
    deployment,
    gke,
    iam_api,
    resource_manager,
    service_usage,
)
from bindwatch.adapters.google_apis import Call, GoogleApis

_BOUNDARIES: Final = (iam_api.LIST_BOUNDARIES, iam_api.SEARCH_BOUNDARY_BINDINGS)
_DENY: Final = (iam_api.LIST_DENY, iam_api.GET_DENY)

NEEDS: Final[Mapping[str, tuple[Call, ...]]] = MappingProxyType(
    {
        **deployment.CALLS,
        "scan": (
            *asset_inventory.CALLS,
            *resource_manager.CALLS,
            *_DENY,
            *_BOUNDARIES,
            cloud_logging.LIST_ENTRIES,
        ),
        "replay": (cloud_logging.LIST_ENTRIES, *deployment.STORE),
        "diagnose": (
            *gke.CALLS,
            *asset_inventory.CALLS,
            *resource_manager.CALLS,
            *service_usage.CALLS,
            *_DENY,
            *_BOUNDARIES,
            iam_api.LIST_ACCOUNTS,
            iam_api.LIST_KEYS,
            iam_api.GET_ACCOUNT_POLICY,
            cloud_logging.LIST_ENTRIES,
        ),
    }
)
"""The calls of each function, and of the commands that read history, a live scope and a live cluster."""


def roles_for(name: str) -> dict[tuple[str, str], list[str]]:
    """The roles a function needs, each with where it is granted: the permissions it is for."""
    roles: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for call in NEEDS[name]:
        held = roles[call.role, call.level]
        held += [permission for permission in call.permissions if permission not in held]
    return dict(roles)


_NOT_ASKED: Final = frozenset({"topic", "dead-letter topic", "dataset", "secret", deployment.START_QUERY.level})
_SCOPES: Final = {"organizations": "Organizations", "folders": "Folders", "projects": "Projects"}


def missing_on(apis: GoogleApis, scope: str, name: str) -> tuple[str, ...]:
    """The permissions of a function that the caller does not hold on `organizations/1`, `folders/2` or `projects/p`.

    Asked of the levels above a resource alone; topics and datasets are not asked. Raises NotReadError.
    """
    kind, _, _ = scope.partition("/")
    level = kind.removesuffix("s")
    asked = [call for call in NEEDS[name] if level in call.level and call.level not in _NOT_ASKED]
    wanted = sorted({permission for call in asked for permission in call.permissions})
    if not wanted:
        return ()
    client = f"google.cloud.resourcemanager_v3:{_SCOPES[kind]}Client"
    ask = Call("cloudresourcemanager.googleapis.com", client, "test_iam_permissions", (), "", level, 600)
    answer = apis.get(ask, {"resource": scope, "permissions": wanted})
    held = set(answer.get("permissions", []))
    return tuple(permission for permission in wanted if permission not in held)
