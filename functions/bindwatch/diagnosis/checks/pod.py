"""The pod: the account it runs as, the node's network, key files, the token volume of a fleet."""

from bindwatch.diagnosis.case import Case, Runner
from bindwatch.diagnosis.near_miss import distance
from bindwatch.diagnosis.outcome import Clear, Evidence, Fix, Found, Outcome, Unknown, asset, entry, found
from bindwatch.inventory import Part
from bindwatch.inventory.workloads import Container, EnvVar, Pod, PodSpec, Workload
from bindwatch.model.workload_change import (
    MountFleetToken,
    SetHostNetwork,
    SetPodServiceAccount,
    SetPodVariable,
    WorkloadRef,
)

_CREDENTIALS = "GOOGLE_APPLICATION_CREDENTIALS"
_CONFIG_MAP = "fleet-default-credentials"


def ref_of(case: Case, runner: Runner) -> WorkloadRef:
    """What to change so that a runner changes: the thing at the top of its chain of owners."""
    if isinstance(runner, Workload):
        if runner.owner and runner.kind == "ReplicaSet":
            kind, _, name = runner.owner.partition("/")
            return WorkloadRef(kind, runner.namespace, name, case.context)
        return WorkloadRef(runner.kind, runner.namespace, runner.name, case.context)
    kind, _, name = runner.owner.partition("/")
    if kind == "ReplicaSet":
        # The name of a Deployment's ReplicaSet is the Deployment's and a hash.
        kind, name = "Deployment", name.rpartition("-")[0] or name
    elif kind == "Job":
        known = {item.name: item for item in _workloads(case, runner)}
        if name in known and known[name].owner:
            kind, _, name = known[name].owner.partition("/")
    if kind in ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job"):
        return WorkloadRef(kind, runner.namespace, name, case.context)
    return WorkloadRef("Pod", runner.namespace, runner.name, case.context)


def _workloads(case: Case, pod: Pod) -> tuple[Workload, ...]:
    return case.inventory.workloads_of(pod.cluster, pod.namespace, pod.ksa)


def refs_of(case: Case, runners: tuple[Runner, ...]) -> tuple[WorkloadRef, ...]:
    """What to change so that all these runners change, each once."""
    return tuple(dict.fromkeys(ref_of(case, runner) for runner in runners))


def words(runner: Runner) -> str:
    """A runner in words."""
    kind = runner.kind if isinstance(runner, Workload) else "Pod"
    return f"{kind} {runner.namespace}/{runner.name}"


def no_pods(case: Case) -> Outcome:
    """What to say where there is nothing that runs: not told, or seen that nothing does."""
    if case.seen(Part.PODS, case.scope) or case.seen(Part.WORKLOADS, case.scope):
        return Clear("nothing runs as it at the moment")
    return Unknown(case.needs(Part.PODS))


def default_ksa_used(case: Case) -> Outcome:
    """The pod runs as `default` although another account of the namespace was made for it."""
    if case.name == "default":
        return _default_instead_of_another(case)
    if case.runners:
        return Clear(f"{words(case.runners[0])} runs as {case.name}")
    if case.account is None and not case.seen(Part.KUBERNETES_SERVICE_ACCOUNTS, case.scope):
        return Unknown(case.needs(Part.KUBERNETES_SERVICE_ACCOUNTS))
    if case.account is None or not (case.annotation or case.grants):
        return None
    runners = _runners_of_default(case)
    meant = [item for item in runners if _belongs(item, case.name)]
    if not meant and len(refs_of(case, runners)) == 1 and _unused_accounts(case) == {case.name}:
        meant = list(runners)
    if meant:
        return _default_found(case, tuple(meant), case.name)
    return no_pods(case)


def _default_instead_of_another(case: Case) -> Outcome:
    if case.annotation or case.trusting or case.direct_grants:
        return Clear("default is itself the account that the grants name")
    if not case.runners:
        return None
    if not case.seen(Part.KUBERNETES_SERVICE_ACCOUNTS, case.scope):
        return Unknown(case.needs(Part.KUBERNETES_SERVICE_ACCOUNTS))
    unused = _unused_accounts(case)
    near = {name for name in unused if any(_belongs(runner, name) for runner in case.runners)}
    candidates = near or unused
    if len(candidates) != 1 and case.asked and not case.grants:
        # Who asks for it means it to reach something, and the namespace has one account that does.
        candidates = _identities(case)
    if len(candidates) != 1:
        return Clear("no other account of the namespace waits for pods")
    return _default_found(case, case.runners, candidates.pop())


def _default_found(case: Case, runners: tuple[Runner, ...], name: str) -> Found:
    refs = refs_of(case, runners)
    return found(
        tuple(asset(f"{words(runner)} names no service account, so it runs as default", runner.resource)
              for runner in runners[:3]),
        Fix(
            f"Run {', '.join(ref.argument for ref in refs)} as {case.namespace}/{name}",
            tuple(SetPodServiceAccount(ref, name) for ref in refs),
            risk="The pods restart.",
        ),
    )  # fmt: skip


def _runners_of_default(case: Case) -> tuple[Runner, ...]:
    pods = case.inventory.pods_of(case.cluster_name, case.namespace, "default")
    owners = case.inventory.workloads_of(case.cluster_name, case.namespace, "default")
    return (*owners, *pods)


def _identities(case: Case) -> set[str]:
    """The accounts of the namespace that are annotated or granted something."""
    return {
        account.name
        for account in case.inventory.ksas_of(case.cluster_name)
        if account.namespace == case.namespace
        and account.name != "default"
        and (account.google_service_account or case.inputs.grants.named(account.namespace, account.name))
    }


def _unused_accounts(case: Case) -> set[str]:
    """Those of them that nothing runs as."""
    return {
        name
        for name in _identities(case)
        if not case.inventory.pods_of(case.cluster_name, case.namespace, name)
        and not case.inventory.workloads_of(case.cluster_name, case.namespace, name)
    }


def _belongs(runner: Runner, name: str) -> bool:
    """Whether names tell that an account was made for a runner."""
    stem = name.removesuffix("-sa").removesuffix("-ksa").removesuffix("-wi").removeprefix("ksa-").removeprefix("sa-")
    labels = dict(runner.labels)
    return (
        runner.name.startswith((name, stem))
        or name.startswith(runner.name)
        or stem in (labels.get("app"), labels.get("app.kubernetes.io/name"))
    )


def host_network(case: Case) -> Outcome:
    """The pod is on the node's network, where the Compute Engine metadata server answers."""
    if not case.runners:
        return no_pods(case)
    bad = tuple(runner for runner in case.runners if runner.spec.host_network)
    if not bad:
        return Clear("no pod uses the node's network")
    refs = refs_of(case, bad)
    return found(
        tuple(asset(f"{words(runner)} has hostNetwork: true", runner.resource) for runner in bad[:3]),
        Fix(
            "Take the pods off the node's network",
            tuple(SetHostNetwork(ref, enabled=False) for ref in refs),
            risk="The pods restart, and ports they opened on the node are no longer there.",
        ),
    )


def key_file(case: Case) -> Outcome:
    """A key file, which client libraries prefer to the metadata server."""
    text, told = case.said("key-rejected")
    if not case.runners:
        uses = [use for use in case.traces.key_uses if case.email and use.email == case.email]
        if (
            uses
            and not case.seen(Part.PODS, case.scope)
            and not case.traces.succeeded(case.principal.identity, case.email)
        ):
            use = max(uses, key=lambda item: item.time)
            return found(
                entry(f"{case.email} was last used with the key {use.key_name.rpartition('/')[2]}", use.ref),
                Fix(
                    "Find where the key is mounted and remove it there; then delete the key",
                    outside="the input does not show the pods that hold the key",
                ),
            )
        return no_pods(case)
    for runner in case.runners:
        for container, variable in runner.spec.variables(_CREDENTIALS):
            why = _key_behind(runner.spec, container, variable, fleet=case.is_fleet)
            if not why:
                continue
            refs = refs_of(case, tuple(item for item in case.runners if any(item.spec.variables(_CREDENTIALS))))
            return found(
                asset(f"{words(runner)}, container {container.name}: {_CREDENTIALS} {why}", runner.resource),
                Fix(
                    f"Remove {_CREDENTIALS}, so that the client library asks the metadata server",
                    tuple(SetPodVariable(ref, _CREDENTIALS, previous=variable.value) for ref in refs),
                    risk="The pods restart. Delete the key and its Secret once nothing else uses them.",
                ),
            )
    if text is not None or told:
        what = "a client signs with a key, which Google refuses"
        return found(
            entry(what, text.ref) if text is not None else Evidence(f"the error text shows it: {what}"),
            Fix(
                "Let the client use the default credentials instead of a key file; then delete the key",
                outside=f"no container sets {_CREDENTIALS}: the application's own settings name the key",
            ),
        )
    return Clear(f"no container sets {_CREDENTIALS} to a key")


def _key_behind(spec: PodSpec, container: Container, variable: EnvVar, *, fleet: bool) -> str:
    if variable.source not in ("", "value"):
        return f"comes from a {variable.source}"
    kinds: set[str] = set()
    volumes = {volume.name: volume for volume in spec.volumes}
    for name, path in container.mounts:
        volume = volumes.get(name)
        if volume is not None and variable.value.startswith(path):
            kinds |= {kind for kind, _ in volume.sources} or {volume.kind}
            if volume.tokens:
                kinds.add("token")
    if "secret" in kinds:
        return f"points into a Secret ({variable.value})"
    if kinds & {"token", "configMap"} or fleet:
        return ""
    return f"points to a file ({variable.value})" if variable.value else "is set"


def token_volume_missing(case: Case) -> Outcome:
    """Fleets and self-managed federation use files: a projected token and a credential configuration."""
    if not case.is_fleet:
        return None
    if not case.runners:
        return no_pods(case)
    bad = tuple(runner for runner in case.runners if not _projects_for_a_pool(runner.spec))
    if not bad:
        return Clear("every pod projects a token for a pool")
    maps = [
        name for runner in bad for volume in runner.spec.volumes for kind, name in volume.sources if kind == "configMap"
    ]
    maps += [item.name for item in case.inventory.credential_configurations_of(case.cluster_name, case.namespace)]
    containers = tuple(
        dict.fromkeys(item.name for runner in bad for item in runner.spec.containers if not item.is_init)
    )
    return found(
        tuple(asset(f"{words(runner)} has no projected token for {case.pool}", runner.resource) for runner in bad[:3]),
        Fix(
            f"Mount a projected token for {case.pool} and the credential file of the fleet",
            tuple(
                MountFleetToken(ref, case.pool, maps[0] if maps else _CONFIG_MAP, containers)
                for ref in refs_of(case, bad)
            ),
            risk="The pods restart. The ConfigMap with the credential configuration must exist.",
        ),
    )


def _projects_for_a_pool(spec: PodSpec) -> bool:
    return any(".id.goog" in token.audience or "workloadIdentityPools" in token.audience for token in spec.tokens)


def ksa_not_found(case: Case) -> Outcome:
    """What the pod is to run as does not exist, so no pod is made."""
    if case.account is not None:
        return Clear(f"{case.title} exists")
    event = next(
        (
            item
            for item in case.inventory.kubernetes_events_of(case.cluster_name, case.namespace)
            if "serviceaccount" in item.message.lower().replace(" ", "")
            and case.name in item.message
            and "not found" in item.message
        ),
        None,
    )
    text, _ = case.said("ksa-missing")
    if not case.seen(Part.KUBERNETES_SERVICE_ACCOUNTS, case.scope) and event is None and text is None:
        return Unknown(case.needs(Part.KUBERNETES_SERVICE_ACCOUNTS))
    if not case.runners and not case.asked and event is None:
        return None
    evidence: list[Evidence] = []
    if case.runners:
        evidence.append(asset(f"{words(case.runners[0])} names {case.name}", case.runners[0].resource))
    if event is not None:
        evidence.append(asset(f"event {event.reason} of {event.involved}: the account was not found", case.scope))
    if text is not None:
        evidence.append(entry("the log says that the account was not found", text.ref))
    evidence.append(asset(f"there is no service account {case.title} in {case.where}", case.scope))
    return found(tuple(evidence), _fix_of_missing_account(case))


def _fix_of_missing_account(case: Case) -> Fix:
    from bindwatch.inventory.workloads import GSA_ANNOTATION
    from bindwatch.model.change import AnnotateKubernetesServiceAccount, Change, CreateKubernetesServiceAccount

    meant = _typo_of(case)
    if meant:
        refs = refs_of(case, case.runners)
        return Fix(
            f"{case.name} is probably {meant}, which exists: run the pods as that",
            tuple(SetPodServiceAccount(ref, meant, case.name) for ref in refs),
            risk="The pods restart.",
        )
    changes: list[Change] = [CreateKubernetesServiceAccount(case.namespace, case.name, case.context)]
    if len(case.trusting) == 1 and not case.is_fleet and not case.direct_grants:
        changes.append(
            AnnotateKubernetesServiceAccount(
                case.namespace, case.name, GSA_ANNOTATION, case.trusting[0], context=case.context
            )
        )
    return Fix(f"Create the Kubernetes service account {case.title}", tuple(changes))


def _typo_of(case: Case) -> str:
    """The account that was probably meant, where a pod names one that does not exist."""
    if not case.runners or case.inputs.grants.named(case.namespace, case.name):
        return ""
    near = [
        account.name
        for account in case.inventory.ksas_of(case.cluster_name)
        if account.namespace == case.namespace
        and account.name != "default"
        and 0 < distance(account.name, case.name) <= 2
    ]
    return near[0] if len(near) == 1 else ""
