"""What runs in a cluster, as far as identity goes: service accounts, pods and their owners, nodes, network policies.

Values of environment variables are not kept, except the few that steer credentials; nor is the content of any secret.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Final

from bindwatch.inventory.hierarchy import Labels

GSA_ANNOTATION: Final = "iam.gke.io/gcp-service-account"
RETURN_PRINCIPAL_ANNOTATION: Final = "iam.gke.io/return-principal-id-as-email"
METADATA_SERVER_LABEL: Final = "iam.gke.io/gke-metadata-server-enabled"
NODE_POOL_LABEL: Final = "cloud.google.com/gke-nodepool"


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesServiceAccount:
    """A Kubernetes service account (KSA) of one cluster; of its annotations those under `iam.gke.io/`."""

    cluster: str
    namespace: str
    name: str
    uid: str = ""
    annotations: Labels = ()
    create_time: str = ""

    @property
    def resource(self) -> str:
        """Its full resource name, as Cloud Asset Inventory spells it."""
        return f"{self.cluster}/k8s/namespaces/{self.namespace}/serviceaccounts/{self.name}"

    def annotation(self, key: str) -> str:
        """The value of an annotation, '' where it is absent."""
        return next((value for name, value in self.annotations if name == key), "")

    @property
    def google_service_account(self) -> str:
        """The service account it is annotated to act as, as written; '' where it is not annotated."""
        return self.annotation(GSA_ANNOTATION)


@dataclass(frozen=True, slots=True)
class EnvVar:
    """An environment variable: its name, where its value comes from, and the value only if it steers credentials."""

    name: str
    value: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container of a pod; `mounts` are (volume, path)."""

    name: str
    image: str = ""
    env: tuple[EnvVar, ...] = ()
    mounts: tuple[tuple[str, str], ...] = ()
    is_init: bool = False

    def variable(self, name: str) -> EnvVar | None:
        """The environment variable of that name, if the container sets it itself."""
        return next((item for item in self.env if item.name == name), None)


@dataclass(frozen=True, slots=True)
class TokenProjection:
    """A projected Kubernetes service account token: for whom, under which path of the volume, for how long."""

    audience: str
    path: str
    expiration_seconds: int = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A volume of a pod: `kind` as Kubernetes names it (`secret`, `projected`…), `sources` what it shows."""

    name: str
    kind: str
    sources: tuple[tuple[str, str], ...] = ()
    tokens: tuple[TokenProjection, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSpec:
    """The part of a pod, or of its template, that decides which identity its containers get."""

    service_account: str = "default"
    host_network: bool = False
    node_name: str = ""
    node_selector: Labels = ()
    automount: bool | None = None
    dns_policy: str = ""
    containers: tuple[Container, ...] = ()
    volumes: tuple[Volume, ...] = ()

    @property
    def names_service_account(self) -> bool:
        """Whether it runs as anything but the namespace's `default`."""
        return self.service_account != "default"

    @property
    def requires_metadata_server(self) -> bool:
        """Whether it selects only nodes that run the GKE metadata server."""
        return (METADATA_SERVER_LABEL, "true") in self.node_selector

    def variables(self, name: str) -> Iterator[tuple[Container, EnvVar]]:
        """Each container that sets the variable, with what it sets."""
        for container in self.containers:
            if variable := container.variable(name):
                yield container, variable

    @property
    def tokens(self) -> tuple[TokenProjection, ...]:
        """The tokens projected into any of its volumes."""
        return tuple(token for volume in self.volumes for token in volume.tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod as it runs. `reasons` say why containers wait or ended (`CrashLoopBackOff`)."""

    cluster: str
    namespace: str
    name: str
    spec: PodSpec
    uid: str = ""
    labels: Labels = ()
    owner: str = ""
    phase: str = ""
    start_time: str = ""
    reasons: tuple[str, ...] = ()
    restarts: int = 0

    @property
    def resource(self) -> str:
        """Its full resource name, as Cloud Asset Inventory spells it."""
        return f"{self.cluster}/k8s/namespaces/{self.namespace}/pods/{self.name}"

    @property
    def ksa(self) -> str:
        """The Kubernetes service account it runs as."""
        return self.spec.service_account


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What makes pods: a Deployment, DaemonSet, Job… `failure` is what it says of pods it could not make."""

    cluster: str
    namespace: str
    kind: str
    name: str
    spec: PodSpec
    uid: str = ""
    labels: Labels = ()
    owner: str = ""
    replicas: int | None = None
    failure: str = ""
    create_time: str = ""

    @property
    def resource(self) -> str:
        """Its full resource name, as Cloud Asset Inventory spells it."""
        group = "batch" if self.kind in ("Job", "CronJob") else "apps"
        return f"{self.cluster}/k8s/namespaces/{self.namespace}/{group}/{self.kind.lower()}s/{self.name}"

    @property
    def ksa(self) -> str:
        """The Kubernetes service account its pods run as."""
        return self.spec.service_account


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node. `has_metadata_server` is what its label says, None where the label is absent."""

    cluster: str
    name: str
    node_pool: str = ""
    has_metadata_server: bool | None = None
    labels: Labels = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """A namespace of a cluster."""

    cluster: str
    name: str
    phase: str = ""
    labels: Labels = ()


@dataclass(frozen=True, slots=True)
class Requirement:
    """One `matchExpressions` item: key, operator (In, NotIn, Exists, DoesNotExist), values."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def accepts(self, value: str | None) -> bool:
        """Whether a label with this value (None: no such label) satisfies it; an unknown operator accepts nothing."""
        match self.operator:
            case "In":
                return value in self.values
            case "NotIn":
                return value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
            case _:
                return False


@dataclass(frozen=True, slots=True)
class Selector:
    """A label selector; an empty one selects everything."""

    labels: Labels = ()
    requirements: tuple[Requirement, ...] = ()

    def selects(self, labels: Labels) -> bool:
        """Whether something with these labels is selected."""
        have = dict(labels)
        return all(have.get(key) == value for key, value in self.labels) and all(
            item.accepts(have.get(item.key)) for item in self.requirements
        )


@dataclass(frozen=True, slots=True)
class PortRange:
    """Ports a rule lets through; `first` of None means every port, a name means a named port of the target."""

    protocol: str = "TCP"
    first: int | str | None = None
    last: int | None = None

    def covers(self, protocol: str, port: int) -> bool:
        """Whether traffic to that port passes. A named port is the target's to resolve, so it covers nothing here."""
        if protocol != self.protocol or isinstance(self.first, str):
            return False
        return self.first is None or self.first <= port <= (self.last if self.last is not None else self.first)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkPeer:
    """Where traffic may go: an address range, or pods and namespaces."""

    cidr: str = ""
    excepted: tuple[str, ...] = ()
    pods: Selector | None = None
    namespaces: Selector | None = None

    def covers(self, address: str) -> bool:
        """Whether an address outside the pod network is reachable; a selector reaches pods only."""
        if not self.cidr:
            return False
        try:
            target = ip_address(address)
            return target in ip_network(self.cidr, strict=False) and not any(
                target in ip_network(item, strict=False) for item in self.excepted
            )
        except ValueError:
            return False


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressRule:
    """One egress rule: traffic to any of the peers on any of the ports passes; empty means any."""

    peers: tuple[NetworkPeer, ...] = ()
    ports: tuple[PortRange, ...] = ()

    def allows(self, address: str, protocol: str, port: int) -> bool:
        """Whether traffic to an address outside the pod network passes by this rule."""
        return (not self.peers or any(peer.covers(address) for peer in self.peers)) and (
            not self.ports or any(item.covers(protocol, port) for item in self.ports)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkPolicy:
    """A network policy; of its rules, the egress ones. It isolates the pods it selects for its `policy_types`."""

    cluster: str
    namespace: str
    name: str
    pods: Selector = Selector()
    policy_types: tuple[str, ...] = ()
    egress: tuple[EgressRule, ...] = ()

    @property
    def resource(self) -> str:
        """Its full resource name, as Cloud Asset Inventory spells it."""
        return f"{self.cluster}/k8s/namespaces/{self.namespace}/networking.k8s.io/networkpolicies/{self.name}"

    @property
    def limits_egress(self) -> bool:
        """Whether what leaves the selected pods needs a rule that allows it."""
        return "Egress" in self.policy_types


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherNetworkPolicy:
    """A policy of another kind than Kubernetes' own (Cilium, Calico, admin policies): that it exists, not what it says.

    Its `namespace` is '' where it counts for the whole cluster.
    """

    cluster: str
    namespace: str
    kind: str
    name: str

    @property
    def resource(self) -> str:
        """Its full resource name, as Cloud Asset Inventory spells those of Kubernetes objects."""
        inside = f"/namespaces/{self.namespace}" if self.namespace else ""
        return f"{self.cluster}/k8s{inside}/{self.kind.lower()}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialConfiguration:
    """A ConfigMap with a credential configuration of a fleet or a pool: whom its reader asks, and whom it acts as.

    `pool` is a workload identity pool ('' where the audience names none), `google_service_account` an e-mail, '' where
    nobody is impersonated. The file holds no secret.
    """

    cluster: str
    namespace: str
    name: str
    audience: str = ""
    pool: str = ""
    google_service_account: str = ""

    @property
    def resource(self) -> str:
        """Its full resource name, as Cloud Asset Inventory spells it."""
        return f"{self.cluster}/k8s/namespaces/{self.namespace}/configmaps/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesEvent:
    """An event of a cluster: what happened to which object (`kind/name`)."""

    cluster: str
    namespace: str
    involved: str
    reason: str
    message: str
    last_seen: str = ""
    count: int = 1


KubernetesObject = (
    KubernetesServiceAccount
    | Pod
    | Workload
    | Node
    | Namespace
    | NetworkPolicy
    | OtherNetworkPolicy
    | CredentialConfiguration
    | KubernetesEvent
)
