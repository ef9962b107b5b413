"""Who runs as a Google service account: workloads of clusters, machines, Cloud Run, and whoever was seen to mint."""

from collections.abc import Iterator
from dataclasses import dataclass

from bindwatch.diagnosis.case import MINT, Case, Inputs
from bindwatch.inventory.clusters import NodePool
from bindwatch.inventory.resources import Instance, Runtime
from bindwatch.inventory.workloads import KubernetesServiceAccount, Workload
from bindwatch.model.change import Run
from bindwatch.model.principal import parse_member
from bindwatch.model.resource import display


@dataclass(frozen=True, slots=True)
class RunsAs:
    """One thing that runs as an account, in words; how to make it run as another, by command or by hand."""

    what: str
    command: tuple[str, ...] = ()
    by_hand: str = ""

    def switched(self, old: str, new: str) -> Run | None:
        """The command that makes it run as the new account, and the one that takes that back."""
        if not self.command:
            return None
        return Run((*self.command, f"--service-account={new}"), (*self.command, f"--service-account={old}"))


def workloads_of(inputs: Inputs, email: str) -> tuple[KubernetesServiceAccount, ...]:
    """The Kubernetes service accounts that are annotated with the account."""
    accounts = inputs.inventory.all(KubernetesServiceAccount)
    return tuple(item for item in accounts if item.google_service_account.lower() == email)


def annotated(inputs: Inputs, account: KubernetesServiceAccount) -> str:
    """An annotated service account and what runs under it, in words."""
    case = Case(inputs, account.cluster, account.namespace, account.name)
    runners = [f"{item.kind}/{item.name}" for item in case.runners if isinstance(item, Workload)]
    runners = runners or [f"Pod/{item.name}" for item in case.pods]
    running = f": {', '.join(runners[:5])}{', …' if len(runners) > 5 else ''}" if runners else ""
    return f"{account.namespace}/{account.name} in {case.where}{running}"


def others(inputs: Inputs, email: str, callers: frozenset[str] = frozenset()) -> tuple[RunsAs, ...]:
    """What runs as the account besides annotated Kubernetes service accounts; `callers` were seen to mint for it."""
    return (*_attached(inputs, email), *_trusted(inputs, email, callers))


def _attached(inputs: Inputs, email: str) -> Iterator[RunsAs]:
    inventory = inputs.inventory
    for runtime in inventory.all(Runtime):
        if runtime.service_account.lower() == email:
            command = _run_command(runtime)
            by_hand = "" if command else "deploy it anew with the new account"
            yield RunsAs(display(runtime.name), command, by_hand)
    for machine in inventory.all(Instance):
        if not machine.is_gke_node and any(item.email.lower() == email for item in machine.service_accounts):
            yield RunsAs(display(machine.name), by_hand="stop it, set the new account, start it")
    for pool in inventory.all(NodePool):
        if pool.service_account.lower() == email:
            yield RunsAs(
                f"the nodes of {display(pool.name)}",
                by_hand="make a node pool with the new account, then drain this one",
            )


def _trusted(inputs: Inputs, email: str, callers: frozenset[str]) -> Iterator[RunsAs]:
    """Members that may mint, and callers that did, for whom no annotated account stands."""
    known = {_identity(inputs, account) for account in workloads_of(inputs, email)}
    policy = inputs.inventory.policy(inputs.inventory.service_account_name(email))
    members = [
        parse_member(member)
        for binding in (policy.bindings if policy is not None else ())
        if inputs.roles.holds(binding.role, MINT) is not False
        for member in binding.members
    ]
    trusted = {item.identity: item.member for item in members if not item.is_malformed and not item.deleted}
    for identity in (*trusted, *sorted(callers - set(trusted))):
        if identity in known:
            continue
        name = trusted.get(identity, identity)
        seen = ", seen to mint its tokens" if identity in callers else ", which may mint its tokens"
        by_hand = (
            "name the new account in its credential configuration (service_account_impersonation_url)"
            if ".svc.id.goog" in name or "principal://" in name
            else "make it ask for the new account"
        )
        yield RunsAs(f"{name}{seen}", by_hand=by_hand)


def _identity(inputs: Inputs, account: KubernetesServiceAccount) -> str:
    return Case(inputs, account.cluster, account.namespace, account.name).principal.identity


def _run_command(runtime: Runtime) -> tuple[str, ...]:
    words = runtime.name.removeprefix("//run.googleapis.com/").split("/")
    if len(words) != 6 or words[0] != "projects" or words[4] not in ("services", "jobs"):
        return ()
    _, project, _, region, kind, name = words
    return ("gcloud", "run", kind, "update", name, f"--region={region}", f"--project={project}")
