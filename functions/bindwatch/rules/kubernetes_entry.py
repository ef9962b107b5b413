"""What a Kubernetes entry of GKE names: the object, the verb, and who of the cluster's own machinery called."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import msgspec

from bindwatch.model.document import EMPTY, Document
from bindwatch.model.finding import Severity
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.principal import Principal, PrincipalKind
from bindwatch.rule import Context, Method
from bindwatch.rules.methods import activity, data_access
from bindwatch.rules.weight import weighed

KUBERNETES: Final = "k8s.io"
CONTAINER: Final = "container.googleapis.com"
# Real entries say io.k8s.authorization.rbac.v1; io.k8s.rbac.v1 is how another product's rules spell it.
_RBAC: Final = ("io.k8s.authorization.rbac.v1.", "io.k8s.rbac.v1.")
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
# Namespaces whose controllers Google installs and runs.
_PLATFORM_NAMESPACES: Final = frozenset({"kube-system", "gmp-system", "gke-system", "config-management-system"})
# Namespaces where the usual controllers that write RBAC for others run; their writes are kept at a low weight.
_CONTROLLER_NAMESPACES: Final = frozenset(
    {
        "argocd",
        "argo-cd",
        "cert-manager",
        "cnrm-system",
        "crossplane-system",
        "flux-system",
        "gatekeeper-system",
        "istio-system",
        "kyverno",
        "olm",
        "operators",
        "resource-group-system",
    }
)
_BOOTSTRAP_USERS: Final = frozenset({"kubelet", "kubelet-bootstrap", "kubelet-nodepool-bootstrap"})
_ANONYMOUS: Final = frozenset({"system:anonymous", "system:unauthenticated"})


def writes(*plurals: str, verbs: tuple[str, ...] = ("create", "update", "patch")) -> tuple[Method, ...]:
    """The writing methods of resources spelled `core.v1.pods`, as Admin Activity entries name them."""
    return activity(KUBERNETES, *(f"io.k8s.{plural}.{verb}" for plural in plurals for verb in verbs))


def rbac(*plurals: str, verbs: tuple[str, ...] = ("create", "update", "patch")) -> tuple[Method, ...]:
    """The writing methods of RBAC resources, in both spellings."""
    return activity(
        KUBERNETES, *(f"{prefix}{plural}.{verb}" for prefix in _RBAC for plural in plurals for verb in verbs)
    )


def reads(*names: str) -> tuple[Method, ...]:
    """Reading methods: Data Access entries of GKE, which the audit config of container.googleapis.com switches on."""
    methods = [f"io.k8s.{name}" for name in names]
    return (
        *data_access(KUBERNETES, *methods, log_type="ADMIN_READ", audited_as=CONTAINER),
        *data_access(KUBERNETES, *methods, log_type="DATA_READ", audited_as=CONTAINER),
    )


@dataclass(frozen=True, slots=True)
class KubernetesObject:
    """The object an entry is about; `name` is '' for a whole collection, `namespace` for what has none."""

    plural: str
    name: str
    namespace: str
    subresource: str = ""

    def __str__(self) -> str:
        path = (self.namespace, self.plural, self.name, self.subresource)
        return "/".join(part for part in path if part)


@lru_cache(maxsize=8192)
def _read_name(resource_name: str) -> KubernetesObject:
    words = resource_name.split("/")
    rest = words[2:]  # after group and version
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource = (*rest, "", "", "")[:3]
    return KubernetesObject(plural, name, namespace, subresource)


def object_of(entry: LogEntry) -> KubernetesObject:
    """What the entry is about; the name comes from the body where the path has none."""
    found = _read_name(entry.raw_resource_name)
    if found.name and found.plural:
        return found
    plural = found.plural or entry.method.rpartition(".")[0].rpartition(".")[2]
    name = found.name or entry.response.text("metadata.name") or entry.request.text("metadata.name")
    namespace = found.namespace or entry.request.text("metadata.namespace")
    return KubernetesObject(plural, name, namespace, found.subresource)


def body_of(entry: LogEntry) -> Document:
    """The object as it is after the write: a patch shows it in the response only, a create in both."""
    if verb_of(entry) != "patch":
        return entry.request or entry.response
    if entry.response.has("roleRef") or entry.response.has("rules") or entry.response.has("metadata"):
        return entry.response
    for key, text in entry.request.pairs("metadata.annotations"):
        if key == _LAST_APPLIED and (applied := _parsed(text)):
            return applied
    return entry.request


def _parsed(text: str) -> Document:
    try:
        return Document(msgspec.json.decode(text))
    except (msgspec.DecodeError, RecursionError):
        return EMPTY


def verb_of(entry: LogEntry) -> str:
    """The verb of the method: create, update, patch, delete, get, list."""
    return entry.method.rpartition(".")[2]


def cluster_of(entry: LogEntry) -> str:
    """The name of the cluster, or '' where the entry does not tell."""
    return entry.resource_labels.get("cluster_name", "")


def caller_text(entry: LogEntry) -> str:
    """The Kubernetes user name as logged."""
    info = entry.authentication
    return info.principal_email or info.principal_subject or info.authority_selector


def is_anonymous(entry: LogEntry) -> bool:
    """Whether nobody in particular called: the API server's anonymous user, in either field, or no caller at all."""
    return caller_text(entry) in _ANONYMOUS or not caller_text(entry)


def is_node(caller: Principal | None) -> bool:
    """Whether a kubelet called, with the identity of its node."""
    return caller is not None and caller.kind is PrincipalKind.KUBERNETES and caller.member.startswith("system:node:")


def is_pod(caller: Principal | None) -> bool:
    """Whether a Kubernetes service account called."""
    return caller is not None and caller.kind is PrincipalKind.KUBERNETES and bool(caller.service_account)


def is_platform_namespace(namespace: str) -> bool:
    """Whether GKE itself runs the controllers of this namespace."""
    return namespace in _PLATFORM_NAMESPACES or namespace.startswith("gke-managed-")


def is_control_plane(entry: LogEntry) -> bool:
    """Whether the machinery of the cluster called: its controllers, add-on manager, nodes and Google's agents."""
    caller = entry.caller
    if caller is None:
        return False
    if caller.kind is not PrincipalKind.KUBERNETES:
        return caller.is_service_agent or caller_text(entry) in _BOOTSTRAP_USERS
    if caller.service_account:
        return is_platform_namespace(caller.namespace)
    return caller.member not in _ANONYMOUS


def is_controller(entry: LogEntry) -> bool:
    """Whether a service account of a namespace where controllers usually run called."""
    caller = entry.caller
    return caller is not None and bool(caller.service_account) and caller.namespace in _CONTROLLER_NAMESPACES


def weighed_in_cluster(severity: Severity, entry: LogEntry, context: Context) -> Severity:
    """The severity, lower where automation of the settings or a usual controller of the cluster made the call."""
    return min(severity, Severity.LOW) if is_controller(entry) else weighed(severity, entry, context)
