"""Which workloads an inventory has, and which of them a person means."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bindwatch.diagnosis.case import Case, Inputs, Runner
from bindwatch.errors import InputError
from bindwatch.inventory.clusters import Cluster
from bindwatch.inventory.workloads import KubernetesServiceAccount, Pod, Workload
from bindwatch.model.principal import PrincipalKind, parse_member

_KINDS: Final = {
    "deploy": "Deployment",
    "deployment": "Deployment",
    "deployments": "Deployment",
    "sts": "StatefulSet",
    "statefulset": "StatefulSet",
    "ds": "DaemonSet",
    "daemonset": "DaemonSet",
    "job": "Job",
    "cronjob": "CronJob",
    "cj": "CronJob",
    "rs": "ReplicaSet",
    "replicaset": "ReplicaSet",
    "pod": "Pod",
    "po": "Pod",
    "sa": "ServiceAccount",
    "serviceaccount": "ServiceAccount",
}
# Namespaces whose accounts Google or the cluster itself runs.
_SYSTEM: Final = ("kube-system", "kube-public", "kube-node-lease", "gke-", "gmp-", "gke-managed")


@dataclass(frozen=True, slots=True)
class Question:
    """What a person asked about: any part may be left empty."""

    namespace: str = ""
    subject: str = ""
    cluster: str = ""
    permission: str = ""
    resource: str = ""
    symptoms: tuple[str, ...] = ()


def cases(inputs: Inputs, question: Question) -> Iterator[Case]:
    """The workloads a question means. Raises InputError where the input has none of that name."""
    kind, _, name = question.subject.rpartition("/")
    if kind and kind.lower() not in _KINDS:
        raise InputError("subject", f"expected KSA, pod/NAME, deploy/NAME…, found {question.subject!r}")
    wanted = _KINDS.get(kind.lower(), "ServiceAccount")
    if not name:
        yield from _of_namespace(inputs, question)
        return
    chosen = (
        _of_account(inputs, question, name)
        if wanted == "ServiceAccount"
        else _of_runner(inputs, question, wanted, name)
    )
    found = False
    for case in chosen:
        found = True
        yield case
    if not found:
        where = f" in namespace {question.namespace}" if question.namespace else ""
        raise InputError("subject", f"the input has no {question.subject!r}{where}")


def all_cases(inputs: Inputs, *, cluster: str = "", namespace: str = "") -> Iterator[Case]:
    """Every workload that is meant to reach Google Cloud: annotated, granted something, or refused something."""
    inventory = inputs.inventory
    done: set[tuple[str, str, str]] = set()
    for account in inventory.all(KubernetesServiceAccount):
        key = account.cluster, account.namespace, account.name
        if not _in(key, cluster, namespace) or key in done:
            continue
        case = Case(inputs, *key, asked=False)
        if account.google_service_account or _is_named(case):
            done.add(key)
            yield case
    refused = {refusal.caller for refusal in inputs.traces.refusals}
    for runner in _runners(inputs):
        key = runner.cluster, runner.namespace, runner.ksa
        if key in done or not _in(key, cluster, namespace) or key[1].startswith(_SYSTEM):
            continue
        done.add(key)
        case = Case(inputs, *key, asked=False)
        missing = case.account is None and bool(case.grants)
        if missing or (case.principal.identity in refused) or (case.account is None and key[2] != "default"):
            yield case
    if not cluster:
        names = {(key[1], key[2]) for key in done}
        yield from (case for case in _only_in_logs(inputs, names) if not namespace or case.namespace == namespace)


def _only_in_logs(inputs: Inputs, done: set[tuple[str, str]]) -> Iterator[Case]:
    """The workloads that were refused something and that no cluster of the input shows."""
    for refusal in inputs.traces.refusals:
        principal = parse_member(refusal.caller)
        names = principal.namespace, principal.service_account
        if not principal.is_workload or not all(names) or names in done:
            continue
        done.add(names)
        clusters = inputs.inventory.clusters_of_pool(principal.pool)
        unknown = f"//container.googleapis.com/projects/{principal.project}/locations/-/clusters/-"
        yield Case(inputs, clusters[0].name if clusters else unknown, *names, asked=False)


def _is_named(case: Case) -> bool:
    """Whether some grant names the workload itself, or was probably meant to."""
    grants, names = case.inputs.grants, (case.namespace, case.name)
    own = grants.of(case.identities[:2])
    homes = {case.pool_project, case.inventory.project_of(case.cluster_name)}
    return bool(own or grants.misspelt(*names) or any(grants.named_in(home, *names) for home in homes))


def _in(key: tuple[str, str, str], cluster: str, namespace: str) -> bool:
    return (not namespace or key[1] == namespace) and (not cluster or _is_cluster(key[0], cluster))


def _is_cluster(name: str, wanted: str) -> bool:
    return name == wanted or name.rpartition("/")[2] == wanted or name.endswith(f"/{wanted}")


def _runners(inputs: Inputs) -> Iterator[Runner]:
    yield from inputs.inventory.all(Workload)
    yield from inputs.inventory.all(Pod)


def _of_namespace(inputs: Inputs, question: Question) -> Iterator[Case]:
    for case in all_cases(inputs, cluster=question.cluster, namespace=question.namespace):
        yield _asked(inputs, question, case.cluster_name, case.namespace, case.name)


def _asked(
    inputs: Inputs,
    question: Question,
    cluster: str,
    namespace: str,
    name: str,
    runners: tuple[Runner, ...] | None = None,
) -> Case:
    return Case(
        inputs,
        cluster,
        namespace,
        name,
        runners=runners,
        permission=question.permission,
        resource=question.resource,
        symptoms=question.symptoms,
    )


def _of_account(inputs: Inputs, question: Question, name: str) -> Iterator[Case]:
    keys: dict[tuple[str, str, str], None] = {}
    for item in inputs.inventory.all(KubernetesServiceAccount):
        if item.name == name:
            keys[item.cluster, item.namespace, name] = None
    for runner in _runners(inputs):
        if runner.ksa == name:
            keys[runner.cluster, runner.namespace, name] = None
    chosen = [key for key in keys if _in(key, question.cluster, question.namespace)]
    if not chosen:
        chosen = list(_of_grants(inputs, question, name))
    for key in chosen:
        yield _asked(inputs, question, *key)


def _of_grants(inputs: Inputs, question: Question, name: str) -> Iterator[tuple[str, str, str]]:
    """A workload that no cluster of the input shows: by the grants and the log entries that name it."""
    clusters = [
        item.name for item in inputs.inventory.all(Cluster) if _is_cluster(item.name, question.cluster or item.name)
    ]
    namespaces: dict[str, str] = {}
    for grant in inputs.grants.grants:
        principal = grant.principal
        if principal.kind is PrincipalKind.WORKLOAD and principal.service_account == name:
            namespaces.setdefault(principal.namespace, principal.project)
    for refusal in inputs.traces.refusals:
        head, _, tail = refusal.caller.partition("[")
        if tail.endswith(f"/{name}]"):
            namespaces.setdefault(tail.partition("/")[0], head.partition(":")[2].removesuffix(".svc.id.goog"))
    if question.namespace and not namespaces and clusters:
        namespaces[question.namespace] = ""
    for namespace, project in namespaces.items():
        if question.namespace and namespace != question.namespace:
            continue
        in_project = [item for item in clusters if not project or f"/projects/{project}/" in item]
        if in_project or clusters:
            yield (in_project or clusters)[0], namespace, name
        elif project:
            yield f"//container.googleapis.com/projects/{project}/locations/-/clusters/-", namespace, name


def _of_runner(inputs: Inputs, question: Question, kind: str, name: str) -> Iterator[Case]:
    for runner in _runners(inputs):
        mine = (runner.kind if isinstance(runner, Workload) else "Pod") == kind and runner.name == name
        key = runner.cluster, runner.namespace, runner.ksa
        if not mine or not _in(key, question.cluster, question.namespace):
            continue
        pods = (
            ()
            if isinstance(runner, Pod)
            else tuple(pod for pod in inputs.inventory.pods_of(*key) if _made_by(pod, kind, name))
        )
        yield _asked(inputs, question, *key, runners=(runner, *pods))


def _made_by(pod: Pod, kind: str, name: str) -> bool:
    owner_kind, _, owner = pod.owner.partition("/")
    if kind == "Deployment":
        return owner_kind == "ReplicaSet" and owner.rpartition("-")[0] == name
    if kind == "CronJob":
        return owner_kind == "Job" and owner.rpartition("-")[0] == name
    return owner_kind == kind and owner == name
