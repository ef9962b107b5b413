"""Rules for who is bound to which role inside a cluster."""

from collections.abc import Iterator
from typing import Final

from bindwatch.model.change import Run, remedy
from bindwatch.model.document import Document
from bindwatch.model.finding import Category, Remediation, Severity, State
from bindwatch.model.log_entry import LogEntry
from bindwatch.rule import Context, Match, log_rule
from bindwatch.rules.kubernetes_entry import (
    KubernetesObject,
    body_of,
    cluster_of,
    is_control_plane,
    is_controller,
    is_node,
    is_platform_namespace,
    is_pod,
    object_of,
    rbac,
    verb_of,
    weighed_in_cluster,
)

_BINDINGS: Final = ("clusterrolebindings", "rolebindings")
_ALL_WRITES: Final = ("create", "update", "patch", "delete")
# What each of these roles of Kubernetes itself comes to: cluster-admin by name, or a way to it.
_ROOT_ROLES: Final = frozenset(
    {
        "cluster-admin",
        "system:controller:clusterrole-aggregation-controller",
        "system:controller:generic-garbage-collector",
        "system:kube-controller-manager",
        "system:masters",
    }
)
_WIDE_ROLES: Final = frozenset({"admin", "edit", "system:node", "system:node-proxier", "system:certificates.k8s.io"})
# What they come to in one namespace.
_NAMESPACE_ROLES: Final = {"admin": Severity.LOW, "edit": Severity.INFO}
# Everyone may have these: Kubernetes binds them so itself.
_ROLES_FOR_EVERYONE: Final = frozenset(
    {"system:discovery", "system:basic-user", "system:public-info-viewer", "system:service-account-issuer-discovery"}
)
_EVERYONE: Final = frozenset({"system:anonymous", "system:unauthenticated", "system:authenticated"})


def _role_of(entry: LogEntry) -> str:
    for body in (body_of(entry), entry.response, entry.request):
        if name := body.text("roleRef.name"):
            return name
    return ""


def _subjects(entry: LogEntry) -> tuple[Document, ...]:
    body = body_of(entry)
    return body.documents("subjects") or entry.request.documents("subjects")


def _named(subject: Document) -> str:
    kind, name, namespace = subject.text("kind"), subject.text("name"), subject.text("namespace")
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def _unbound(target: KubernetesObject) -> Remediation | None:
    if not target.name:
        return None
    kind = "clusterrolebinding" if target.plural == "clusterrolebindings" else "rolebinding"
    where = (f"--namespace={target.namespace}",) if target.namespace else ()
    return remedy(
        f"Delete the binding {target.name} if nobody meant it",
        Run(("kubectl", "delete", kind, target.name, *where)),
        risk="Whoever is bound by it loses the role at once; keep a copy with kubectl get -o yaml",
    )


@log_rule(
    "cluster-admin-granted",
    Severity.HIGH,
    Category.OVER_PRIVILEGE,
    methods=rbac(*_BINDINGS, verbs=_ALL_WRITES),
    techniques=["T1098.006"],
    equivalents=[
        "panther:Kubernetes.ClusterRoleBinding.Privileged",
        "sigma:gcp_kubernetes_rolebinding",
        "elastic:persistence_gcp_gke_cluster_admin_role_binding",
        "scc:GKE_CONTROL_PLANE_CREATE_SENSITIVE_BINDING",
        "scc:GKE_CONTROL_PLANE_EDIT_SENSITIVE_RBAC_OBJECT",
        "scc:GKE_CRB_CLUSTERROLE_AGGREGATION_CONTROLLER",
    ],
)
def cluster_admin_granted(entry: LogEntry, context: Context) -> Iterator[Match]:
    """Somebody was bound to cluster-admin, or to a role as strong.

    ## Why it matters
    cluster-admin reads every secret, runs code on every node and speaks to Google Cloud as every workload of the
    cluster: the sum of all identities that live in it.

    ## What to do
    Delete the binding, and grant a role in the namespaces that need it. For people use IAM roles of GKE, which leave a
    trace in the project. `admin` of a namespace is LOW and `edit` INFO: both read the secrets there and run pods as any
    account of it.

    ## Known false positives
    Installers of operators ask for it. Name the pipeline in the settings; bind in one namespace where it will do.

    ## Blind spots
    A role of another name with the same rules is judged when the role is written.
    """
    if is_control_plane(entry):
        return
    target, role = object_of(entry), _role_of(entry)
    if verb_of(entry) == "delete":
        yield Match(
            subject=f"binding {target}",
            title=f"The binding {target} was deleted by {entry.caller_name}",
            state=State.RESOLVED,
        )
        return
    wide = target.plural == "clusterrolebindings"
    if role in _ROOT_ROLES:
        severity = Severity.HIGH if wide else Severity.MEDIUM
    elif wide and role in _WIDE_ROLES:
        severity = Severity.MEDIUM
    elif role in _NAMESPACE_ROLES:
        severity = _NAMESPACE_ROLES[role]
    elif not role and target.name == "cluster-admin":
        role, severity = "cluster-admin", Severity.HIGH  # a patch that shows the subjects alone
    else:
        return
    who = ", ".join(_named(subject) for subject in _subjects(entry)) or "subjects the entry does not show"
    where = "the whole cluster" if wide else f"the namespace {target.namespace}"
    yield Match(
        subject=f"binding {target}",
        title=f"{who} became {role} of {where} {cluster_of(entry)}".rstrip(),
        severity=weighed_in_cluster(severity, entry, context),
        remediation=_unbound(target),
    )


@log_rule(
    "kubernetes-access-for-everyone",
    Severity.CRITICAL,
    Category.OVER_PRIVILEGE,
    methods=rbac(*_BINDINGS, verbs=_ALL_WRITES),
    techniques=["T1098.006"],
    equivalents=["scc:ANONYMOUS_SESSIONS_GRANTED_CLUSTER_ADMIN", "scc:GKE_ANONYMOUS_USERS_GRANTED_ACCESS"],
)
def kubernetes_access_for_everyone(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A role of a cluster was given to everybody: anonymous callers, or any Google account.

    ## Why it matters
    system:unauthenticated is whoever reaches the API server. On GKE system:authenticated is no better: it is everybody
    with a Google account, anywhere.

    ## What to do
    Delete the binding. Bind the group of the people who need it.

    ## Known false positives
    Kubernetes binds its discovery roles to everyone itself; those are left out.

    ## Blind spots
    A private endpoint limits who can come near; the entry does not say whether there is one.
    """
    if is_control_plane(entry):
        return
    role, target = _role_of(entry), object_of(entry)
    if verb_of(entry) == "delete":
        for name in sorted(_EVERYONE):
            if any(subject.text("name") == name for subject in _subjects(entry)):
                yield Match(
                    subject=f"{name} in {target}", title=f"{name} lost the role of {target}", state=State.RESOLVED
                )
        return
    if role in _ROLES_FOR_EVERYONE:
        return
    for subject in _subjects(entry):
        name = subject.text("name")
        if name in _EVERYONE:
            severity = Severity.CRITICAL if role in _ROOT_ROLES | _WIDE_ROLES else Severity.HIGH
            yield Match(
                subject=f"{name} in {target}",
                title=f"{name} was given {role or 'a role'} in the cluster {cluster_of(entry)}".rstrip(),
                severity=severity,
                remediation=_unbound(target),
            )


@log_rule(
    "kubernetes-service-account-bound",
    Severity.LOW,
    Category.OVER_PRIVILEGE,
    methods=rbac(*_BINDINGS),
    techniques=["T1098.006"],
    equivalents=["elastic:persistence_gcp_gke_role_binding_referencing_service_account"],
)
def kubernetes_service_account_bound(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A person gave a Kubernetes service account a role.

    ## Why it matters
    A service account with a role is a way in that needs no person: its token lies in every pod that runs as it.

    ## What to do
    Check that the role is the least the workload needs. The default account of a namespace should have none.

    ## Known false positives
    Most deployments do this: the weight is low unless the account is a default one or one of GKE's own namespaces.

    ## Blind spots
    Bindings made by controllers are not shown.
    """
    if is_control_plane(entry) or is_pod(entry.caller):
        return
    target, role = object_of(entry), _role_of(entry)
    if role in _ROOT_ROLES:
        return  # the stronger rule says it
    for subject in _subjects(entry):
        if subject.text("kind") != "ServiceAccount":
            continue
        everyones = subject.text("name") == "default" or is_platform_namespace(subject.text("namespace"))
        yield Match(
            subject=f"{_named(subject)} in {target}",
            title=f"{_named(subject)} was given the role {role or 'of ' + str(target)}",
            severity=weighed_in_cluster(Severity.MEDIUM if everyones else Severity.LOW, entry, context),
            remediation=_unbound(target),
        )


@log_rule(
    "workload-changed-its-cluster-roles",
    Severity.MEDIUM,
    Category.THREAT,
    methods=rbac("clusterrolebindings", "rolebindings", "clusterroles", "roles"),
    techniques=["T1098.006"],
    equivalents=[
        "elastic:privilege_escalation_gcp_gke_service_account_modified_rbac_objects",
        "elastic:privilege_escalation_gcp_gke_sensitive_rbac_change_followed_by_workload_modification",
    ],
)
def workload_changed_its_cluster_roles(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A Kubernetes service account or a node wrote roles or bindings.

    ## Why it matters
    Workloads have no business granting: where one does, its token is in other hands or it is an operator with too much.

    ## What to do
    Look at what the pod was running at the time, and at what the role now allows.

    ## Known false positives
    Operators and GitOps controllers. Those of the usual namespaces weigh less; name others in the settings.

    ## Blind spots
    None beyond those of Admin Activity logs.
    """
    node = is_node(entry.caller)
    if not node and (is_control_plane(entry) or not is_pod(entry.caller)):
        return
    target = object_of(entry)
    severity = Severity.HIGH if node else Severity.LOW if is_controller(entry) else Severity.MEDIUM
    yield Match(
        subject=f"{entry.caller_name} on {target.plural}",
        title=f"{entry.caller_name} wrote {target}",
        severity=weighed_in_cluster(severity, entry, context),
    )


RULES: Final = (
    cluster_admin_granted,
    kubernetes_access_for_everyone,
    kubernetes_service_account_bound,
    workload_changed_its_cluster_roles,
)
