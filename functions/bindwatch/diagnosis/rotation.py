"""The plan by which one service account takes the place of another, and the one that stops an account at once.

Disabling an account rejects the tokens it already has, so the old one goes last: create, grant what was really used,
rebind, switch, verify, then disable, wait, delete. Nothing here changes anything.
"""

import difflib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from bindwatch.diagnosis.case import MINT, Case, Inputs
from bindwatch.diagnosis.checks.pod import ref_of
from bindwatch.diagnosis.runs_as import RunsAs, annotated, others, workloads_of
from bindwatch.errors import InputError
from bindwatch.inventory.coverage import Part
from bindwatch.inventory.identities import ServiceAccount, ServiceAccountKey
from bindwatch.inventory.workloads import GSA_ANNOTATION, KubernetesServiceAccount
from bindwatch.model.change import (
    AddBinding,
    AnnotateKubernetesServiceAccount,
    Change,
    CreateServiceAccount,
    DeleteServiceAccount,
    DeleteServiceAccountKey,
    RemoveBinding,
    Run,
    SetServiceAccountEnabled,
    SetServiceAccountKeyEnabled,
)
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.policy import Binding
from bindwatch.model.principal import parse_member
from bindwatch.model.resource import display, project_name, project_of_service_account

_SHOWN = ("--limit=20", "--format=json")
_FURTHER = {False: _SHOWN, True: ("--freshness=30d", *_SHOWN)}
"""How much of a log to show: gcloud goes back a day only where no time is asked for."""

QUIET_DAYS = 7
"""How long a disabled account stands before it is deleted: weekly jobs show themselves in that time."""


class Usage:
    """What one account was seen to do: the permissions it used, on what. Fold entries in, in any order."""

    def __init__(self, email: str) -> None:
        self._identity = f"serviceAccount:{email.lower()}"
        self.used: defaultdict[str, set[str]] = defaultdict(set)
        self.callers: set[str] = set()
        self.entries = 0
        self.last: datetime | None = None

    def add(self, entry: LogEntry) -> None:
        """Take in one entry; those of other callers cost a look."""
        caller = entry.caller
        if entry.target and f"serviceAccount:{entry.target}" == self._identity and entry.method.startswith("Generate"):
            if caller is not None and not entry.failed:
                self.callers.add(caller.identity)
            return
        if caller is None or caller.identity != self._identity or entry.failed:
            return
        self.entries += 1
        if entry.time is not None and (self.last is None or entry.time > self.last):
            self.last = entry.time
        resource = entry.resource.partition("/objects/")[0]
        for permission in entry.granted_permissions:
            self.used[resource].add(permission)


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One step: what for, the changes in their order, and how to see that it worked before going on."""

    title: str
    changes: tuple[Change, ...] = ()
    checks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps, and the account they end with."""

    account: str
    successor: str
    steps: tuple[PlanStep, ...]


def successor_of(email: str, taken: frozenset[str]) -> str:
    """A free name for the account that takes over: `cart` gives `cart-v2`, `cart-v2` gives `cart-v3`."""
    name, _, domain = email.partition("@")
    stem, _, version = name.rpartition("-v")
    number = int(version) + 1 if stem and version.isdigit() else 2
    base = stem if stem and version.isdigit() else name
    while True:
        suffix = f"-v{number}"
        candidate = f"{base[: 30 - len(suffix)].rstrip('-')}{suffix}@{domain}"
        if candidate not in taken:
            return candidate
        number += 1


def rotation_plan(inputs: Inputs, email: str, usage: Usage, successor: str = "") -> Plan:
    """The safe way from one account to a new one. Raises InputError where the input does not know the account."""
    inventory = inputs.inventory
    email = email.lower()
    known = _known(inputs, email)
    taken = frozenset(account.email for account in inventory.service_accounts_of(known))
    new = successor.lower() or successor_of(email, taken)
    old_name, new_name = inventory.service_account_name(email), inventory.service_account_name(new)
    carried, left = _grants(inputs, email, usage)
    trusted = list(_trusts(inputs, old_name))
    accounts = workloads_of(inputs, email)
    rest = others(inputs, email, frozenset(usage.callers))
    keys = [
        key
        for key in inventory.all(ServiceAccountKey)
        if key.service_account.rpartition("/")[2] == email and key.user_managed
    ]
    since = f"{inputs.as_of:%Y-%m-%dT%H:%M:%SZ}"
    steps = [
        PlanStep(
            f"Create {new}",
            (CreateServiceAccount(new, known, f"Takes the place of {email}"[:100]),),
            (_shell("gcloud", "iam", "service-accounts", "describe", new, f"--project={known}"),),
        ),
        PlanStep(
            f"Grant it what {email} really used",
            tuple(
                AddBinding(resource, binding.role, f"serviceAccount:{new}", binding.condition)
                for resource, binding in carried
            ),
            notes=_grant_notes(usage, left),
        ),
        PlanStep(
            "Let the same workloads act as it",
            tuple(AddBinding(new_name, binding.role, member, binding.condition) for binding, member in trusted),
            (_shell("gcloud", "iam", "service-accounts", "get-iam-policy", new, f"--project={known}"), "sleep 420"),
            ("New bindings take up to seven minutes to count everywhere.",),
        ),
        PlanStep(
            "Switch the workloads over, one namespace at a time",
            tuple(_switch(inputs, accounts, new)),
            notes=()
            if accounts
            else ("No Kubernetes service account of the input is annotated with it: look for other users.",),
        ),
        *_rest_step(rest, email, new),
        PlanStep(
            f"Verify: {new} is used, {email} no longer",
            checks=(_log_of(new, known, since), _log_of(email, known, since)),
            notes=("The first query must show entries of each workload, the second none for a day at the least.",),
        ),
    ]
    if keys:
        steps.append(
            PlanStep(
                f"Disable its {len(keys)} keys",
                tuple(SetServiceAccountKeyEnabled(email, key.key_id, enabled=False, project=known) for key in keys),
                (_log_of_keys(email, known, since),),
                ("Whoever uses a key is not among the workloads above: find them before you go on.",),
            )
        )
    steps += [
        PlanStep(
            f"Disable {email}",
            (SetServiceAccountEnabled(email, enabled=False, project=known),),
            (_log_of(email, known, since, failed=True),),
            ("Tokens it still has are rejected at once. If something breaks, enable it again: the undo is immediate.",),
        ),
        PlanStep(f"Wait {QUIET_DAYS} days", notes=("Weekly jobs show themselves in that time.",)),
        PlanStep(
            f"Delete {email}",
            (
                *(RemoveBinding(where, item.role, f"serviceAccount:{email}", item.condition) for where, item in (
                    *carried, *left)),
                DeleteServiceAccount(email, known, _unique_id(inputs, email)),
            ),
            notes=("It can be restored for 30 days by its unique id.",),
        ),
    ]  # fmt: skip
    return Plan(email, new, tuple(steps))


def _rest_step(rest: tuple[RunsAs, ...], email: str, new: str) -> tuple[PlanStep, ...]:
    if not rest:
        return ()
    changes = [change for item in rest if (change := item.switched(email, new)) is not None]
    notes = [f"{item.what}: {item.by_hand}." for item in rest if item.by_hand]
    return (PlanStep("Switch what else runs as it", tuple(changes), notes=tuple(notes)),)


def containment_plan(inputs: Inputs, email: str, usage: Usage | None = None) -> Plan:
    """What stops an account now, tokens and keys included; its workloads stop with it, and are named."""
    email = email.lower()
    callers = frozenset(usage.callers) if usage is not None else frozenset()
    stopped = [annotated(inputs, account) for account in workloads_of(inputs, email)]
    stopped += [item.what for item in others(inputs, email, callers)]
    project = _known(inputs, email)
    name = inputs.inventory.service_account_name(email)
    keys = [key for key in inputs.inventory.all(ServiceAccountKey) if key.service_account.rpartition("/")[2] == email]
    own = [key for key in keys if key.user_managed is not False]
    seen = inputs.inventory.has(Part.KEYS, name)
    steps = (
        PlanStep(
            "Disable the account: tokens already issued are rejected, too",
            (SetServiceAccountEnabled(email, enabled=False, project=project),),
            (_shell("gcloud", "iam", "service-accounts", "describe", email, f"--project={project}",
                    "--format=value(disabled)"),),
            ("Whatever acts as it stops now.", *(f"Stops: {what}" for what in stopped)),
        ),
        PlanStep(
            "Delete its keys: enabling the account later must not bring them back",
            tuple(DeleteServiceAccountKey(email, key.key_id, project) for key in own),
            (_shell("gcloud", "iam", "service-accounts", "keys", "list", f"--iam-account={email}",
                    "--managed-by=user", f"--project={project}"),),
            () if own else ((f"The input shows no key of it{'' if seen else ': keys were not read'}."),),
        ),
        PlanStep(
            "Take away who may mint its tokens",
            tuple(RemoveBinding(name, binding.role, member, binding.condition)
                  for binding, member in _trusts(inputs, name)),
        ),
        PlanStep(
            "See what it did, and what it was used for",
            checks=(_log_of(email, project, ""), _log_of_keys(email, project, "")),
        ),
    )  # fmt: skip
    return Plan(email, "", steps)


def _known(inputs: Inputs, email: str) -> str:
    account = inputs.inventory.service_account(email)
    project = account.project if account is not None else project_of_service_account(email)
    project = inputs.inventory.project_id(project) if project else ""
    listed = bool(project) and inputs.inventory.has(Part.SERVICE_ACCOUNTS, project_name(project))
    unknown = listed or (not project and not inputs.inventory.grants_of(f"serviceAccount:{email}"))
    if account is None and unknown:
        names = [item.email for item in inputs.inventory.all(ServiceAccount)]
        near = difflib.get_close_matches(email, names, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise InputError("GSA", f"the input has no service account {email!r}{hint}")
    return project


def _unique_id(inputs: Inputs, email: str) -> str:
    account = inputs.inventory.service_account(email)
    return account.unique_id if account is not None else ""


Held = tuple[str, Binding]


def _grants(inputs: Inputs, email: str, usage: Usage) -> tuple[list[Held], list[Held]]:
    """What the account holds, split into what it used (all of it, where no entry shows any use) and the rest."""
    held = list(dict.fromkeys(inputs.inventory.grants_of(f"serviceAccount:{email}")))
    if not usage.entries:
        return held, []
    carried: list[Held] = []
    left: list[Held] = []
    for resource, binding in held:
        (carried if _was_used(inputs, resource, binding, usage) else left).append((resource, binding))
    return carried, left


def _was_used(inputs: Inputs, resource: str, binding: Binding, usage: Usage) -> bool:
    for used, permissions in usage.used.items():
        if resource in inputs.inventory.ancestors(inputs.inventory.canonical(used)) and any(
            inputs.roles.holds(binding.role, permission) is not False for permission in permissions
        ):
            return True
    return False


def _grant_notes(usage: Usage, left: list[Held]) -> tuple[str, ...]:
    if not usage.entries:
        return (
            "No entry of it is in the input: all it holds is granted again. Data Access logs would tell what is used.",
        )
    notes = [f"{usage.entries:,} entries show what it used, the last at {usage.last:%F %T} UTC."]
    notes += [
        f"Not granted again, since unused in these entries: {item.role} on {display(where)}" for where, item in left
    ]
    return tuple(notes)


def _trusts(inputs: Inputs, resource: str) -> Iterator[tuple[Binding, str]]:
    """Who may mint tokens of an account by its own policy; members that reach nobody are left out."""
    policy = inputs.inventory.policy(resource)
    for binding in policy.bindings if policy is not None else ():
        if inputs.roles.holds(binding.role, MINT) is False:
            continue
        for member in binding.members:
            principal = parse_member(member)
            if not principal.is_malformed and not principal.deleted:
                yield binding, member


def _switch(inputs: Inputs, accounts: tuple[KubernetesServiceAccount, ...], new: str) -> Iterator[Change]:
    for account in accounts:
        case = Case(inputs, account.cluster, account.namespace, account.name)
        yield AnnotateKubernetesServiceAccount(
            account.namespace, account.name, GSA_ANNOTATION, new, account.google_service_account, case.context
        )
        for ref in dict.fromkeys(ref_of(case, runner) for runner in case.runners):
            if ref.kind in ("Deployment", "StatefulSet", "DaemonSet"):
                context = (f"--context={case.context}",) if case.context else ()
                yield Run(("kubectl", *context, "rollout", "restart", ref.argument, f"--namespace={ref.namespace}"))


def _shell(*argv: str) -> str:
    return Run(argv).command()


def _log_of(email: str, project: str, since: str, *, failed: bool = False) -> str:
    query = f'protoPayload.authenticationInfo.principalEmail="{email}"'
    if failed:
        query = f'({query} OR resource.labels.email_id="{email}") AND severity>=ERROR'
    if since:
        query += f' AND timestamp>="{since}"'
    return _shell("gcloud", "logging", "read", query, f"--project={project}", *_FURTHER[not since])


def _log_of_keys(email: str, project: str, since: str) -> str:
    query = f'protoPayload.authenticationInfo.serviceAccountKeyName:"{email}"'
    if since:
        query += f' AND timestamp>="{since}"'
    return _shell("gcloud", "logging", "read", query, f"--project={project}", *_FURTHER[not since])
