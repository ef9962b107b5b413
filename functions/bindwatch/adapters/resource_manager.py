"""Resource Manager, live: projects where Asset Inventory may not be asked, and the policies above a project."""

from collections.abc import Container
from typing import Any, Final

from bindwatch.adapters.google_apis import Call, GoogleApis, NotReadError
from bindwatch.inventory import Hint, InventoryBuilder, Origin, Part, read_inventory_document
from bindwatch.model.resource import canonical

_RM: Final = "cloudresourcemanager.googleapis.com"
_PROJECTS: Final = "google.cloud.resourcemanager_v3:ProjectsClient"
_FOLDERS: Final = "google.cloud.resourcemanager_v3:FoldersClient"
_ORGANIZATIONS: Final = "google.cloud.resourcemanager_v3:OrganizationsClient"


def _call(client: str, method: str, permission: str, level: str, role: str = "roles/browser") -> Call:
    return Call(_RM, client, method, (f"resourcemanager.{permission}",), role, level, 600)


SEARCH_PROJECTS: Final = _call(_PROJECTS, "search_projects", "projects.get", "project")
GET_PROJECT: Final = _call(_PROJECTS, "get_project", "projects.get", "project")
GET_FOLDER: Final = _call(_FOLDERS, "get_folder", "folders.get", "folder")
_POLICY_OF: Final = {
    f"{level}s": _call(client, "get_iam_policy", f"{level}s.getIamPolicy", level, "roles/iam.securityReviewer")
    for level, client in (("project", _PROJECTS), ("folder", _FOLDERS), ("organization", _ORGANIZATIONS))
}
CALLS: Final = (SEARCH_PROJECTS, GET_PROJECT, GET_FOLDER, *_POLICY_OF.values())


def find_projects(apis: GoogleApis, parent: str = "") -> list[str]:
    """The ids of the active projects directly below a folder or organization that the caller may see, or of all."""
    query = f"parent={parent} state=ACTIVE" if parent else "state=ACTIVE"
    return sorted(item["projectId"] for item in apis.items(SEARCH_PROJECTS, {"query": query, "page_size": 300}))


def read_ancestors(
    apis: GoogleApis, builder: InventoryBuilder, scope: str, known: Container[str] = ()
) -> tuple[str, ...]:
    """Read a project or folder, and the folders above it as far as they are not `known`; the names, nearest first.

    A policy above grants below: without it, nothing can be said of who has no access.
    """
    found: list[str] = []
    name, call = scope, GET_PROJECT if scope.startswith("projects/") else GET_FOLDER
    while True:
        try:
            item: dict[str, Any] = apis.get(call, {"name": name})
        except NotReadError as refused:
            builder.could_not_read(Part.HIERARCHY, canonical(name), refused.reason)
            return tuple(found)
        read_inventory_document(item, builder, origin=Origin(str(call)), hint=Hint(resource=canonical(name)))
        found.append(name)
        name, call = item.get("parent", ""), GET_FOLDER
        if not name or name in known:
            return tuple(found)
        if not name.startswith("folders/"):
            return (*found, name)


def read_above(apis: GoogleApis, builder: InventoryBuilder, scope: str, known: Container[str] = ()) -> tuple[str, ...]:
    """Read what stands above a project or folder and is not `known`, with its policies; the names, nearest first."""
    above = read_ancestors(apis, builder, scope, known)[1:]
    for container in above:
        read_policy(apis, builder, container)
    return above


def read_policy(apis: GoogleApis, builder: InventoryBuilder, container: str) -> bool:
    """Read the allow policy of `projects/p`, `folders/1` or `organizations/2`."""
    call = _POLICY_OF[container.partition("/")[0]]
    name = canonical(container)
    request = {"resource": container, "options": {"requested_policy_version": 3}}
    try:
        policy = apis.get(call, request)
    except NotReadError as refused:
        builder.could_not_read(Part.POLICIES, name, refused.reason)
        return False
    policy.setdefault("etag", "")
    return read_inventory_document(policy, builder, origin=Origin(str(call)), hint=Hint(resource=name))
