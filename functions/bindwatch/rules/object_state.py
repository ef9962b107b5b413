"""What entries and inventories tell of objects whose change no log explains, so that the next change can be compared.

An entry shows such an object as it is afterwards. What it was before is known from an audit or from an earlier entry:
the pipeline keeps `state` and attaches it to the next entry as `LogEntry.before`. A state is a few texts by name; lists
are JSON in it, sorted, so that equal objects give equal texts.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Protocol
from urllib.parse import unquote

import msgspec

from bindwatch.inventory import Inventory
from bindwatch.inventory.hierarchy import DenyPolicy, LogSink, OrgPolicy, PolicyBinding, PrincipalAccessBoundaryPolicy
from bindwatch.inventory.identities import IdentityPoolProvider, Role
from bindwatch.inventory.workloads import GSA_ANNOTATION, KubernetesServiceAccount
from bindwatch.model.document import Document
from bindwatch.model.log_entry import LogEntry, once
from bindwatch.model.resource import cluster_name, path_of
from bindwatch.model.update_mask import mask_of
from bindwatch.rules import provider_entry
from bindwatch.rules.kubernetes_entry import KUBERNETES, body_of, is_control_plane, object_of, verb_of

UNKNOWN_BEFORE: Final = "What was there before is not known: this is judged by what the request shows."
"""What a finding says that could not be compared."""
_IAM: Final = "iam.googleapis.com"
_LOGGING: Final = "logging.googleapis.com"
_ORG_POLICY: Final = "orgpolicy.googleapis.com"
State = Mapping[str, str]


class Written(Protocol):
    """An object as an entry wrote it."""

    @property
    def name(self) -> str:
        """Its canonical full name."""

    @property
    def created(self) -> bool:
        """Whether it was not there before."""

    def state(self, before: State) -> State:
        """What is known of it afterwards: what the call set, and else what was known before."""


@dataclass(frozen=True, slots=True)
class WrittenFields:
    """An object by the fields that a call set."""

    name: str
    created: bool
    fields: State

    def state(self, before: State) -> State:
        """See `Written.state`."""
        return {**before, **self.fields}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object that is kept, under this name."""

    name: str
    service: str
    methods: tuple[str, ...]
    """How the methods that write it end."""
    written: Callable[[LogEntry], Written | None]
    """What an entry of those methods wrote; None where it shows nothing of it."""
    standing: Callable[[Inventory], Iterable[tuple[str, State]]]
    """The objects of an inventory, by name."""


@lru_cache(maxsize=4096)
def kind_of(service: str, method: str) -> Kind | None:
    """The kind of object that a method writes. Asked of every entry, and cheap."""
    return next((kind for kind in KINDS if kind.service == service and method.endswith(kind.methods)), None)


def items(state: State, field: str) -> Any:
    """A list or a map out of a state; None where it is not known."""
    return msgspec.json.decode(state[field]) if field in state else None


# ---- custom roles -----------------------------------------------------------------------------------------------


def role_name(entry: LogEntry) -> str:
    """The role as bindings write it (`projects/p/roles/r`, `organizations/1/roles/r`)."""
    name = entry.raw_resource_name or entry.request.text("name") or entry.response.text("name")
    if "/roles/" in name:
        return name
    role = entry.request.text("role_id") or entry.resource_labels.get("role_name", "")
    if role.startswith(("projects/", "organizations/")):
        return role
    return f"{entry.request.text('parent') or name}/roles/{role}" if role else name


@once
def role_of(entry: LogEntry) -> WrittenFields | None:
    """The custom role that an entry writes, with what it holds afterwards where the entry tells."""
    name, delta = role_name(entry), entry.permission_delta
    if "/roles/" not in name:
        return None
    mask = mask_of(entry.request)
    fields = {}
    if entry.response.has("includedPermissions"):
        fields["permissions"] = _words(entry.response.texts("includedPermissions"))
    elif (body := entry.request.document("role")) and mask.writes("includedPermissions", body):
        fields["permissions"] = _words(entry.request.texts("role.includedPermissions"))
    elif (delta.added or delta.removed) and "permissions" in (entry.before or {}):
        held = set((entry.before or {})["permissions"].split())
        fields["permissions"] = _words((held | set(delta.added)) - set(delta.removed))
    return WrittenFields(entry.named(f"//{_IAM}/{name}"), entry.method.endswith("CreateRole"), fields)


@once
def role_change(entry: LogEntry) -> tuple[frozenset[str] | None, frozenset[str] | None]:
    """What a custom role held before and holds now; None for what nothing tells.

    Where the entry has a delta but shows no list, its removed and its added permissions stand for the two.
    """
    role, delta = role_of(entry), entry.permission_delta
    after = None if role is None or "permissions" not in role.fields else frozenset(role.fields["permissions"].split())
    if role is not None and role.created:
        return frozenset(), after if after is not None else frozenset(delta.added)
    if delta.added or delta.removed:
        after = frozenset(delta.added) if after is None else after
        return (after - frozenset(delta.added)) | frozenset(delta.removed), after
    if "permissions" in (before := entry.before or {}):
        return frozenset(before["permissions"].split()), after
    return None, after


def _roles(inventory: Inventory) -> Iterator[tuple[str, State]]:
    for role in inventory.all(Role):
        if role.is_custom and role.lists_permissions and not role.deleted:
            yield f"//{_IAM}/{role.role}", {"permissions": _words(role.permissions)}


# ---- deny policies ------------------------------------------------------------------------------------------------


@once
def deny_policy_of(entry: LogEntry) -> WrittenFields | None:
    """The deny policy that an entry writes."""
    body = entry.request.document("policy")
    if not body:
        return None
    created = entry.method.endswith("CreatePolicy")
    name = _named(entry, body, "denypolicies", entry.request.text("policyId"))
    rules = [
        _deny_rule(
            rule.texts("deniedPrincipals"),
            rule.texts("exceptionPrincipals"),
            rule.texts("deniedPermissions"),
            rule.texts("exceptionPermissions"),
            rule.text("denialCondition.expression"),
        )
        for item in body.documents("rules")
        if (rule := item.document("denyRule"))
    ]
    return WrittenFields(_full(_IAM, name), created, {"rules": _list(rules)})


def _deny_rule(
    principals: Iterable[str], excepted: Iterable[str], permissions: Iterable[str], spared: Iterable[str], when: str
) -> dict[str, Any]:
    return {
        "principals": sorted(principals),
        "excepted": sorted(excepted),
        "permissions": sorted(permissions),
        "spared": sorted(spared),
        "condition": " ".join(when.split()),
    }


def _deny_policies(inventory: Inventory) -> Iterator[tuple[str, State]]:
    for policy in inventory.all(DenyPolicy):
        rules = [
            _deny_rule(
                rule.denied_principals,
                rule.exception_principals,
                rule.denied_permissions,
                rule.exception_permissions,
                rule.condition.expression if rule.condition else "",
            )
            for rule in policy.rules
        ]
        if rules:  # a list leaves them out
            yield _full(_IAM, policy.name), {"rules": _list(rules)}


# ---- principal access boundaries ----------------------------------------------------------------------------------


@once
def boundary_of(entry: LogEntry) -> WrittenFields | None:
    """The principal access boundary that an entry writes."""
    body = entry.request.document("principalAccessBoundaryPolicy")
    if not body:
        return None
    created, mask = ".Create" in entry.method, mask_of(entry.request)
    name = _named(entry, body, "principalAccessBoundaryPolicies", entry.request.text("principalAccessBoundaryPolicyId"))
    fields = {}
    if created or mask.writes("details.rules", body):
        fields["resources"] = _words(
            text for rule in body.documents("details.rules") for text in rule.texts("resources")
        )
    return WrittenFields(_full(_IAM, name), created, fields)


def _boundaries(inventory: Inventory) -> Iterator[tuple[str, State]]:
    for policy in inventory.all(PrincipalAccessBoundaryPolicy):
        resources = [text for rule in policy.rules for text in rule.resources]
        if resources:  # a list may leave the details out
            yield _full(_IAM, policy.name), {"resources": _words(resources)}


@once
def boundary_binding_of(entry: LogEntry) -> WrittenFields | None:
    """What an entry binds a principal access boundary to."""
    body = entry.request.document("policyBinding")
    if not body:
        return None
    created, mask = ".Create" in entry.method, mask_of(entry.request)
    name = _named(entry, body, "policyBindings", entry.request.text("policyBindingId"))
    fields = {}
    if created or mask.writes("condition", body):
        fields["condition"] = " ".join(body.text("condition.expression").split())
    return WrittenFields(_full(_IAM, name), created, fields)


def _boundary_bindings(inventory: Inventory) -> Iterator[tuple[str, State]]:
    for binding in inventory.all(PolicyBinding):
        condition = binding.condition.expression if binding.condition else ""
        yield _full(_IAM, binding.name), {"condition": " ".join(condition.split())}


# ---- log sinks and exclusions -------------------------------------------------------------------------------------

_SINK_FLAGS: Final = {"disabled": "disabled", "includeChildren": "children", "interceptChildren": "intercept"}


@once
def sink_of(entry: LogEntry) -> WrittenFields | None:
    """The log sink that an entry writes."""
    body = entry.request.document("sink")
    if not body:
        return None
    created, mask = entry.method.endswith("CreateSink"), mask_of(entry.request)
    name = entry.raw_resource_name if "/sinks/" in entry.raw_resource_name else entry.request.text("sinkName")
    name = name or f"{entry.request.text('parent')}/sinks/{body.text('name')}"

    def sets(field: str) -> bool:
        return created or mask.writes(field, body)

    fields = {field: body.text(field) for field in ("destination", "filter") if sets(field)}
    fields |= {kept: _flag(body.flag(field)) for field, kept in _SINK_FLAGS.items() if sets(field)}
    if sets("exclusions"):
        exclusions = {
            item.text("name"): item.text("filter") for item in body.documents("exclusions") if not item.flag("disabled")
        }
        fields["exclusions"] = _map(exclusions)
    return WrittenFields(_full(_LOGGING, name), created, fields)


def _sinks(inventory: Inventory) -> Iterator[tuple[str, State]]:
    for sink in inventory.all(LogSink):
        fields = {
            "destination": sink.destination,
            "filter": sink.filter,
            "disabled": _flag(sink.disabled),
            "children": _flag(sink.include_children),
            "intercept": _flag(sink.intercept_children),
            "exclusions": _map({item.name: item.filter for item in sink.exclusions if not item.disabled}),
        }
        yield _full(_LOGGING, sink.name), fields


@once
def exclusion_of(entry: LogEntry) -> WrittenFields | None:
    """The log exclusion that an entry writes."""
    body = entry.request.document("exclusion")
    if not body:
        return None
    created, mask = entry.method.endswith("CreateExclusion"), mask_of(entry.request)
    name = entry.raw_resource_name if "/exclusions/" in entry.raw_resource_name else entry.request.text("name")
    name = name or f"{entry.request.text('parent')}/exclusions/{body.text('name')}"
    fields = {}
    if created or mask.writes("filter", body):
        fields["filter"] = body.text("filter")
    if created or mask.writes("disabled", body):
        fields["disabled"] = _flag(body.flag("disabled"))
    return WrittenFields(_full(_LOGGING, name), created, fields)


@once
def log_bucket_of(entry: LogEntry) -> WrittenFields | None:
    """The log bucket that an entry writes."""
    body = entry.request.document("bucket")
    if not body:
        return None
    created, mask = ".CreateBucket" in entry.method, mask_of(entry.request)
    name = entry.raw_resource_name if "/buckets/" in entry.raw_resource_name else entry.request.text("name")
    name = name or f"{entry.request.text('parent')}/buckets/{entry.request.text('bucketId')}"
    days = body.number("retentionDays")
    fields = {} if days is None or not (created or mask.writes("retentionDays", body)) else {"days": str(days)}
    return WrittenFields(_full(_LOGGING, name), created, fields)


# ---- organization policies ----------------------------------------------------------------------------------------


@once
def org_policy_of(entry: LogEntry) -> WrittenFields | None:
    """The list constraint that an entry sets on a resource, in the v2 API."""
    spec = entry.request.document("policy.spec")
    name = entry.request.text("policy.name")
    if not spec or "/policies/" not in name:
        return None
    rules = spec.documents("rules")
    fields = {
        field: _words(text for rule in rules for text in rule.texts(f"values.{field}Values"))
        for field in ("allowed", "denied")
    }
    return WrittenFields(entry.named(_full(_ORG_POLICY, name)), entry.method.endswith("CreatePolicy"), fields)


def _org_policies(inventory: Inventory) -> Iterator[tuple[str, State]]:
    for policy in inventory.all(OrgPolicy):
        if not policy.dry_run and (policy.allowed or policy.denied):
            name = f"{path_of(policy.resource)}/policies/{policy.constraint}"
            yield _full(_ORG_POLICY, name), {"allowed": _words(policy.allowed), "denied": _words(policy.denied)}


# ---- Kubernetes service accounts ----------------------------------------------------------------------------------


@once
def kubernetes_service_account_of(entry: LogEntry) -> WrittenFields | None:
    """The Google service account that a Kubernetes service account is pointed at by an entry.

    The machinery of a cluster writes such accounts all day and never that annotation: it is left out.
    """
    if is_control_plane(entry):
        return None
    target, labels = object_of(entry), entry.resource_labels
    if target.subresource or not target.name:
        return None
    cluster = cluster_name(entry.project, labels.get("location", ""), labels.get("cluster_name", ""))
    name = f"{cluster}/k8s/namespaces/{target.namespace}/serviceaccounts/{target.name}"
    body, known = body_of(entry), "account" in (entry.before or {})
    shown = GSA_ANNOTATION in body.keys("metadata.annotations")
    named = GSA_ANNOTATION in entry.request.keys("metadata.annotations")
    fields = {}
    unseen = verb_of(entry) == "patch" and not entry.request  # a list of operations, say
    if named or (shown and (known or unseen)):  # a patch of something else shows the whole object in the answer
        fields["account"] = dict(body.pairs("metadata.annotations")).get(GSA_ANNOTATION, "")
    elif known and verb_of(entry) == "update" and body.has("metadata"):
        fields["account"] = ""
    return WrittenFields(name, verb_of(entry) == "create", fields)


def _kubernetes_service_accounts(inventory: Inventory) -> Iterator[tuple[str, State]]:
    for account in inventory.all(KubernetesServiceAccount):
        if account.google_service_account:
            yield account.resource, {"account": account.google_service_account}


# ---- providers, and all of them -----------------------------------------------------------------------------------


def _providers(inventory: Inventory) -> Iterator[tuple[str, State]]:
    for provider in inventory.all(IdentityPoolProvider):
        yield provider.name, provider_entry.state_of(provider)


def _nothing(_: Inventory) -> tuple[tuple[str, State], ...]:
    return ()


def _verbs(noun: str, *more: str) -> tuple[str, ...]:
    return (f".Create{noun}", f".Update{noun}", *more)


KINDS: Final = (
    Kind(
        "provider",
        _IAM,
        (*_verbs("WorkloadIdentityPoolProvider"), *_verbs("WorkforcePoolProvider")),
        provider_entry.written_provider,
        _providers,
    ),
    Kind("role", _IAM, _verbs("Role"), role_of, _roles),
    Kind("deny-policy", _IAM, _verbs("Policy"), deny_policy_of, _deny_policies),
    Kind("boundary", _IAM, _verbs("PrincipalAccessBoundaryPolicy"), boundary_of, _boundaries),
    Kind("boundary-binding", _IAM, _verbs("PolicyBinding"), boundary_binding_of, _boundary_bindings),
    Kind("org-policy", _ORG_POLICY, _verbs("Policy"), org_policy_of, _org_policies),
    Kind(
        "kubernetes-service-account",
        KUBERNETES,
        tuple(f".serviceaccounts.{verb}" for verb in ("create", "update", "patch")),
        kubernetes_service_account_of,
        _kubernetes_service_accounts,
    ),
    Kind("sink", _LOGGING, _verbs("Sink"), sink_of, _sinks),
    Kind("exclusion", _LOGGING, _verbs("Exclusion"), exclusion_of, _nothing),
    Kind("log-bucket", _LOGGING, _verbs("Bucket", ".CreateBucketAsync", ".UpdateBucketAsync"), log_bucket_of, _nothing),
)
"""Everything of which the state is kept."""


def _named(entry: LogEntry, body: Document, collection: str, own_id: str) -> str:
    for name in (body.text("name"), entry.raw_resource_name, entry.request.text("name")):
        if f"/{collection}/" in name:
            return name
    parent = (entry.request.text("parent") or entry.raw_resource_name).removesuffix(f"/{collection}")
    return f"{parent}/{collection}/{own_id}"


def _full(service: str, name: str) -> str:
    """One spelling of a name, whether it came with its API and percent-encoded or not."""
    return f"//{service}/{unquote(path_of(name)).lstrip('/')}"


def _flag(value: bool | None) -> str:
    return "true" if value else ""


def _words(texts: Iterable[str]) -> str:
    return " ".join(sorted(set(texts)))


def _list(values: Iterable[Any]) -> str:
    return msgspec.json.encode(sorted(values, key=msgspec.json.encode)).decode()


def _map(values: Mapping[str, str]) -> str:
    return msgspec.json.encode(dict(sorted(values.items()))).decode()
