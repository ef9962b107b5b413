"""Reading decoded JSON into a builder: what a document is, told by its content, and where its parts go."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any, Final

import msgspec

from bindwatch.inventory.builder import PART_OF, Entity, InventoryBuilder
from bindwatch.inventory.clusters import Cluster, NodePool
from bindwatch.inventory.coverage import Origin, Part
from bindwatch.inventory.hierarchy import DenyPolicy, Folder, LogSink, Organization, OrgPolicy, Project
from bindwatch.inventory.identities import IdentityPoolProvider, Role, ServiceAccountKey
from bindwatch.inventory.layout import NO_HINT, Hint, hint_from_name
from bindwatch.inventory.parsers import workloads
from bindwatch.inventory.parsers.hierarchy import org_policy
from bindwatch.inventory.parsers.kinds import BY_ASSET_TYPE, BY_PART, GROUP, LIST_KEYS, RUNTIME, Kind, kind_of
from bindwatch.inventory.parsers.place import Place
from bindwatch.inventory.parsers.policies import parse_policy
from bindwatch.model.document import Document
from bindwatch.model.resource import bucket_name, canonical, project_name, project_of


class DocumentKind(StrEnum):
    """What a JSON document is, as far as its own content tells."""

    LOG_ENTRY = "log entry"
    INVENTORY = "inventory"
    KUBERNETES = "kubernetes"
    POLICY = "policy"
    BUNDLE = "bundle"
    TERRAFORM_PLAN = "terraform plan"
    UNKNOWN = "unknown"


def classify(value: object) -> DocumentKind:
    """What a JSON value is. Cheap: it looks at the keys of one object, the first of a list."""
    for _ in range(2):
        if isinstance(value, list):
            value = next((item for item in value[:20] if isinstance(item, dict)), None)
    if not isinstance(value, dict):
        return DocumentKind.UNKNOWN
    if "format_version" in value and ("terraform_version" in value or "resource_changes" in value):
        return DocumentKind.TERRAFORM_PLAN
    if "logName" in value or "log_name" in value or "protoPayload" in value or "insertId" in value:
        return DocumentKind.LOG_ENTRY
    if isinstance(value.get("entries"), list):
        return DocumentKind.BUNDLE if _holds_documents(value, beside="entries") else classify(value["entries"])
    doc = Document(value)
    if isinstance(value.get("apiVersion"), str) and isinstance(value.get("kind"), str):
        return DocumentKind.KUBERNETES
    if (
        _is_asset(doc)
        or _is_search_policy(doc)
        or "could_not_read" in value
        or _is_feed(doc)
        or _is_effective_policies(doc)
        or _is_ancestor_policy(doc)
    ):
        return DocumentKind.INVENTORY
    if kind_of(doc) is not None:
        return DocumentKind.INVENTORY
    lists = [key for key in LIST_KEYS & value.keys() if isinstance(value[key], list)]
    if lists:
        alone = len(lists) == 1 and not _holds_documents(value, beside=lists[0])
        return DocumentKind.INVENTORY if alone else DocumentKind.BUNDLE
    if _is_policy(value):
        return DocumentKind.POLICY
    return DocumentKind.BUNDLE if _holds_documents(value) else DocumentKind.UNKNOWN


def looks_like_inventory(value: object) -> bool:
    """Whether `read_inventory_document` is the reader for a JSON value."""
    return classify(value) not in (DocumentKind.LOG_ENTRY, DocumentKind.TERRAFORM_PLAN, DocumentKind.UNKNOWN)


_DEEPEST: Final = 3


def _holds_documents(value: dict[Any, Any], beside: str = "", depth: int = _DEEPEST) -> bool:
    """Whether an object that is nothing itself holds documents under names of its own: somebody put them together."""
    return any(
        _is_document(inner) or (depth > 0 and isinstance(inner, dict) and _holds_documents(inner, depth=depth - 1))
        for key, inner in value.items()
        if key != beside and isinstance(inner, dict | list)
    )


def _is_document(value: object) -> bool:
    """Whether a value says itself what it is, whatever name it stands under."""
    if isinstance(value, list):
        value = next((item for item in value[:20] if isinstance(item, dict)), None)
    if not isinstance(value, dict) or not value:
        return False
    doc = Document(value)
    return (
        (isinstance(value.get("bindings"), list) and _is_policy(value))
        or isinstance(value.get("protoPayload"), dict)
        or _is_kubernetes_document(value)
        or _is_asset(doc)
        or _is_search_policy(doc)
        or kind_of(doc) is not None
    )


def _is_kubernetes_document(value: dict[Any, Any]) -> bool:
    version, kind = value.get("apiVersion"), value.get("kind")
    if not isinstance(version, str) or not isinstance(kind, str):
        return False
    return isinstance(value.get("metadata"), dict) or isinstance(value.get("items"), list)


def unbundle(value: object) -> Iterator[tuple[str, Any]]:
    """The documents somebody put together in one object, each with the names it stands under: `inventory/cluster`."""
    if classify(value) is DocumentKind.BUNDLE and isinstance(value, dict):
        yield from _unbundled(value, "", _DEEPEST)


def _unbundled(value: dict[Any, Any], above: str, depth: int) -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        name = f"{above}{str(key).replace('/', '%2F')}"
        if not isinstance(inner, dict | list):
            continue
        if depth and isinstance(inner, dict) and inner and classify(inner) in (
            DocumentKind.BUNDLE, DocumentKind.UNKNOWN
        ):  # fmt: skip
            yield from _unbundled(inner, f"{name}/", depth - 1)
        else:
            yield name, inner


def read_inventory_document(
    value: object, builder: InventoryBuilder, *, origin: Origin, hint: Hint | None = None
) -> bool:
    """Read one decoded JSON value into a builder; false if it is nothing that an inventory is made of.

    Takes an asset, a search result, a feed message, a Kubernetes object or list, an allow policy, what gcloud lists or
    describes, and the bodies that Google's APIs answer lists with. Never raises: a bad item becomes a `Problem` of the
    builder, a kind that is not read is counted there, and the rest is read.
    """
    return _Reader(builder, origin, hint or NO_HINT).read(value)


def _is_asset(doc: Document) -> bool:
    return bool(doc.text("assetType")) and bool(doc.text("name"))


def _is_search_policy(doc: Document) -> bool:
    return bool(doc.text("resource")) and bool(doc.document("policy"))


def _is_kubernetes(item: dict[Any, Any]) -> bool:
    kind, version = item.get("kind"), item.get("apiVersion")
    if not isinstance(kind, str) or not isinstance(version, str) or kind.endswith("List"):
        return False
    return not ("knative.dev/" in version or version.startswith("run.googleapis.com/"))


def _has_metadata_only(item: dict[Any, Any]) -> bool:
    """Whether it is an object out of a list of Kubernetes' API, where the list alone says the kind."""
    return "kind" not in item and isinstance(item.get("metadata"), dict)


def _is_feed(doc: Document) -> bool:
    return _is_asset(doc.document("asset")) or _is_asset(doc.document("priorAsset"))


def _is_ancestor_policy(doc: Document) -> bool:
    return doc.text("type") in ("project", "folder", "organization") and bool(doc.text("id")) and doc.has("policy")


def _is_effective_policies(doc: Document) -> bool:
    return bool(doc.text("fullResourceName")) and bool(doc.documents("policies"))


def _is_policy(value: dict[Any, Any]) -> bool:
    audits = value.get("auditConfigs", value.get("audit_configs"))
    if isinstance(value.get("bindings"), list) or isinstance(audits, list):
        return "name" not in value
    return set(value) <= {"etag", "version"} and isinstance(value.get("etag"), str)


# What an export may hold of a resource besides its data and its policies.
_OTHER_CONTENT: Final = (
    "accessPolicy",
    "accessLevel",
    "servicePerimeter",
    "osInventory",
    "relatedAssets",
    "relatedAsset",
)

# How the types of Kubernetes objects are spelled in an export: `k8s.io/Pod`, `apps.k8s.io/Deployment`.
_KUBERNETES_TYPE: Final = "k8s.io/"

_PART_OF_KIND: Final = {
    "ServiceAccount": Part.KUBERNETES_SERVICE_ACCOUNTS,
    "Pod": Part.PODS,
    "Node": Part.NODES,
    "Namespace": Part.NAMESPACES,
    "NetworkPolicy": Part.NETWORK_POLICIES,
    "Event": Part.KUBERNETES_EVENTS,
}


class _Reader:
    """One document on its way into a builder."""

    def __init__(self, builder: InventoryBuilder, origin: Origin, hint: Hint) -> None:
        self.builder = builder
        self.origin = origin
        self.hint = hint
        self.place = Place(
            project=hint.project, parent=hint.resource, cluster=hint.cluster, service_account=hint.service_account
        )

    def read(self, value: object) -> bool:
        if isinstance(value, list):
            return self._list(value, "")
        if not isinstance(value, dict):
            return False
        doc = Document(value)
        if not value and self.hint.part is not None:
            # The APIs leave an empty list out: `{}` is a list of nothing.
            self._saw_part(self.hint.part)
            return True
        return self._object(doc, value)

    def _object(self, doc: Document, value: dict[Any, Any]) -> bool:
        if doc.text("could_not_read"):
            return self._could_not_read(doc)
        if doc.document("error") and doc.has("error.code"):
            return self._refused(doc)
        if _is_search_policy(doc):
            return self._search_policy(doc, value)
        if _is_asset(doc):
            return self._asset(doc, value)
        if _is_feed(doc):
            return self._feed(doc, value)
        if _is_effective_policies(doc):
            return self._effective_policies(doc, value)
        if _is_ancestor_policy(doc):
            name = canonical(f"{doc.text('type')}s/{doc.text('id')}")
            return self._policy(value.get("policy"), name)
        if doc.text("apiVersion") and doc.text("kind"):
            return self._kubernetes(doc, value)
        if (kind := kind_of(doc)) is not None:
            return self._item(doc, kind, listed=False)
        keys = [key for key in LIST_KEYS & value.keys() if isinstance(value[key], list)]
        if len(keys) == 1 and not _holds_documents(value, beside=keys[0]):
            whole = not doc.text("nextPageToken")
            if not whole:
                self.builder.note(f"{self.origin}: one page of several, so what is not on it may still exist")
            return self._list(value[keys[0]], keys[0], whole=whole)
        if _is_policy(value):
            return self._policy(value, _bucket_of(doc) or self.hint.resource)
        if isinstance(value.get("constraints"), list):
            self.builder.skip("constraints", "definitions of constraints, not what is set")
            return True
        if (kind := BY_PART.get(self.hint.part) if self.hint.part else None) is not None:
            return self._item(doc, kind, listed=False)
        return self._bundle(value)

    def _bundle(self, value: dict[Any, Any]) -> bool:
        """Documents that somebody put together under names of their own, which tell what they are."""
        taken = False
        for name, inner in unbundle(value):
            origin = Origin(f"{self.origin.file}/{name}", self.origin.line)
            hint = hint_from_name(name) or self.hint
            taken |= _Reader(self.builder, origin, hint).read(inner)
        return taken

    # Lists

    def _saw_part(self, part: Part) -> None:
        """Note that the document lists all there is of a part: in its scope, or in one namespace of its cluster."""
        if self.hint.namespace:
            self.builder.saw_kubernetes(part, self.hint.cluster, self.hint.namespace, self.origin)
        else:
            self.builder.saw(part, self.hint.scope)

    def _list(self, items: list[Any], key: str, *, whole: bool = True) -> bool:
        if whole and self.hint.part is not None:
            self._saw_part(self.hint.part)
        taken = not items
        if items and all(isinstance(item, dict) and _is_kubernetes(item) for item in items):
            return self._kubernetes(Document({"kind": "List"}), {"kind": "List", "items": items})
        if items and self.hint.kind and all(isinstance(item, dict) and _has_metadata_only(item) for item in items):
            listing = {"kind": f"{self.hint.kind}List", "items": items}
            return self._kubernetes(Document(listing), listing)
        for item in items:
            if not isinstance(item, dict):
                self.builder.problem(self.origin, key, "expected an object in the list")
                continue
            doc = Document(item)
            kind = None if _is_asset(doc) or _is_search_policy(doc) or doc.text("apiVersion") else kind_of(doc, key)
            if kind is not None:
                taken |= self._item(doc, kind, listed=whole)
            else:
                taken |= self._object(doc, item)
        return taken

    def _item(self, doc: Document, kind: Kind, *, listed: bool) -> bool:
        if kind is GROUP and not doc.text("group"):
            return False
        self._take(kind.parse(doc, self.place), listed=listed, what=kind.part.replace("-", " "))
        return True

    def _take(self, entities: Iterable[Entity], *, listed: bool, what: str, partial: bool = False) -> None:
        empty = True
        for entity in entities:
            empty = False
            named_only = (isinstance(entity, DenyPolicy) and not entity.rules) or (
                isinstance(entity, Role) and not entity.lists_permissions
            )
            self.builder.add(entity, self.origin, partial=partial or named_only)
            if isinstance(entity, Cluster) and entity.lists_node_pools:
                self.builder.saw(Part.NODE_POOLS, entity.name)
            if listed and not named_only:
                part, scope = _scope_of(entity)
                if scope is not None:
                    self.builder.saw(part, scope)
        if empty:
            self.builder.problem(self.origin, what, "too little in it to know what it is")

    # Cloud Asset Inventory

    def _asset(self, doc: Document, value: dict[Any, Any]) -> bool:
        name, asset_type = doc.text("name"), doc.text("assetType")
        ancestors = doc.texts("ancestors")
        parent = doc.text("resource.parent")
        home = ancestors[0] if ancestors and ancestors[0].startswith("projects/") else ""
        if not home and parent.startswith("//cloudresourcemanager.googleapis.com/projects/"):
            home = parent.removeprefix("//cloudresourcemanager.googleapis.com/")
        if ancestors:
            self.builder.add_ancestors(name, ancestors)
        elif home:
            self.builder.add_ancestors(name, (home,))
        project = home.removeprefix("projects/") or project_of(name)
        found = False
        policy = value.get("iamPolicy", value.get("iam_policy"))
        if policy is not None:
            found = True
            self.builder.add_policy(
                name, parse_policy(policy, self._report), asset_type=asset_type, update_time=doc.text("updateTime")
            )
            self.builder.saw_exported("iam-policy", Part.POLICIES, project)
        for item in doc.documents("orgPolicy"):
            found = True
            self._take(org_policy(item, Place(name=name)), listed=False, what="orgPolicy")
            self.builder.saw_exported("org-policy", Part.ORG_POLICIES, project)
        if doc.has("resource"):
            found = True
            self._resource(doc, value, name, asset_type, project)
        elif not found and any(doc.has(content) for content in _OTHER_CONTENT):
            self.builder.skip(asset_type, "its access levels, perimeters and software are not read")
        elif not found and self._is_search_resource(doc):
            self._search_resource(doc, name, asset_type, project)
        elif not found:
            self.builder.skip(asset_type, "an asset without content")
        return True

    def _resource(self, doc: Document, value: dict[Any, Any], name: str, asset_type: str, project: str) -> None:
        body = value.get("resource")
        data: object = body.get("data") if isinstance(body, dict) else None
        if isinstance(data, str):
            # An export to BigQuery keeps the data as text.
            try:
                data = msgspec.json.decode(data)
            except (msgspec.DecodeError, UnicodeError, RecursionError):
                data = None
        if not isinstance(data, dict):
            self.builder.problem(self.origin, "resource.data", f"expected the {asset_type} itself")
            return
        parent = doc.text("resource.parent")
        place = Place(
            name=canonical(name),
            asset_type=asset_type,
            project=project,
            parent=canonical(parent) if parent.startswith("//") else "",
        )
        kind = BY_ASSET_TYPE.get(asset_type)
        if kind is not None:
            self.builder.saw_exported("resource", kind.part, project)
            self._take(kind.parse(Document(data), place), listed=False, what=asset_type)
            return
        if _KUBERNETES_TYPE in asset_type and "/k8s/" in name:
            self._kubernetes_item(
                Document(data), asset_type.rpartition("/")[2], canonical(name.partition("/k8s/")[0]), listed=True
            )
            return
        self.builder.saw_exported("resource", None, project)
        self.builder.skip(asset_type, "not a type that is read")

    def _feed(self, doc: Document, value: dict[Any, Any]) -> bool:
        asset = value.get("asset")
        if doc.flag("deleted") or not isinstance(asset, dict) or not _is_asset(Document(asset)):
            self.builder.skip(doc.text("priorAsset.assetType") or doc.text("asset.assetType"), "deleted since")
            return True
        return self._asset(Document(asset), asset)

    def _effective_policies(self, doc: Document, value: dict[Any, Any]) -> bool:
        """What applies to a resource, as Asset Inventory puts it together: its own policy and those above it."""
        attached = [
            (canonical(name), item.get("policy"))
            for item in value["policies"]
            if isinstance(item, dict) and (name := Document(item).text("attachedResource"))
        ]
        above = [name.partition("//cloudresourcemanager.googleapis.com/")[2] for name, _ in attached]
        self.builder.add_ancestors(canonical(doc.text("fullResourceName")), tuple(name for name in above if name))
        for name, policy in attached:
            self._policy(policy, name)
        return True

    def _search_policy(self, doc: Document, value: dict[Any, Any]) -> bool:
        name = doc.text("resource")
        searched = any(doc.has(field) for field in ("assetType", "project", "folders", "organization", "explanation"))
        if not searched:
            # Nobody's search: a policy that somebody wrote down with the name of its resource.
            return self._policy(value.get("policy"), canonical(name))
        self._placed_by_search(doc, name)
        self.builder.add_policy(
            name, parse_policy(value.get("policy"), self._report), asset_type=doc.text("assetType"), partial=True
        )
        self.builder.saw_exported("iam-policy", Part.POLICIES, doc.text("project").removeprefix("projects/"))
        return True

    def _placed_by_search(self, doc: Document, name: str) -> None:
        chain = (doc.text("project"), *doc.texts("folders"), doc.text("organization"))
        self.builder.add_ancestors(name, tuple(item for item in chain if item))

    @staticmethod
    def _is_search_resource(doc: Document) -> bool:
        return any(
            doc.has(field) for field in ("parentFullResourceName", "additionalAttributes", "displayName", "project")
        )

    def _search_resource(self, doc: Document, name: str, asset_type: str, project: str) -> None:
        self._placed_by_search(doc, name)
        kind = BY_ASSET_TYPE.get(asset_type)
        for item in doc.documents("versionedResources"):
            if kind is not None and item.document("resource"):
                place = Place(name=canonical(name), asset_type=asset_type, project=project)
                self._take(kind.parse(item.document("resource"), place), listed=False, what=asset_type)
                return
        if kind is None or kind.part not in (Part.PROJECTS, Part.HIERARCHY, Part.SERVICE_ACCOUNTS):
            self.builder.skip(asset_type, "a search result has no configuration in it")
            return
        parent = doc.text("parentFullResourceName")
        place = Place(
            name=canonical(name),
            asset_type=asset_type,
            project=doc.text("project").removeprefix("projects/") or project,
            parent=canonical(parent) if parent else "",
        )
        self._take(kind.parse(doc, place), listed=False, what=asset_type, partial=True)
        self.builder.saw_exported("resource", kind.part, place.project)

    # Policies

    def _policy(self, value: object, resource: str) -> bool:
        policy = parse_policy(value, self._report)
        if resource:
            self.builder.add_policy(resource, policy)
            self.builder.saw(Part.POLICIES, resource)
        else:
            self.builder.add_bare_policy(policy, self.origin)
        return True

    def _report(self, field: str, problem: str) -> None:
        self.builder.problem(self.origin, field, problem)

    # Kubernetes

    def _kubernetes(self, doc: Document, value: dict[Any, Any]) -> bool:
        kind = doc.text("kind")
        if not kind.endswith("List") or not isinstance(value.get("items"), list):
            if "knative.dev/" in doc.text("apiVersion") or doc.text("apiVersion").startswith("run.googleapis.com/"):
                return self._item(doc, RUNTIME, listed=False)
            self._kubernetes_item(doc, kind, self.hint.cluster, listed=False)
            return True
        if self.hint.part is not None:
            self._saw_part(self.hint.part)
        elif len({Document(item).text("metadata.namespace") for item in value["items"]} - {""}) > 1:
            # Only a list of all namespaces shows more than one; so it lists all there is of every kind in it.
            for name in {Document(item).text("kind") or kind.removesuffix("List") for item in value["items"]}:
                if part := _part_of(name):
                    self.builder.saw_kubernetes(part, self.hint.cluster, "", self.origin)
        elif not value["items"] and self.hint.cluster and (part := _part_of(kind.removesuffix("List"))):
            self.builder.saw(part, self.hint.cluster)
        for item in value["items"]:
            if not isinstance(item, dict):
                self.builder.problem(self.origin, "items", "expected an object in the list")
                continue
            child = Document(item)
            self._kubernetes_item(
                child, child.text("kind") or kind.removesuffix("List"), self.hint.cluster, listed=True
            )
        return True

    def _kubernetes_item(self, doc: Document, kind: str, cluster: str, *, listed: bool) -> None:
        if not workloads.is_read(kind):
            self.builder.skip(f"Kubernetes {kind}", "says nothing of identity")
            return
        empty = True
        for entity in workloads.kubernetes_object(doc, Place(cluster=cluster), kind):
            empty = False
            self.builder.add(entity, self.origin)
            if listed and (part := _part_of(kind)):
                namespace = getattr(entity, "namespace", "")
                self.builder.saw_kubernetes(part, cluster, namespace, self.origin)
        if empty and not doc.text("metadata.name"):
            self.builder.problem(self.origin, f"{kind}.metadata.name", "expected a name")

    # What could not be read

    def _could_not_read(self, doc: Document) -> bool:
        try:
            part = Part(doc.text("could_not_read"))
        except ValueError:
            self.builder.problem(self.origin, "could_not_read", "expected the name of a part")
            return True
        self.builder.could_not_read(part, doc.text("scope"), doc.text("reason"))
        return True

    def _refused(self, doc: Document) -> bool:
        reason = f"{doc.text('error.code')} {doc.text('error.status')}: {doc.text('error.message')}"
        if self.hint.part is not None:
            self.builder.could_not_read(self.hint.part, self.hint.scope, reason)
        else:
            self.builder.problem(self.origin, "error", f"the API's refusal, not its answer: {reason}")
        return True


def _bucket_of(policy: Document) -> str:
    """The bucket of a policy as Cloud Storage answers it; '' for any other policy."""
    path = policy.text("resourceId").removeprefix("projects/_/buckets/")
    return bucket_name(path) if policy.text("kind") == "storage#policy" and path and "/" not in path else ""


def _part_of(kind: str) -> Part | None:
    return _PART_OF_KIND.get(kind) or (Part.WORKLOADS if workloads.is_workload(kind) else None)


def _scope_of(entity: Entity) -> tuple[Part, str | None]:
    """The part a listed entity belongs to and the scope its list covers; None where a list covers nothing for sure."""
    match entity:
        case Project() | Folder() | Organization():
            return Part.PROJECTS, None
        case ServiceAccountKey():
            return Part.KEYS, entity.name.partition("/keys/")[0]
        case NodePool():
            return Part.NODE_POOLS, entity.cluster
        case IdentityPoolProvider():
            return Part.PROVIDERS, entity.pool
        case LogSink():
            return Part.LOG_SINKS, entity.parent or None
        case OrgPolicy():
            return Part.ORG_POLICIES, entity.resource or None
        case DenyPolicy():
            return Part.DENY_POLICIES, entity.attachment_point
        case Role():
            owner = entity.role.partition("/roles/")[0]
            return Part.ROLES, canonical(owner) if owner.startswith(("projects/", "organizations/")) else None
        case _:
            project = getattr(entity, "project", "")
            return PART_OF[type(entity)], project_name(project) if project else None
