"""Kubernetes objects, from `kubectl -o json`, the API, or the assets an export has of them."""

import re
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from bindwatch.inventory.parsers.place import Place
from bindwatch.inventory.workloads import (
    METADATA_SERVER_LABEL,
    NODE_POOL_LABEL,
    Container,
    CredentialConfiguration,
    EgressRule,
    EnvVar,
    KubernetesEvent,
    KubernetesObject,
    KubernetesServiceAccount,
    Namespace,
    NetworkPeer,
    NetworkPolicy,
    Node,
    OtherNetworkPolicy,
    Pod,
    PodSpec,
    PortRange,
    Requirement,
    Selector,
    TokenProjection,
    Volume,
    Workload,
)
from bindwatch.model.document import Document

# Variables that decide where credentials come from; every other value stays out, and so do tokens.
_STEERS_CREDENTIALS = re.compile(
    r"GOOGLE_APPLICATION_CREDENTIALS|GCE_METADATA_(?:HOST|IP|ROOT|TIMEOUT)|NO_GCE_CHECK|METADATA_SERVER_DETECTION"
    r"|GOOGLE_CLOUD_QUOTA_PROJECT|CLOUDSDK_\w+"
)
_LONGEST_VALUE: Final = 512
# identitynamespace:POOL:PROVIDER, or //iam.googleapis.com/projects/N/locations/global/workloadIdentityPools/POOL/…
_POOL_OF_AUDIENCE = re.compile(r"^identitynamespace:([a-z0-9.:-]+?\.id\.goog)(?=:|$)|/workloadIdentityPools/([^/]+)")
_WORKLOADS: Final = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob"})
# Kinds that limit what leaves a pod beside the NetworkPolicy of Kubernetes, each in a language of its own.
OTHER_NETWORK_POLICIES: Final = frozenset(
    {
        "AdminNetworkPolicy",
        "BaselineAdminNetworkPolicy",
        "CiliumClusterwideNetworkPolicy",
        "CiliumNetworkPolicy",
        "FQDNNetworkPolicy",
        "GlobalNetworkPolicy",
    }
)


def kubernetes_object(doc: Document, at: Place, kind: str) -> Iterator[KubernetesObject]:
    """The object of a kind, nothing for kinds that say nothing of identity."""
    name = doc.text("metadata.name")
    if not name:
        return
    if kind in _WORKLOADS:
        yield _workload(doc, at, kind)
    elif kind in OTHER_NETWORK_POLICIES or (kind == "NetworkPolicy" and "projectcalico.org" in doc.text("apiVersion")):
        yield OtherNetworkPolicy(cluster=at.cluster, namespace=doc.text("metadata.namespace"), kind=kind, name=name)
    elif kind == "ConfigMap":
        yield from _credential_configuration(doc, at)
    elif kind in _READERS:
        yield _READERS[kind](doc, at)


def is_read(kind: str) -> bool:
    """Whether objects of a kind are kept."""
    return kind in _WORKLOADS or kind in OTHER_NETWORK_POLICIES or kind == "ConfigMap" or kind in _READERS


def is_workload(kind: str) -> bool:
    """Whether objects of a kind make pods."""
    return kind in _WORKLOADS


def _namespace_of(doc: Document) -> str:
    return doc.text("metadata.namespace") or "default"


def _service_account(doc: Document, at: Place) -> KubernetesServiceAccount:
    return KubernetesServiceAccount(
        cluster=at.cluster,
        namespace=_namespace_of(doc),
        name=doc.text("metadata.name"),
        uid=doc.text("metadata.uid"),
        annotations=tuple(
            (key, value.strip()) for key, value in doc.document("metadata").pairs("annotations") if "iam.gke.io/" in key
        ),
        create_time=doc.text("metadata.creationTimestamp"),
    )


def _pod(doc: Document, at: Place) -> Pod:
    statuses = (*doc.documents("status.initContainerStatuses"), *doc.documents("status.containerStatuses"))
    reasons = (
        status.text(field)
        for status in statuses
        for field in ("state.waiting.reason", "state.terminated.reason", "lastState.terminated.reason")
    )
    return Pod(
        cluster=at.cluster,
        namespace=_namespace_of(doc),
        name=doc.text("metadata.name"),
        spec=_pod_spec(doc.document("spec")),
        uid=doc.text("metadata.uid"),
        labels=tuple(doc.pairs("metadata.labels")),
        owner=_owner(doc),
        phase=doc.text("status.phase"),
        start_time=doc.text("status.startTime"),
        reasons=tuple(dict.fromkeys(reason for reason in reasons if reason)),
        restarts=sum(max(status.number("restartCount") or 0, 0) for status in statuses),
    )


def _owner(doc: Document) -> str:
    owners = doc.documents("metadata.ownerReferences")
    return f"{owners[0].text('kind')}/{owners[0].text('name')}" if owners else ""


def _workload(doc: Document, at: Place, kind: str) -> Workload:
    template = doc.document("spec.jobTemplate.spec.template" if kind == "CronJob" else "spec.template")
    return Workload(
        cluster=at.cluster,
        namespace=_namespace_of(doc),
        kind=kind,
        name=doc.text("metadata.name"),
        spec=_pod_spec(template.document("spec")),
        uid=doc.text("metadata.uid"),
        labels=tuple(template.pairs("metadata.labels")),
        owner=_owner(doc),
        replicas=doc.number("spec.replicas"),
        failure=_failure(doc),
        create_time=doc.text("metadata.creationTimestamp"),
    )


def _failure(doc: Document) -> str:
    for condition in doc.documents("status.conditions"):
        failed = condition.text("type") in ("ReplicaFailure", "Failed", "FailureTarget")
        if failed and condition.text("status") == "True":
            return condition.text("message") or condition.text("reason")
    return ""


def _pod_spec(spec: Document) -> PodSpec:
    containers = (
        *(_container(item, is_init=True) for item in spec.documents("initContainers")),
        *(_container(item, is_init=False) for item in spec.documents("containers")),
    )
    return PodSpec(
        service_account=spec.text("serviceAccountName") or spec.text("serviceAccount") or "default",
        host_network=bool(spec.flag("hostNetwork")),
        node_name=spec.text("nodeName"),
        node_selector=tuple(spec.pairs("nodeSelector")),
        automount=spec.flag("automountServiceAccountToken"),
        dns_policy=spec.text("dnsPolicy"),
        containers=containers,
        volumes=tuple(_volume(item) for item in spec.documents("volumes")),
    )


def _container(doc: Document, *, is_init: bool) -> Container:
    return Container(
        name=doc.text("name"),
        image=doc.text("image"),
        env=tuple(_variable(item) for item in doc.documents("env") if item.text("name")),
        mounts=tuple((item.text("name"), item.text("mountPath")) for item in doc.documents("volumeMounts")),
        is_init=is_init,
    )


def _variable(doc: Document) -> EnvVar:
    name, value = doc.text("name"), doc.text("value")
    source = next((key.removesuffix("Ref") for key in doc.keys("valueFrom")), "")
    secret = name.endswith(("_TOKEN", "_PASSWORD", "_SECRET")) or len(value) > _LONGEST_VALUE or "{" in value
    kept = value if _STEERS_CREDENTIALS.fullmatch(name) and not secret else ""
    return EnvVar(name, kept, source or ("value" if value else ""))


def _volume(doc: Document) -> Volume:
    kind = next((key for key in doc.keys() if key != "name"), "")  # noqa: SIM118 - keys of a document, not of a dict
    sources: list[tuple[str, str]] = []
    tokens: list[TokenProjection] = []
    match kind:
        case "secret":
            sources.append(("secret", doc.text("secret.secretName")))
        case "configMap":
            sources.append(("configMap", doc.text("configMap.name")))
        case "csi":
            sources.append(("csi", doc.text("csi.driver")))
        case "projected":
            for item in doc.documents("projected.sources"):
                if token := item.document("serviceAccountToken"):
                    tokens.append(
                        TokenProjection(
                            token.text("audience"), token.text("path"), token.number("expirationSeconds") or 3600
                        )
                    )
                sources.extend((part, item.text(f"{part}.name")) for part in ("secret", "configMap") if item.has(part))
    return Volume(name=doc.text("name"), kind=kind, sources=tuple(sources), tokens=tuple(tokens))


def _node(doc: Document, at: Place) -> Node:
    labels = dict(doc.document("metadata").pairs("labels"))
    serves = labels.get(METADATA_SERVER_LABEL)
    return Node(
        cluster=at.cluster,
        name=doc.text("metadata.name"),
        node_pool=labels.get(NODE_POOL_LABEL, ""),
        has_metadata_server=None if serves is None else serves == "true",
        labels=tuple(labels.items()),
    )


def _namespace(doc: Document, at: Place) -> Namespace:
    return Namespace(
        cluster=at.cluster,
        name=doc.text("metadata.name"),
        phase=doc.text("status.phase"),
        labels=tuple(doc.pairs("metadata.labels")),
    )


def _network_policy(doc: Document, at: Place) -> NetworkPolicy:
    types = doc.texts("spec.policyTypes")
    if not types:
        # The API's own default: ingress always, egress where there are egress rules.
        types = ("Ingress", "Egress") if doc.has("spec.egress") else ("Ingress",)
    return NetworkPolicy(
        cluster=at.cluster,
        namespace=_namespace_of(doc),
        name=doc.text("metadata.name"),
        pods=_selector(doc.document("spec.podSelector")),
        policy_types=types,
        egress=tuple(
            EgressRule(
                peers=tuple(_peer(peer) for peer in rule.documents("to")),
                ports=tuple(_ports(port) for port in rule.documents("ports")),
            )
            for rule in doc.documents("spec.egress")
        ),
    )


def _selector(doc: Document) -> Selector:
    return Selector(
        labels=tuple(doc.pairs("matchLabels")),
        requirements=tuple(
            Requirement(item.text("key"), item.text("operator"), item.texts("values"))
            for item in doc.documents("matchExpressions")
        ),
    )


def _peer(doc: Document) -> NetworkPeer:
    return NetworkPeer(
        cidr=doc.text("ipBlock.cidr"),
        excepted=doc.texts("ipBlock.except"),
        pods=_selector(doc.document("podSelector")) if doc.has("podSelector") else None,
        namespaces=_selector(doc.document("namespaceSelector")) if doc.has("namespaceSelector") else None,
    )


def _ports(doc: Document) -> PortRange:
    number = doc.number("port")
    first: int | str | None = number if number is not None else doc.text("port") or None
    return PortRange(doc.text("protocol") or "TCP", first, doc.number("endPort"))


def _credential_configuration(doc: Document, at: Place) -> Iterator[CredentialConfiguration]:
    """The credential configuration in a ConfigMap, whatever its key is called; nothing of any other ConfigMap."""
    for _, text in doc.pairs("data"):
        if '"external_account"' not in text:
            continue
        try:
            config = Document(msgspec.json.decode(text, type=dict))
        except (msgspec.DecodeError, RecursionError):
            continue
        audience = config.text("audience")
        pool = _POOL_OF_AUDIENCE.search(audience)
        _, _, account = config.text("service_account_impersonation_url").rpartition("/serviceAccounts/")
        yield CredentialConfiguration(
            cluster=at.cluster,
            namespace=_namespace_of(doc),
            name=doc.text("metadata.name"),
            audience=audience,
            pool=(pool[1] or pool[2]) if pool else "",
            google_service_account=account.partition(":")[0].lower(),
        )
        return


def _event(doc: Document, at: Place) -> KubernetesEvent:
    involved = doc.document("involvedObject") or doc.document("regarding")
    return KubernetesEvent(
        cluster=at.cluster,
        namespace=doc.text("metadata.namespace") or involved.text("namespace"),
        involved=f"{involved.text('kind')}/{involved.text('name')}",
        reason=doc.text("reason"),
        message=doc.text("message") or doc.text("note"),
        last_seen=doc.text("lastTimestamp") or doc.text("eventTime"),
        count=doc.number("count") or doc.number("series.count") or 1,
    )


_READERS: Final[dict[str, Callable[[Document, Place], KubernetesObject]]] = {
    "ServiceAccount": _service_account,
    "Pod": _pod,
    "Node": _node,
    "Namespace": _namespace,
    "NetworkPolicy": _network_policy,
    "Event": _event,
}
