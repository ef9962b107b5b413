"""Cloud Asset Inventory, live: everything of a scope in a few long lists, which cost nothing and see every project."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from bindwatch.adapters.google_apis import Call, GoogleApis, NotReadError, Refusal
from bindwatch.inventory import InventoryBuilder, Origin, Part, read_inventory_document
from bindwatch.inventory.parsers.kinds import BY_ASSET_TYPE
from bindwatch.model.resource import canonical

_CLIENT: Final = "google.cloud.asset_v1:AssetServiceClient"
_SCOPE: Final = "organization, folder or project"
_VIEWER: Final = "roles/cloudasset.viewer"
_SERVICE: Final = "cloudasset.googleapis.com"


def _list_assets(permission: str) -> Call:
    # ListAssets: 100 a minute and project, 800 a minute and organization (Cloud Asset Inventory quotas).
    return Call(_SERVICE, _CLIENT, "list_assets", (permission,), _VIEWER, _SCOPE, 100)


LIST_RESOURCES: Final = _list_assets("cloudasset.assets.listResource")
LIST_POLICIES: Final = _list_assets("cloudasset.assets.listIamPolicy")
LIST_ORG_POLICIES: Final = _list_assets("cloudasset.assets.listOrgPolicy")
SEARCH_POLICIES: Final = Call(
    _SERVICE,
    _CLIENT,
    "search_all_iam_policies",
    ("cloudasset.assets.searchAllIamPolicies",),
    _VIEWER,
    _SCOPE,
    400,
)
CALLS: Final = (LIST_RESOURCES, LIST_POLICIES, LIST_ORG_POLICIES, SEARCH_POLICIES)

# Kubernetes objects that say something of identity; Asset Inventory holds those of every GKE cluster.
_KUBERNETES_TYPES: Final = (
    "k8s.io/Namespace",
    "k8s.io/Node",
    "k8s.io/Pod",
    "k8s.io/ServiceAccount",
    "apps.k8s.io/DaemonSet",
    "apps.k8s.io/Deployment",
    "apps.k8s.io/StatefulSet",
    "batch.k8s.io/CronJob",
    "batch.k8s.io/Job",
    "networking.k8s.io/NetworkPolicy",
)
# Not kept by Asset Inventory under any name that is documented: read from the IAM API instead.
_ELSEWHERE: Final = frozenset({Part.DENY_POLICIES, Part.BOUNDARIES, Part.BOUNDARY_BINDINGS})
ASSET_TYPES: Final = (
    *(name for name, kind in BY_ASSET_TYPE.items() if kind.part not in _ELSEWHERE),
    *_KUBERNETES_TYPES,
)
_PAGE: Final = 1000
_CONTAINERS: Final = frozenset(
    f"cloudresourcemanager.googleapis.com/{kind}" for kind in ("Organization", "Folder", "Project")
)


class AssetReader:
    """Reads a scope (`organizations/1`, `folders/2`, `projects/p`) into a builder; what it may not read it notes."""

    def __init__(
        self,
        apis: GoogleApis,
        scope: str,
        builder: InventoryBuilder,
        refused_types: dict[str, str] | None = None,
        took: Callable[[int], None] = lambda assets: None,
    ) -> None:
        """`refused_types` may be shared by readers of several scopes: what one finds out, the next need not ask.

        `took` is told of each asset that was read.
        """
        self._took = took
        self._apis = apis
        self._refused_types = {} if refused_types is None else refused_types
        self._scope = scope
        self._builder = builder
        self._name = canonical(scope)
        self._containers: set[str] = {scope}
        self.was_denied = False
        """Whether the resources of this scope may not be listed at all; smaller scopes within it perhaps may."""

    def read(self) -> bool:
        """Read resources, allow policies and organization policies. True if nothing at all was refused."""
        resources = self._read_resources()
        policies = self._read_policies()
        return self._read_org_policies() and resources and policies

    @property
    def containers(self) -> tuple[str, ...]:
        """The projects, folders and organization that were seen, `projects/NUMBER` for a project; sorted."""
        return tuple(sorted(self._containers))

    def _read_resources(self) -> bool:
        refused: dict[Part, str] = {
            BY_ASSET_TYPE[name].part: reason for name, reason in self._refused_types.items() if name in BY_ASSET_TYPE
        }
        taken: set[Part] = set()
        for types in _in_groups(name for name in ASSET_TYPES if name not in self._refused_types):
            for some, reason in self._read_types(types):
                for name in some:
                    kind = BY_ASSET_TYPE.get(name)
                    if kind is None:
                        continue
                    if reason:
                        refused[kind.part] = reason
                    else:
                        taken.add(kind.part)
        # A part some of whose types were refused was not seen whole.
        for part, reason in refused.items():
            self._builder.could_not_read(part, self._name, reason)
        for part in taken - refused.keys():
            self._builder.saw(part, self._name)
            for container in self._containers:
                self._saw_exported("resource", part, container)
        return not refused

    def _read_types(self, types: Sequence[str]) -> Iterator[tuple[Sequence[str], str]]:
        """Read some types, and say of each whether it was refused: one that is not known there refuses them all."""
        request = {"parent": self._scope, "content_type": "RESOURCE", "asset_types": list(types), "page_size": _PAGE}
        try:
            for asset in self._apis.items(LIST_RESOURCES, request):
                self._take(asset)
        except NotReadError as error:
            self.was_denied |= error.refusal is Refusal.DENIED
            if error.refusal is not Refusal.INVALID:
                yield types, error.reason
                return
            if len(types) == 1:
                self._refused_types[types[0]] = error.reason
                yield types, error.reason
                return
            half = len(types) // 2
            yield from self._read_types(types[:half])
            yield from self._read_types(types[half:])
            return
        yield types, ""

    def _read_policies(self) -> bool:
        request = {"parent": self._scope, "content_type": "IAM_POLICY", "page_size": _PAGE}
        try:
            for asset in self._apis.items(LIST_POLICIES, request):
                self._take(asset)
        except NotReadError as error:
            self._builder.could_not_read(Part.POLICIES, self._name, error.reason)
            if error.refusal is Refusal.DENIED:
                self._search_policies()
            return False
        self._builder.saw(Part.POLICIES, self._name)
        for container in self._containers:
            self._saw_exported("iam-policy", Part.POLICIES, container)
        return True

    def _search_policies(self) -> None:
        """What a search shows of the policies: enough to find what is there, not to say what is not."""
        request = {"scope": self._scope, "page_size": 500}
        try:
            for result in self._apis.items(SEARCH_POLICIES, request):
                self._take(result)
        except NotReadError as error:
            self._builder.note(f"policies could not be searched either: {error.reason}")

    def _read_org_policies(self) -> bool:
        request = {"parent": self._scope, "content_type": "ORG_POLICY", "page_size": _PAGE}
        try:
            for asset in self._apis.items(LIST_ORG_POLICIES, request):
                self._take(asset)
        except NotReadError as error:
            self._builder.could_not_read(Part.ORG_POLICIES, self._name, error.reason)
            return False
        self._builder.saw(Part.ORG_POLICIES, self._name)
        for container in self._containers:
            self._saw_exported("org-policy", Part.ORG_POLICIES, container)
        return True

    def _take(self, asset: dict[str, Any]) -> None:
        resource = asset.get("resource")
        if isinstance(resource, dict):
            resource["data"] = _whole_numbers(resource.get("data"))
            if asset.get("assetType") in _CONTAINERS:
                self._containers.add(asset["name"].removeprefix("//cloudresourcemanager.googleapis.com/"))
        read_inventory_document(asset, self._builder, origin=Origin(str(LIST_RESOURCES)))
        self._took(1)

    def _saw_exported(self, content: str, part: Part, container: str) -> None:
        """A list of the scope holds all there is of its containers, also of those it shows nothing of."""
        kind, _, name = container.partition("/")
        if kind == "projects":
            self._builder.saw_exported(content, part, name)
        else:
            self._builder.saw(part, canonical(container))


def _in_groups(types: Iterable[str]) -> Iterator[Sequence[str]]:
    """Resource Manager first: it tells numbers from ids. The rest together: a list costs quota by page, not by type."""
    rest = [name for name in types if name not in _CONTAINERS]
    yield sorted(_CONTAINERS)
    yield rest


def _whole_numbers(value: Any) -> Any:
    """Protocol buffers keep every number of free-form JSON as a float; REST shows whole ones whole."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole_numbers(item) for item in value]
    return value
