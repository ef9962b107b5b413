"""Rules for who gets into a cluster and as whom: anonymous callers, impersonation, certificates, stray addresses."""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

from bindwatch.model.change import Run, remedy
from bindwatch.model.document import Document
from bindwatch.model.finding import Category, Confidence, Severity
from bindwatch.model.log_entry import LogEntry
from bindwatch.rule import Context, Match, Method, Outcome, log_rule
from bindwatch.rules.addresses import comes_from_internet
from bindwatch.rules.kubernetes_entry import (
    CONTAINER,
    KUBERNETES,
    caller_text,
    cluster_of,
    is_anonymous,
    is_control_plane,
    is_controller,
    is_platform_namespace,
    is_pod,
    object_of,
    reads,
    verb_of,
    weighed_in_cluster,
    writes,
)
from bindwatch.rules.methods import data_access

# Every change in a cluster, and the reads that tell most; all reads of a cluster would be too many to send.
_ANY_CALL: Final = (
    Method(KUBERNETES, "*"),
    *reads(
        "core.v1.secrets.*",
        "core.v1.serviceaccounts.list",
        "core.v1.pods.list",
        "authorization.rbac.v1.*.list",
        "authorization.v1.selfsubject*reviews.create",
    ),
)
_ANONYMOUS_CALL: Final = (
    Method(KUBERNETES, "*"),
    *(
        Method(KUBERNETES, "*", "data_access", log_type, CONTAINER, "system:anonymous")
        for log_type in ("ADMIN_READ", "DATA_READ")
    ),
)
# What load balancers, probes and clients read before anybody signed in; Kubernetes gives it to everyone.
_PUBLIC_PATH: Final = re.compile(
    r"(?i)(?:^|[./])(?:healthz|livez|readyz|version|openapi|openid|well-known|discovery|apis?)(?:[./]|$)"
    r"|^io\.k8s\.(?:get|post)$"
)
_DISCOVERY: Final = re.compile(r"/?(?:apis?|openapi)(?:/v\d+)?/?$")
_PROBE_AGENTS: Final = ("googlehc/", "googlekubernetesenginefrontend", "kube-probe/")
_CHANGES: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})


def _is_probe(entry: LogEntry) -> bool:
    agent = entry.user_agent.lower()
    return agent.startswith(_PROBE_AGENTS) or bool(
        _PUBLIC_PATH.search(entry.method.removeprefix("io.k8s.")) or _PUBLIC_PATH.search(entry.raw_resource_name)
    )


@log_rule(
    "anonymous-request-allowed",
    Severity.HIGH,
    Category.THREAT,
    methods=_ANONYMOUS_CALL,
    techniques=["T1190", "T1078.001"],
    equivalents=[
        "panther:Kubernetes.API.AnonymousAccess",
        "panther:Kubernetes.System.Principal.PublicIP",
        "elastic:initial_access_gcp_gke_anonymous_request_authorized",
        "elastic:execution_gcp_gke_anonymous_pod_create_update_patch",
        "scc:GKE_RESOURCE_CREATED_ANONYMOUSLY_FROM_INTERNET",
        "scc:GKE_RESOURCE_MODIFIED_ANONYMOUSLY_FROM_INTERNET",
    ],
)
def anonymous_request_allowed(entry: LogEntry, _context: Context) -> Iterator[Match]:
    """The API server of a cluster served somebody who had not signed in.

    ## Why it matters
    Somebody bound a role to everyone. What was read or changed here, anybody who reaches the endpoint can do.

    ## What to do
    Find the binding of system:anonymous or system:unauthenticated, delete it, and undo what was created.

    ## Known false positives
    Health checks, the version and the keys of the issuer, which Kubernetes serves to everyone: they are left out. What
    is installed (`/api`, `/openapi`) has been for those who signed in since 1.14: LOW.

    ## Blind spots
    Reads show only where Data Access logs of GKE are on.
    """
    if not is_anonymous(entry):
        return
    discovers = caller_text(entry) != "" and _DISCOVERY.match(entry.raw_resource_name) is not None
    if _is_probe(entry) and not discovers:
        return
    changes = verb_of(entry) in _CHANGES
    target, origin = object_of(entry), entry.caller_ip or "an unknown address"
    severity = Severity.CRITICAL if changes else Severity.HIGH
    if not caller_text(entry):
        severity = Severity.MEDIUM
    if discovers:
        severity = Severity.LOW
    bindings = ("kubectl", "get", "clusterrolebindings,rolebindings", "--all-namespaces", "--output=wide")
    yield Match(
        subject=f"{verb_of(entry)} {target.plural or entry.method}",
        title=f"An anonymous caller from {origin} was allowed to {verb_of(entry)} {target}",
        severity=severity,
        confidence=Confidence.HIGH if caller_text(entry) else Confidence.LOW,
        remediation=remedy("Find and delete the binding that names everyone", Run(bindings)),
    )


@log_rule(
    "anonymous-request-refused",
    Severity.INFO,
    Category.THREAT,
    methods=_ANONYMOUS_CALL,
    outcome=Outcome.FAILED,
    techniques=["T1190", "T1613"],
    equivalents=[
        "panther:Kubernetes.API.AnonymousAccess",
        "panther:Kubernetes.API.Multiple403.PublicIP",
        "elastic:discovery_gcp_gke_anonymous_endpoint_permission_enumeration",
    ],
)
def anonymous_request_refused(entry: LogEntry, _context: Context) -> Iterator[Match]:
    """The API server of a cluster refused somebody who had not signed in.

    ## Why it matters
    Scanners find public endpoints within hours; one that tries many resources is looking for a misplaced binding.

    ## What to do
    Limit the endpoint to the networks that need it (authorized networks, or a private endpoint).

    ## Known false positives
    A client whose credentials ran out. Hence INFO.

    ## Blind spots
    Refused reads show only where Data Access logs of GKE are on.
    """
    if caller_text(entry) and is_anonymous(entry) and not _is_probe(entry):
        yield Match(
            subject=f"anonymous from {entry.caller_ip or 'an unknown address'}",
            title=f"An anonymous caller from {entry.caller_ip or 'an unknown address'} was refused {object_of(entry)}",
            resource_name=entry.resource.partition("/k8s/")[0],
        )


@log_rule(
    "kubernetes-impersonation",
    Severity.HIGH,
    Category.THREAT,
    methods=_ANY_CALL,
    techniques=["T1134", "T1078.004"],
    equivalents=["elastic:privilege_escalation_gcp_gke_api_request_impersonating_privileged_identity"],
)
def kubernetes_impersonation(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A call to a cluster was made in the name of a privileged identity.

    ## Why it matters
    `kubectl --as` needs the verb impersonate; with it a caller is cluster-admin without any binding that says so.

    ## What to do
    Ask the caller. Take impersonate out of the role that gave it, or name whom it may impersonate.

    ## Known false positives
    Break-glass use by people who run the cluster.

    ## Blind spots
    Only what the entry puts in authoritySelector is seen.
    """
    selector = entry.authentication.authority_selector
    if not selector or not entry.authentication.principal_email or selector == entry.authentication.principal_email:
        return
    if not ("system:" in selector or "cluster-admin" in selector) or is_control_plane(entry):
        return
    yield Match(
        subject=f"{entry.caller_name} as {selector}",
        title=f"{entry.caller_name} called the cluster {cluster_of(entry)} as {selector}",
        resource_name=entry.resource.partition("/k8s/")[0],
        severity=weighed_in_cluster(Severity.HIGH, entry, context),
    )


@log_rule(
    "cluster-identity-from-outside",
    Severity.HIGH,
    Category.THREAT,
    methods=_ANY_CALL,
    techniques=["T1190", "T1528"],
    equivalents=["panther:Kubernetes.System.Principal.PublicIP"],
)
def cluster_identity_from_outside(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A Kubernetes service account, a node or a controller called its cluster from a public address.

    ## Why it matters
    Tokens of service accounts are used inside the cluster. One that comes in from outside was taken out of it, and so
    was the certificate of a node that a person's tool uses.

    ## What to do
    Delete the pod that ran as it, and its token secrets, then look at what it did from that address.

    ## Known false positives
    Nodes with public addresses: their pods reach the endpoint through the node's address. Calls of a program that is no
    person's tool therefore weigh less, and those of the programs of nodes and of Google's own controllers are left out.

    ## Blind spots
    An intruder on Google Cloud looks like a node.
    """
    name = entry.authentication.principal_email
    if not name.startswith("system:") or name in _NOBODY or not comes_from_internet(entry):
        return  # most calls are the control plane's: ask the cheap questions first
    caller = entry.caller
    by_hand = _BY_HAND.search(entry.user_agent) is not None
    own = entry.user_agent and not by_hand and not name.startswith(("system:serviceaccount:", "system:kube-"))
    if caller is None or own or _is_probe(entry):
        return
    if is_pod(caller) and is_platform_namespace(caller.namespace) and not by_hand:
        return
    yield Match(
        subject=f"{entry.caller_name} from {entry.caller_ip}",
        title=f"{entry.caller_name} called the cluster {cluster_of(entry)} from {entry.caller_ip}"
        + (f" with {entry.user_agent.partition(' ')[0]}" if by_hand else ""),
        resource_name=entry.resource.partition("/k8s/")[0],
        severity=weighed_in_cluster(Severity.HIGH if by_hand else Severity.LOW, entry, context),
        confidence=Confidence.MEDIUM if by_hand else Confidence.LOW,
    )


_NOBODY: Final = frozenset({"system:anonymous", "system:unauthenticated"})
# Tools that a person starts; controllers are built on client-go and say their own name.
_BY_HAND: Final = re.compile(r"(?i)^(?:kubectl|curl|wget|python|k9s|helm|lens|postman|httpie|peirates|kubeletmein)")


@log_rule(
    "kubernetes-refused-from-outside",
    Severity.LOW,
    Category.THREAT,
    methods=_ANY_CALL,
    outcome=Outcome.FAILED,
    techniques=["T1613"],
    equivalents=["panther:Kubernetes.API.Multiple403.PublicIP", "elastic:execution_gcp_gke_forbidden_creation_request"],
)
def kubernetes_refused_from_outside(entry: LogEntry, _context: Context) -> Iterator[Match]:
    """A cluster refused a call of a known identity from a public address.

    ## Why it matters
    Somebody holds credentials of the cluster and finds out what they are good for. One refusal is nothing; the window
    rules weigh many.

    ## What to do
    Look at the other calls of the identity from that address.

    ## Known false positives
    People who mistype a namespace: hence LOW.

    ## Blind spots
    Refused reads show only where Data Access logs of GKE are on.
    """
    if not entry.denied or is_anonymous(entry) or is_control_plane(entry) or not comes_from_internet(entry):
        return
    yield Match(
        subject=f"{entry.caller_key} from {entry.caller_ip}",
        title=f"{entry.caller_name} was refused {verb_of(entry)} {object_of(entry)}",
        resource_name=entry.resource.partition("/k8s/")[0],
    )


# Questions and notes are created too.
_NO_OBJECTS: Final = frozenset({"events", "tokenreviews", "localsubjectaccessreviews", "subjectaccessreviews"})


@log_rule(
    "kubernetes-creation-refused",
    Severity.LOW,
    Category.THREAT,
    methods=(Method(KUBERNETES, "io.k8s.*.create"),),
    outcome=Outcome.FAILED,
    techniques=["T1609", "T1098.006"],
    equivalents=["elastic:execution_gcp_gke_forbidden_creation_request"],
)
def kubernetes_creation_refused(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A cluster refused to let a workload create something.

    ## Why it matters
    A program creates what it was given the role for. One that tries pods, bindings or tokens without it is probably not
    the program that was deployed.

    ## What to do
    Look at what runs in the pod, and at the other calls of its account. If it is meant to: bind the role it lacks.

    ## Known false positives
    A controller deployed before its role, or a new version that wants more. Hence LOW.

    ## Blind spots
    People who are refused are told by `kubernetes-refused-from-outside`, and counted by the window rules.
    """
    if not entry.denied or not is_pod(entry.caller) or is_control_plane(entry):
        return
    target = object_of(entry)
    if target.plural in _NO_OBJECTS or target.plural.startswith("selfsubject"):
        return
    yield Match(
        subject=f"{entry.caller_key}: {target.subresource or target.plural}",
        title=f"{entry.caller_name} was refused the creation of {target}",
        resource_name=entry.resource.partition("/k8s/")[0],
        severity=weighed_in_cluster(Severity.LOW, entry, context),
    )


_REVIEW: Final = "authorization.v1*.selfsubjectaccessreviews.create"
_EVERYTHING: Final = frozenset({"*", "*/*", "secrets", "serviceaccounts/token", "pods/exec", "nodes/proxy"})
# Who may do these to an account or a role has what it has.
_BECOMING: Final = frozenset({"impersonate", "escalate", "bind"})
_EVERY_PATH: Final = frozenset({"*", "/*"})


@log_rule(
    "kubernetes-power-asked",
    Severity.INFO,
    Category.THREAT,
    methods=(Method(KUBERNETES, f"io.k8s.{_REVIEW}"), *reads(_REVIEW)),
    techniques=["T1069.003", "T1613"],
    equivalents=["scc:GKE_CONTROL_PLANE_CAN_GET_SENSITIVE_OBJECT"],
)
def kubernetes_power_asked(entry: LogEntry, context: Context) -> Iterator[Match]:
    """Somebody asked a cluster whether they may do everything, read secrets, or become another.

    ## Why it matters
    It is the first question of whoever has come by a credential. Asked by a pod, it is LOW: a program knows what it
    may do.

    ## What to do
    Nothing by itself: a line for the timeline. `kubernetes-permissions-asked` tells who goes on asking.

    ## Known false positives
    `kubectl auth can-i` on a working day, and dashboards that ask for each user. Hence INFO. Controllers ask at their
    start what they may do: INFO in the namespaces where they usually run, and for automation of the settings. To read
    `/healthz`, `/version` or `/apis` is every client's, and left out.

    ## Blind spots
    Reviews show only where Data Access logs of GKE are on. What somebody asks about another is not read: servers that
    leave it to the cluster who may call them do nothing else all day.
    """
    if is_control_plane(entry):
        return
    what = _power_asked(entry.request.document("spec"))
    if not what:
        return
    severity = Severity.LOW if is_pod(entry.caller) and not is_controller(entry) else Severity.INFO
    yield Match(
        subject=f"{entry.caller_key}: {what}",
        title=f"{entry.caller_name} asked the cluster {cluster_of(entry)} whether they may {what}",
        resource_name=entry.resource.partition("/k8s/")[0],
        severity=weighed_in_cluster(severity, entry, context),
    )


def _power_asked(spec: Document) -> str:
    """What a review asks to be allowed, where it is power over the cluster; else ''."""
    asked = spec.document("nonResourceAttributes")
    verb, path = asked.text("verb"), asked.text("path")
    if path in _EVERY_PATH or (path and verb == "*"):
        return f"{verb or 'use'} {'every path' if path in _EVERY_PATH else path}"
    asked = spec.document("resourceAttributes")
    verb, resource, name = asked.text("verb"), asked.text("resource"), asked.text("name")
    if subresource := asked.text("subresource"):
        resource = f"{resource}/{subresource}"
    if resource not in _EVERYTHING and verb not in _BECOMING and name != "cluster-admin":
        return ""
    everything = resource in ("*", "*/*")
    return f"{verb or 'use'} {'everything' if everything else resource}{f' {name}' if name else ''}"


_CSR: Final = "certificates.v1*.certificatesigningrequests"
_CLIENT_SIGNER: Final = "kubernetes.io/kube-apiserver-client"
_PRIVILEGED_NAMES: Final = (
    b"system:masters",
    b"system:kube-controller-manager",
    b"system:kube-scheduler",
    b"system:apiserver",
    b"system:addon-manager",
    b"system:gke-",
    b"cluster-admin",
)


@log_rule(
    "client-certificate-requested",
    Severity.MEDIUM,
    Category.THREAT,
    methods=(*writes(_CSR, verbs=("create", "delete")), *writes(f"{_CSR}.approval", verbs=("update", "patch"))),
    outcome=Outcome.ANY,
    techniques=["T1098.006", "T1649"],
    equivalents=[
        "panther:Kubernetes.ClientCertificate.Created",
        "elastic:persistence_gcp_gke_certificate_signing_request_self_approved",
        "elastic:persistence_gcp_gke_client_certificate_signing_request_created_or_approved",
        "elastic:privilege_escalation_gcp_gke_certificate_signing_request_api_client_signer_requested",
        "elastic:privilege_escalation_gcp_gke_certificate_signing_request_privileged_identity_requested",
        "scc:GKE_CONTROL_PLANE_CSR_FOR_MASTER_CERT",
        "scc:GKE_MANUALLY_DELETED_CSR",
        "scc:GKE_APPROVE_CSR_FORBIDDEN",
        "scc:GKE_CSR_APPROVED",
    ],
)
def client_certificate_requested(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A client certificate for a cluster was requested, approved or removed from view.

    ## Why it matters
    A certificate works until it runs out, from anywhere, whatever happens to the account that asked for it, and it can
    name any user or group. Kubernetes cannot revoke one.

    ## What to do
    Read the subject of the request. If it was approved and is not wanted, remove the bindings of the name it carries,
    and rotate the authority of the cluster where it says system:masters.

    ## Known false positives
    Kubelets ask for theirs when a node starts; the control plane approves them: both are left out.

    ## Blind spots
    The name inside is read from the request; a signer of its own may write another into the certificate.
    """
    if is_control_plane(entry):
        return
    target = object_of(entry)
    verb, spec = verb_of(entry), entry.request.document("spec") or entry.response.document("spec")
    if verb == "delete":
        if not entry.failed:
            yield _certificate(entry, context, target.name, Severity.LOW, "deleted the certificate request")
        return
    if ".approval." in f".{entry.method}.":
        asked_by = entry.response.text("spec.username") or spec.text("username")
        if entry.failed:
            yield _certificate(entry, context, target.name, Severity.MEDIUM, "was refused the approval of")
        elif asked_by and asked_by == caller_text(entry):
            yield _certificate(entry, context, target.name, Severity.HIGH, "approved their own certificate request")
        else:
            yield _certificate(entry, context, target.name, Severity.MEDIUM, "approved the certificate request")
        return
    if entry.failed:
        return
    privileged = _privileged_name(spec.text("request"))
    signer = spec.text("signerName")
    if privileged:
        what = f"asked for a certificate in the name of {privileged}"
        yield _certificate(entry, context, target.name, Severity.CRITICAL, what)
    elif not spec:
        yield _certificate(entry, context, target.name, Severity.LOW, "asked for a certificate the log does not show")
    elif signer == _CLIENT_SIGNER:
        yield _certificate(entry, context, target.name, Severity.MEDIUM, "asked for a client certificate")


def _certificate(entry: LogEntry, context: Context, name: str, severity: Severity, what: str) -> Match:
    return Match(
        subject=f"certificate request {name}: {what}",
        title=f"{entry.caller_name} {what} {name}".rstrip(),
        severity=weighed_in_cluster(severity, entry, context),
        remediation=remedy("Deny the request", Run(("kubectl", "certificate", "deny", name))) if name else None,
    )


def _privileged_name(request: str) -> str:
    """The privileged name in the subject of a signing request: base64 of PEM, whose names are plain text in the DER."""
    try:
        pem = base64.b64decode(request, validate=True)
        body = b"".join(line for line in pem.splitlines() if not line.startswith(b"-----"))
        der = base64.b64decode(body)
    except (binascii.Error, ValueError):
        return ""
    return next((name.decode() for name in _PRIVILEGED_NAMES if name in der), "")


@log_rule(
    "bootstrap-credentials-read-certificates",
    Severity.HIGH,
    Category.THREAT,
    methods=(
        *data_access(KUBERNETES, f"io.k8s.{_CSR}.get", log_type="DATA_READ", audited_as=CONTAINER),
        *data_access(KUBERNETES, f"io.k8s.{_CSR}.list", log_type="ADMIN_READ", audited_as=CONTAINER),
    ),
    techniques=["T1552.005", "T1649"],
    equivalents=["scc:GKE_CONTROL_PLANE_GET_CSR_WITH_COMPROMISED_BOOTSTRAP_CREDENTIALS"],
)
def bootstrap_credentials_read_certificates(entry: LogEntry, _context: Context) -> Iterator[Match]:
    """The bootstrap identity of nodes read certificate requests from outside the cluster.

    ## Why it matters
    Its credentials stand in the metadata of every node. Whoever took them there can pick up the certificates of nodes.

    ## What to do
    Rotate the credentials of the cluster, and serve pods from the GKE metadata server, which hides that metadata.

    ## Known false positives
    A kubelet reads its own request while its node starts: it calls from an address of the node and names itself.

    ## Blind spots
    Data Access logs of GKE must be on.
    """
    user = caller_text(entry)
    if user not in ("kubelet", "kubelet-bootstrap", "kubelet-nodepool-bootstrap"):
        return
    if not _BY_HAND.search(entry.user_agent):
        return
    yield Match(
        subject=f"{user} from {entry.caller_ip}",
        title=f"The bootstrap identity {user} read certificate requests with {entry.user_agent.partition(' ')[0]}",
        resource_name=entry.resource.partition("/k8s/")[0],
    )


RULES: Final = (
    anonymous_request_allowed,
    anonymous_request_refused,
    kubernetes_impersonation,
    cluster_identity_from_outside,
    kubernetes_refused_from_outside,
    kubernetes_creation_refused,
    kubernetes_power_asked,
    client_certificate_requested,
    bootstrap_credentials_read_certificates,
)
