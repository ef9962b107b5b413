"""Rules for taking identities out of running workloads: tokens, secrets, commands in pods, webhooks in the way."""

import re
from collections.abc import Iterator
from typing import Final

from bindwatch.model.change import Run, remedy
from bindwatch.model.finding import Category, Severity
from bindwatch.model.log_entry import LogEntry
from bindwatch.rule import Context, Match, Outcome, log_rule
from bindwatch.rules.kubernetes_entry import (
    caller_text,
    cluster_of,
    is_anonymous,
    is_control_plane,
    is_node,
    is_platform_namespace,
    is_pod,
    object_of,
    reads,
    verb_of,
    weighed_in_cluster,
    writes,
)

_TOKEN: Final = writes("core.v1.serviceaccounts.token", verbs=("create",))
_SECRET_READS: Final = reads("core.v1.secrets.get", "core.v1.secrets.list", "core.v1.secrets.watch")
_EXEC: Final = (
    *writes("core.v1.pods.exec", "core.v1.pods.attach", verbs=("create", "get")),
    *reads("core.v1.pods.exec.get", "core.v1.pods.exec.create"),
    *writes("core.v1.pods.ephemeralcontainers", verbs=("patch", "update")),
)
# Where identities lie inside a container; beside the token of a pod stand two files that anybody may know.
_IDENTITY_PATHS: Final = re.compile(
    r"(?i)/run/secrets(?!/kubernetes\.io/serviceaccount/(?:namespace|ca\.crt)(?![\w/]))|serviceaccount/token|gcp-ksa/token|169\.254\.169\.254|metadata\.google\.internal"
    r"|computemetadata/v1|service-accounts/[^/ ]*/(?:token|identity)|application_default_credentials|\.config/gcloud"
)
# Where people and programs keep what they sign in with elsewhere.
_CREDENTIAL_PATHS: Final = re.compile(
    r"(?i)/etc/shadow|\.kube/config|/etc/kubernetes/|kubelet/(?:kubeconfig|pki)|\.aws/credentials|\.azure/|\.ssh/id_|\.git-credentials"
    r"|\.docker/config\.json|\.vault-token|/proc/(?:self|\d+)/environ"
)
_COMMAND_LABEL: Final = "command.gke.io/command"


@log_rule(
    "kubernetes-token-requested",
    Severity.MEDIUM,
    Category.THREAT,
    methods=_TOKEN,
    techniques=["T1552.007", "T1528"],
    equivalents=["elastic:credential_access_gcp_gke_service_account_token_created_via_tokenrequest"],
)
def kubernetes_token_requested(entry: LogEntry, context: Context) -> Iterator[Match]:
    """Somebody other than the cluster itself requested a token of a Kubernetes service account.

    ## Why it matters
    The token speaks for the service account from anywhere the endpoint is reached, and through Workload Identity for
    the Google service account behind it.

    ## What to do
    Ask the caller. Deleting the service account, or the object the token is bound to, makes it worthless.

    ## Known false positives
    Kubelets request tokens for their pods, controllers of GKE for theirs: both are left out. Vault and CI runners
    request tokens too; those of other workloads weigh less than those a person asks for.

    ## Blind spots
    Reading a token that is already in a pod leaves no such entry.
    """
    if is_node(entry.caller) or is_control_plane(entry):
        return
    target = object_of(entry)
    severity = Severity.LOW if is_pod(entry.caller) else Severity.MEDIUM
    if is_platform_namespace(target.namespace):
        severity = Severity.HIGH
    yield Match(
        subject=f"{target.namespace}/{target.name}: {entry.caller_name}",
        title=f"{entry.caller_name} took a token of the service account {target.namespace}/{target.name}",
        severity=weighed_in_cluster(severity, entry, context),
    )


@log_rule(
    "kubernetes-secrets-dumped",
    Severity.MEDIUM,
    Category.THREAT,
    methods=reads("core.v1.secrets.list", "core.v1.secrets.watch"),
    techniques=["T1552.007"],
    equivalents=[
        "panther:Kubernetes.Secrets.DumpAllNamespaces",
        "panther:Kubernetes.BulkSecretAccess",
        "scc:SECRETS_ACCESSED_IN_KUBERNETES_NAMESPACE",
    ],
)
def kubernetes_secrets_dumped(entry: LogEntry, context: Context) -> Iterator[Match]:
    """All secrets of a cluster, or of one of GKE's own namespaces, were listed or watched.

    ## Why it matters
    Listing returns the contents, and watching begins with them. Tokens, passwords and keys of every team went to one
    caller at once.

    ## What to do
    Ask the caller. Where nobody knows, treat every secret of the cluster as read: rotate them.

    ## Known false positives
    Operators keep a copy of all secrets in memory; those of service accounts weigh little.

    ## Blind spots
    Data Access logs of GKE must be on.
    """
    target = object_of(entry)
    if is_control_plane(entry) or (target.namespace and not is_platform_namespace(target.namespace)):
        return
    severity = Severity.INFO if is_pod(entry.caller) else Severity.MEDIUM
    where = f"the namespace {target.namespace}" if target.namespace else "all namespaces"
    yield Match(
        subject=f"secrets of {where}: {entry.caller_name}",
        title=f"{entry.caller_name} read the secrets of {where} in {cluster_of(entry) or 'the cluster'}",
        severity=weighed_in_cluster(severity, entry, context),
    )


@log_rule(
    "kubernetes-secret-read",
    Severity.LOW,
    Category.THREAT,
    methods=reads("core.v1.secrets.get", "core.v1.secrets.list"),
    techniques=["T1552.007"],
    equivalents=[
        "panther:Kubernetes.BulkSecretAccess",
        "elastic:credential_access_gcp_gke_secret_access_suspicious_user_agent",
        "elastic:credential_access_gcp_gke_secret_access_from_node_or_denied_service_account",
    ],
)
def kubernetes_secret_read(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A secret of a cluster was read by a person, or with a tool no workload uses.

    ## Why it matters
    Workloads mount their secrets or read the few that are theirs. A person with kubectl, or a pod with curl, reads
    what others use to sign in.

    ## What to do
    Ask the caller; rotate the secret where nobody meant it to be read.

    ## Known false positives
    People who debug. Hence LOW, unless the tool is one that a workload would not have.

    ## Blind spots
    Data Access logs of GKE must be on. How many secrets one caller read is a window rule's business.
    """
    target = object_of(entry)
    odd = _ODD_AGENTS.search(entry.user_agent) is not None
    if is_pod(entry.caller) and not odd:
        return
    if is_control_plane(entry) and not odd:
        return
    if not target.namespace:
        return  # a list of all namespaces is a finding of its own
    yield Match(
        subject=f"{target}: {entry.caller_name}",
        title=f"{entry.caller_name} read the secret {target.namespace}/{target.name or '*'}"
        + (f" with {entry.user_agent.partition(' ')[0]}" if odd else ""),
        severity=weighed_in_cluster(Severity.MEDIUM if odd and is_pod(entry.caller) else Severity.LOW, entry, context),
    )


_ODD_AGENTS: Final = re.compile(r"(?i)^(?:curl|wget|python-|python/|go-http-client|nmap|httpie|powershell|peirates)")


@log_rule(
    "kubernetes-secret-refused",
    Severity.LOW,
    Category.THREAT,
    methods=_SECRET_READS,
    outcome=Outcome.FAILED,
    techniques=["T1552.007"],
    equivalents=[
        "panther:Kubernetes.Secret.AccessDenied",
        "elastic:credential_access_gcp_gke_secret_access_from_node_or_denied_service_account",
    ],
)
def kubernetes_secret_refused(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A cluster refused to show a secret.

    ## Why it matters
    Somebody asked for a secret that is not theirs. From a node or a workload it means the pod is in other hands: what
    runs there knows which secrets it may read.

    ## What to do
    Look at the other calls of the identity around that time.

    ## Known false positives
    People who mistype a namespace, and workloads deployed before their role.

    ## Blind spots
    Data Access logs of GKE must be on.
    """
    if not entry.denied or is_anonymous(entry) or caller_text(entry).startswith("system:kube-"):
        return
    target = object_of(entry)
    severity = Severity.MEDIUM if is_node(entry.caller) else Severity.LOW
    yield Match(
        subject=f"{target}: {entry.caller_key}",
        title=f"{entry.caller_name} was refused the secret {target.namespace}/{target.name or '*'}",
        severity=weighed_in_cluster(severity, entry, context),
    )


@log_rule(
    "kubernetes-secret-changed",
    Severity.INFO,
    Category.THREAT,
    methods=writes("core.v1.secrets", verbs=("update", "patch", "delete", "deletecollection")),
    techniques=["T1552.007", "T1531"],
    equivalents=["sigma:gcp_kubernetes_secrets_modified_or_deleted"],
)
def kubernetes_secret_changed(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A secret of a cluster was changed or deleted by a person.

    ## Why it matters
    A changed secret makes a workload trust or use what somebody else chose; a token secret of a service account is a
    credential that never runs out.

    ## What to do
    Nothing, unless nobody knows of it.

    ## Known false positives
    Rotation by hand. Hence INFO, except for secrets that hold a token of a service account.

    ## Blind spots
    Controllers are left out.
    """
    if is_control_plane(entry) or is_pod(entry.caller):
        return
    target = object_of(entry)
    token = "kubernetes.io/service-account-token" in (entry.request.text("type"), entry.response.text("type"))
    yield Match(
        subject=f"{verb_of(entry)} {target}",
        title=f"{entry.caller_name} changed the secret {target.namespace}/{target.name or '*'} ({verb_of(entry)})",
        severity=weighed_in_cluster(Severity.LOW if token else Severity.INFO, entry, context),
    )


@log_rule(
    "pod-identity-taken",
    Severity.HIGH,
    Category.THREAT,
    methods=_EXEC,
    techniques=["T1552.005", "T1552.007"],
    equivalents=[
        "panther:Kubernetes.Pod.StealServiceAccountToken",
        "elastic:credential_access_gcp_gke_pod_exec_cloud_instance_metadata",
        "elastic:credential_access_gcp_gke_pod_exec_sensitive_file_access",
        "secops:gcp_unauthorized_gke_pod_token_endpoint_usage",
    ],
)
def pod_identity_taken(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A command in a pod read the token of its service account, asked the metadata server for one, or read credentials.

    ## Why it matters
    The token leaves the pod and speaks for it from anywhere, for an hour or until it runs out. There is no ordinary
    reason to print it. Credentials for elsewhere (of SSH, kubectl, other clouds, the environment of a process) are
    MEDIUM: they open something, but not this cluster.

    ## What to do
    Delete the pod, so that its bound token ends, and look at what the identity did since.

    ## Known false positives
    People who debug Workload Identity: ask, and let them use `bindwatch diagnose` instead.

    ## Blind spots
    A shell shows as the shell; what is typed into it is not logged.
    """
    command = _command(entry)
    own = _IDENTITY_PATHS.search(command)
    found = own or _CREDENTIAL_PATHS.search(command)
    if found is None:
        return
    target = object_of(entry)
    pod = f"{target.namespace}/{target.name}"
    yield Match(
        subject=f"pod {pod}: {entry.caller_name}",
        title=f"{entry.caller_name} read {found[0]} in the pod {pod}",
        severity=weighed_in_cluster(Severity.HIGH if own else Severity.MEDIUM, entry, context),
        remediation=remedy(
            "Delete the pod; its controller starts a fresh one",
            Run(("kubectl", "delete", "pod", target.name, f"--namespace={target.namespace}")),
            risk="Interrupts what the pod serves",
        )
        if target.name
        else None,
    )


def _command(entry: LogEntry) -> str:
    labels = dict(entry.labels.pairs())
    request = entry.request
    added = [
        word
        for container in request.documents("spec.ephemeralContainers")
        for word in (*container.texts("command"), *container.texts("args"))
    ]
    return " ".join((labels.get(_COMMAND_LABEL, ""), *request.texts("command"), *added, entry.raw_resource_name))


@log_rule(
    "kubelet-reached-through-api-server",
    Severity.MEDIUM,
    Category.THREAT,
    methods=(
        *writes("core.v1.nodes.proxy", verbs=("create", "get", "update", "patch", "delete")),
        *reads("core.v1.nodes.proxy.get"),
    ),
    techniques=["T1611", "T1550.001"],
    equivalents=["elastic:privilege_escalation_gcp_gke_api_proxy_to_node"],
)
def kubelet_reached_through_api_server(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A kubelet was called through the API server.

    ## Why it matters
    The kubelet runs commands in any pod of its node, and the entry says only that it was called.

    ## What to do
    Ask the caller; give monitoring nodes/metrics instead of nodes/proxy.

    ## Known false positives
    Monitoring agents that read metrics this way: reads of workloads weigh less.

    ## Blind spots
    What the kubelet was told is in the path at best.
    """
    if is_control_plane(entry):
        return
    reading = verb_of(entry) == "get"
    severity = Severity.LOW if reading and is_pod(entry.caller) else Severity.MEDIUM if reading else Severity.HIGH
    target = object_of(entry)
    yield Match(
        subject=f"node {target.name}: {entry.caller_name}",
        title=f"{entry.caller_name} called the kubelet of {target.name or 'a node'} through the API server",
        severity=weighed_in_cluster(severity, entry, context),
    )


@log_rule(
    "admission-webhook-changed",
    Severity.MEDIUM,
    Category.THREAT,
    methods=writes(
        "admissionregistration.v1*.mutatingwebhookconfigurations",
        "admissionregistration.v1*.validatingwebhookconfigurations",
        verbs=("create", "update", "patch", "replace"),
    ),
    techniques=["T1546", "T1552"],
    equivalents=[
        "panther:Kubernetes.AdmissionController.Created",
        "sigma:gcp_kubernetes_admission_controller",
        "elastic:persistence_gcp_gke_admission_webhook_created_or_modified",
        "scc:GKE_WEBHOOK_CONFIG_CREATED",
    ],
)
def admission_webhook_changed(entry: LogEntry, context: Context) -> Iterator[Match]:
    """An admission webhook was created or changed.

    ## Why it matters
    A webhook is shown every object it selects, secrets and tokens included, and a mutating one may change which service
    account a pod runs as.

    ## What to do
    Look at where it sends (`clientConfig`) and which resources it selects.

    ## Known false positives
    Installing a policy engine or a service mesh. Controllers that renew the certificate of their webhook weigh less.

    ## Blind spots
    Admission policies inside the API server (CEL) are no webhooks.
    """
    if is_control_plane(entry):
        return
    target = object_of(entry)
    url = next((item.text("clientConfig.url") for item in entry.request.documents("webhooks")), "")
    severity = Severity.LOW if is_pod(entry.caller) else Severity.HIGH if url else Severity.MEDIUM
    yield Match(
        subject=f"{target}",
        title=f"{entry.caller_name} changed the admission webhook {target.name}"
        + (f", which sends to {url}" if url else ""),
        severity=weighed_in_cluster(severity, entry, context),
    )


@log_rule(
    "platform-service-account-used",
    Severity.MEDIUM,
    Category.THREAT,
    methods=(
        *writes("core.v1.serviceaccounts", verbs=("create",)),
        *writes("core.v1.pods", verbs=("create",)),
        *writes("apps.v1.deployments", "apps.v1.daemonsets", verbs=("create",)),
    ),
    techniques=["T1078.001", "T1136"],
    equivalents=[
        "elastic:privilege_escalation_gcp_gke_suspicious_assignment_of_controller_service_account",
        "scc:GKE_SERVICE_ACCOUNT_CREATION_SENSITIVE_NAMESPACE",
    ],
)
def platform_service_account_used(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A service account was made in one of the cluster's own namespaces, or a workload was started as one of them.

    ## Why it matters
    The controllers in kube-system may do nearly everything. A pod that runs as one of them may too, and a service
    account placed among them looks as if it belonged there.

    ## What to do
    Delete it unless it is an add-on that somebody installed on purpose.

    ## Known false positives
    Add-ons installed into kube-system by hand.

    ## Blind spots
    Workloads other than pods, deployments and daemon sets are seen through the pods they make.
    """
    if is_control_plane(entry):
        return
    target = object_of(entry)
    if not (is_platform_namespace(target.namespace) or target.namespace == "kube-public"):
        return
    if target.plural == "serviceaccounts":
        if verb_of(entry) == "create" and not target.subresource:
            yield Match(
                subject=f"{target}",
                title=f"{entry.caller_name} made the service account {target.name} in {target.namespace}",
                severity=weighed_in_cluster(Severity.LOW, entry, context),
            )
        return
    body = entry.request
    account = body.text("spec.serviceAccountName") or body.text("spec.template.spec.serviceAccountName")
    if account and (account.endswith("-controller") or account in _CONTROLLERS):
        yield Match(
            subject=f"{target} as {account}",
            title=f"{entry.caller_name} started {target.name} as {account} of {target.namespace}",
            severity=weighed_in_cluster(Severity.HIGH, entry, context),
        )


_CONTROLLERS: Final = frozenset(
    {"generic-garbage-collector", "horizontal-pod-autoscaler", "persistent-volume-binder", "pod-garbage-collector"}
)


RULES: Final = (
    kubernetes_token_requested,
    kubernetes_secrets_dumped,
    kubernetes_secret_read,
    kubernetes_secret_refused,
    kubernetes_secret_changed,
    pod_identity_taken,
    kubelet_reached_through_api_server,
    admission_webhook_changed,
    platform_service_account_used,
)
