"""Rules for what the roles of a cluster allow: every way a role can become more than it says."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bindwatch.model.change import Run, remedy
from bindwatch.model.finding import Category, Remediation, Severity
from bindwatch.model.log_entry import LogEntry
from bindwatch.rule import Context, Match, log_rule
from bindwatch.rules.kubernetes_entry import (
    KubernetesObject,
    body_of,
    is_control_plane,
    object_of,
    rbac,
    verb_of,
    weighed_in_cluster,
)

_ROLES: Final = rbac("clusterroles", "roles")
_WRITE_VERBS: Final = frozenset({"create", "update", "patch", "delete", "deletecollection", "*"})


@dataclass(frozen=True, slots=True)
class _Power:
    """One permission that is worth more than it says, and what it is worth."""

    resources: frozenset[str]
    verbs: frozenset[str]
    severity: Severity
    worth: str

    @property
    def of_any_resource(self) -> frozenset[str]:
        """The other spelling of its subresources, which Kubernetes takes too: `*/exec`."""
        return frozenset(f"*/{name.partition('/')[2]}" for name in self.resources if "/" in name)


_EXEC: Final = (
    _Power(
        frozenset({"pods/exec", "pods/attach", "pods/ephemeralcontainers"}),
        frozenset({"create", "get", "update", "patch", "*"}),
        Severity.MEDIUM,
        "run commands in pods, with their identities",
    ),
)
_NODE_PROXY: Final = (
    _Power(
        frozenset({"nodes/proxy"}),
        frozenset({"get", "create", "update", "patch", "delete", "*"}),
        Severity.HIGH,
        "reach the kubelets and through them every pod",
    ),
)
_IDENTITIES: Final = (
    _Power(
        frozenset({"serviceaccounts/token"}),
        frozenset({"create", "*"}),
        Severity.HIGH,
        "take the token of any service account it reaches",
    ),
    _Power(
        frozenset({"certificatesigningrequests/approval", "signers"}),
        frozenset({"update", "patch", "approve", "sign", "*"}),
        Severity.HIGH,
        "approve certificates for any identity of the cluster",
    ),
    _Power(
        frozenset({"secrets"}),
        frozenset({"get", "list", "watch", "*"}),
        Severity.LOW,
        "read secrets, tokens of service accounts among them",
    ),
    _Power(
        frozenset({"mutatingwebhookconfigurations", "validatingwebhookconfigurations"}),
        frozenset({"create", "update", "patch", "*"}),
        Severity.MEDIUM,
        "see and rewrite what others send to the API server",
    ),
)


def _granted(entry: LogEntry) -> Iterator[tuple[frozenset[str], frozenset[str], frozenset[str]]]:
    """The (API groups, resources, verbs) of each rule of the role as it is after the write."""
    body = body_of(entry)
    for rule in body.documents("rules") or entry.request.documents("rules"):
        yield (
            frozenset(rule.texts("apiGroups")),
            frozenset(text.lower() for text in rule.texts("resources")),
            frozenset(text.lower() for text in rule.texts("verbs")),
        )


def _is_own_business(entry: LogEntry) -> bool:
    # Roles are written without rules too: aggregated ones get them from a controller.
    return is_control_plane(entry) or verb_of(entry) not in ("create", "update", "patch")


def _undone(target: KubernetesObject) -> Remediation | None:
    if not target.name:
        return None
    kind = "clusterrole" if target.plural == "clusterroles" else "role"
    where = (f"--namespace={target.namespace}",) if target.namespace else ()
    return remedy(
        f"Take the rule out of {target.name}, or delete the role",
        Run(("kubectl", "edit", kind, target.name, *where)),
        risk="Whoever is bound to the role loses what the rule allowed",
    )


def _scope(target: KubernetesObject) -> str:
    return f"in the namespace {target.namespace}" if target.namespace else "in the whole cluster"


@log_rule(
    "kubernetes-role-without-limits",
    Severity.HIGH,
    Category.OVER_PRIVILEGE,
    methods=_ROLES,
    techniques=["T1098.006"],
    equivalents=[
        "panther:Kubernetes.Role.Wildcard",
        "elastic:persistence_gcp_gke_sensitive_role_created_or_modified",
        "elastic:privilege_escalation_gcp_gke_rbac_wildcard_elevation_on_existing_role",
        "scc:GKE_CLUSTERROLE_PRIVILEGED_VERBS",
    ],
)
def kubernetes_role_without_limits(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A role was written that allows everything, takes in every other, or allows to grant, bind or impersonate.

    ## Why it matters
    `*` on `*` is cluster-admin under another name. escalate and bind lift the rule that nobody grants more than they
    have; impersonate is becoming somebody else.

    ## What to do
    Name the resources and verbs that are needed. Keep escalate, bind and impersonate to the people who run the cluster.

    ## Known false positives
    Operators that manage roles for others. A wildcard on one API group of its own weighs less; named resources of every
    API group are INFO.

    ## Blind spots
    A role that aggregates others shows its labels only; without any label it takes in all.
    """
    if _is_own_business(entry):
        return
    target = object_of(entry)
    if _takes_in_all(entry):
        yield Match(
            subject=f"{target}: every role",
            title=f"The role {target} takes in every other, cluster-admin among them",
            severity=weighed_in_cluster(Severity.HIGH, entry, context),
            remediation=_undone(target),
        )
    for groups, resources, verbs in _granted(entry):
        found = _limitless(groups, resources, verbs)
        if found is None:
            continue
        what, severity = found
        if target.namespace:
            severity = min(severity, Severity.MEDIUM)
        yield Match(
            subject=f"{target}: {what}",
            title=f"The role {target} may {what} {_scope(target)}",
            severity=weighed_in_cluster(severity, entry, context),
            remediation=_undone(target),
        )


def _takes_in_all(entry: LogEntry) -> bool:
    """Whether the role is made of the rules of all others: a selector that asks for nothing selects everything."""
    selectors = body_of(entry).documents("aggregationRule.clusterRoleSelectors")
    return any(not (item.keys("matchLabels") or item.documents("matchExpressions")) for item in selectors)


def _limitless(groups: frozenset[str], resources: frozenset[str], verbs: frozenset[str]) -> tuple[str, Severity] | None:
    if special := sorted(verbs & {"escalate", "bind", "impersonate"}):
        return f"{', '.join(special)} {', '.join(sorted(resources)) or 'anything'}", Severity.HIGH
    if "*" not in verbs and "*" not in resources:
        what = f"{', '.join(sorted(verbs))} {', '.join(sorted(resources))[:80]} of every API, those to come included"
        return (what, Severity.INFO) if "*" in groups else None
    everything = "*" in resources and ("*" in groups or not groups or "" in groups)
    if "*" in verbs and everything:
        return "do everything with everything", Severity.HIGH
    if everything and verbs & _WRITE_VERBS:
        return f"{', '.join(sorted(verbs))} everything", Severity.HIGH
    if "*" in verbs:
        return f"do everything with {', '.join(sorted(resources))[:80]}", Severity.LOW
    return (f"{', '.join(sorted(verbs))} everything", Severity.MEDIUM) if everything else None


def _powers(entry: LogEntry, context: Context, powers: tuple[_Power, ...]) -> Iterator[Match]:
    target = object_of(entry)
    for power in powers:
        for _, resources, verbs in _granted(entry):
            if verbs & power.verbs and resources & (power.resources | power.of_any_resource):
                yield Match(
                    subject=f"{target}: {power.worth}",
                    title=f"The role {target} may {power.worth} {_scope(target)}",
                    severity=weighed_in_cluster(power.severity, entry, context),
                    remediation=_undone(target),
                )
                break


@log_rule(
    "kubernetes-role-runs-commands",
    Severity.MEDIUM,
    Category.OVER_PRIVILEGE,
    methods=_ROLES,
    techniques=["T1078.004", "T1609"],
    equivalents=["panther:Kubernetes.Role.PodExec"],
)
def kubernetes_role_runs_commands(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A role was written that allows running commands in pods.

    ## Why it matters
    Inside a pod stand the token of its service account and, through the metadata server, its Google Cloud identity.

    ## What to do
    Grant it for single namespaces and for the time it is needed.

    ## Known false positives
    Roles for on-call people.

    ## Blind spots
    Creating pods gives the same; see the roles that write.
    """
    if not _is_own_business(entry):
        yield from _powers(entry, context, _EXEC)


@log_rule(
    "kubernetes-role-reaches-kubelets",
    Severity.HIGH,
    Category.OVER_PRIVILEGE,
    methods=_ROLES,
    techniques=["T1078.004", "T1611"],
    equivalents=["panther:Kubernetes.Role.NodeProxyPermissions"],
)
def kubernetes_role_reaches_kubelets(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A role was written that allows talking to kubelets through the API server.

    ## Why it matters
    nodes/proxy runs commands in any pod of a node, past admission control and without an entry for the command. Even
    `get` is enough, since the kubelet takes commands over a connection that starts with one.

    ## What to do
    Give monitoring nodes/metrics and nodes/stats instead.

    ## Known false positives
    Older monitoring agents ask for it.

    ## Blind spots
    Calls that use it show as nodes.proxy entries, not as exec.
    """
    if not _is_own_business(entry):
        yield from _powers(entry, context, _NODE_PROXY)


@log_rule(
    "kubernetes-role-takes-identities",
    Severity.HIGH,
    Category.OVER_PRIVILEGE,
    methods=_ROLES,
    techniques=["T1098.006", "T1552.007"],
    equivalents=["elastic:persistence_gcp_gke_sensitive_role_created_or_modified"],
)
def kubernetes_role_takes_identities(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A role was written that allows taking other identities of the cluster.

    ## Why it matters
    Requesting tokens, approving certificates, reading secrets and rewriting requests each end in being somebody else.

    ## What to do
    Name the service accounts (`resourceNames`) whose tokens may be requested; keep approval to the control plane.

    ## Known false positives
    cert-manager, external-secrets and their like need parts of it. Reading secrets alone weighs little.

    ## Blind spots
    Whether anybody is bound to the role is told by its bindings.
    """
    if not _is_own_business(entry):
        yield from _powers(entry, context, _IDENTITIES)


@log_rule(
    "kubernetes-role-writes",
    Severity.INFO,
    Category.OVER_PRIVILEGE,
    methods=_ROLES,
    techniques=["T1078.004"],
    equivalents=["panther:Kubernetes.Role.WritePermissions"],
)
def kubernetes_role_writes(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A role was written that allows changing what runs in the cluster.

    ## Why it matters
    Whoever creates a pod chooses the service account it runs as, and so may use every identity of the namespace.

    ## What to do
    Grant writing on workloads to pipelines, reading to people.

    ## Known false positives
    Most roles write something: the finding is a record unless the role makes pods for the whole cluster.

    ## Blind spots
    Whether anybody is bound to the role is told by its bindings.
    """
    if _is_own_business(entry):
        return
    target = object_of(entry)
    wanted = sorted(
        {resource for _, resources, verbs in _granted(entry) if verbs & _WRITE_VERBS for resource in resources}
    )
    if not wanted:
        return
    runs = not target.namespace and bool(_RUNS_CODE.intersection(wanted))
    yield Match(
        subject=f"{target}",
        title=f"The role {target} may change {', '.join(wanted[:8])} {_scope(target)}",
        severity=weighed_in_cluster(Severity.LOW if runs else Severity.INFO, entry, context),
    )


_RUNS_CODE: Final = frozenset(
    {"*", "pods", "deployments", "daemonsets", "statefulsets", "replicasets", "jobs", "cronjobs"}
)


@log_rule(
    "kubernetes-system-role-changed",
    Severity.HIGH,
    Category.THREAT,
    methods=rbac("clusterroles", "roles", "clusterrolebindings", "rolebindings", verbs=("update", "patch", "delete")),
    techniques=["T1098"],
    equivalents=["panther:Kubernetes.SystemRole.Modified"],
)
def kubernetes_system_role_changed(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A role of Kubernetes itself, or the binding of one, was changed.

    ## Why it matters
    The system: roles are bound to the control plane, the nodes and everybody; a rule added to one reaches them all and
    shows in no binding; a subject added to one of their bindings joins them.

    ## What to do
    Restart of the API server sets most of them back; delete the rule by hand at once.

    ## Known false positives
    The control plane reconciles these roles itself; it is left out.

    ## Blind spots
    Roles that aggregate into admin, edit and view are not named system:.
    """
    target = object_of(entry)
    builtin = target.name.startswith("system:") or (
        target.plural == "clusterroles" and target.name in ("cluster-admin", "admin", "edit", "view")
    )
    if is_control_plane(entry) or not builtin:
        return
    what = "binding" if target.plural.endswith("bindings") else "role"
    yield Match(
        subject=f"{target}",
        title=f"The built-in {what} {target.name} was changed by {entry.caller_name}",
        severity=Severity.CRITICAL if target.name.startswith("system:") else Severity.HIGH,
        remediation=_undone(target),
    )


RULES: Final = (
    kubernetes_role_without_limits,
    kubernetes_role_runs_commands,
    kubernetes_role_reaches_kubelets,
    kubernetes_role_takes_identities,
    kubernetes_role_writes,
    kubernetes_system_role_changed,
)
