"""The binding between a workload and its account, or its target, judged once for all the causes that concern it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bindwatch.diagnosis.access import Access, Grant, unseen_policies, workload_access
from bindwatch.diagnosis.case import MINT, Case, Style, is_account
from bindwatch.diagnosis.near_miss import NearMiss, Slip, WorkloadGrant, near_miss
from bindwatch.diagnosis.outcome import Evidence, Fix, Found, asset, entry, found
from bindwatch.diagnosis.traces import PolicyChange
from bindwatch.model.change import AddBinding, Change, RemoveBinding
from bindwatch.model.cloud_change import Wait
from bindwatch.model.log_entry import parse_time
from bindwatch.model.principal import parse_member
from bindwatch.model.resource import display

SPREADING: Final = timedelta(minutes=10)
"""How long a change may take to count everywhere: typically two minutes, at times seven or more. Source: IAM docs."""
WORKLOAD_IDENTITY_USER: Final = "roles/iam.workloadIdentityUser"
_ACCOUNT_ROLES: Final = ("roles/iam.serviceAccount", "roles/iam.workloadIdentity")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is wrong with a binding: the cause with its finding, or what would have to be seen, or nothing."""

    cause: str = ""
    found: Found | None = None
    needs: str = ""
    reason: str = ""


def binding_of(case: Case) -> Judgement | None:
    """The binding of the workload on its account; None where it has none to have, or the account is not there."""
    cached: list[Judgement | None] | None = case.__dict__.get("_binding")
    if cached is None:
        cached = case.__dict__["_binding"] = [_judge(case) if case.impersonates else None]
    return cached[0]


def _judge(case: Case) -> Judgement:
    resource = case.account_resource
    access = workload_access(case, MINT, resource)
    if access.held:
        return _young(case, access) or Judgement(reason=_words(access.held[0]))
    removed = _last_change(case, resource)
    if removed is not None and removed.added and case.as_of - removed.time < SPREADING:
        return _spreading(case, removed.time, entry(f"{removed.actor} granted {removed.grant.role}", removed.ref))
    if access.unmet:
        return _unmet(case, access.unmet[0])
    unseen = unseen_policies(case, resource)
    if removed is not None and not removed.added:
        return _removed(case, removed)
    if unseen:
        return Judgement(needs=unseen)
    if access.undecided:
        condition = access.undecided[0].binding.condition
        return Judgement(needs=f"whether the condition {condition.expression if condition else ''!r} holds")
    if access.unknown_roles:
        return Judgement(needs=f"the permissions of {access.unknown_roles[0].binding.role}")
    missed = misses(case, resource, minting=True)
    short = [grant for grant in access.without if _is_for_accounts(grant)]
    if short:
        return _short(case, short[0])
    if missed:
        return _missed(case, missed[0], WORKLOAD_IDENTITY_USER)
    return _missing(case)


def _is_for_accounts(grant: Grant) -> bool:
    return is_account(grant.resource) or grant.binding.role.startswith(_ACCOUNT_ROLES)


def _words(grant: Grant) -> str:
    return f"{grant.member} has {grant.binding.role} on {display(grant.resource)}"


def _missing(case: Case) -> Judgement:
    refusals = [entry("a token of the account was refused to it", item.ref) for item in case.mint_refusals[:1]]
    evidence = (asset(f"no policy over {case.email} names {case.member}", case.account_resource), *refusals)
    return Judgement("binding-missing", found(evidence, _grant_fix(case)))


def _grant_fix(case: Case) -> Fix:
    return Fix(
        f"Let {case.title} act as {case.email}",
        (AddBinding(case.account_resource, WORKLOAD_IDENTITY_USER, case.member),),
        risk="Every workload of this namespace and name, in every cluster of the pool, may then act as the account.",
    )


def _short(case: Case, grant: Grant) -> Judgement:
    role = grant.binding.role
    changes: tuple[Change, ...] = (AddBinding(case.account_resource, WORKLOAD_IDENTITY_USER, case.member),)
    if is_account(grant.resource):
        changes += (RemoveBinding(grant.resource, role, grant.member, grant.binding.condition),)
    return Judgement(
        "role-cannot-mint",
        found(
            asset(f"{_words(grant)}, which lacks {MINT}", grant.resource),
            Fix(f"Grant {WORKLOAD_IDENTITY_USER} instead of {role}", changes),
        ),
    )


def _unmet(case: Case, grant: Grant) -> Judgement:
    condition = grant.binding.condition
    expression = condition.expression if condition is not None else ""
    changes: tuple[Change, ...] = (AddBinding(grant.resource, grant.binding.role, grant.member),)
    if not grant.binding.role.startswith("roles/iam.workloadIdentityUser"):
        changes = (AddBinding(case.account_resource, WORKLOAD_IDENTITY_USER, case.member),)
    if not parse_member(grant.member).is_set:
        changes += (RemoveBinding(grant.resource, grant.binding.role, grant.member, condition),)
    return Judgement(
        "condition-not-met",
        found(
            asset(f"{_words(grant)} if {expression}, which does not hold now", grant.resource),
            Fix(
                "Grant the role without the condition, or renew the condition",
                changes,
                risk="Whoever set the condition meant to limit the grant.",
            ),
        ),
    )


def _removed(case: Case, change: PolicyChange) -> Judgement:
    return Judgement(
        "binding-removed",
        found(
            entry(f"{change.actor} took {change.grant.role} from {change.grant.member} at {change.time:%F %T} UTC",
                  change.ref),
            Fix(
                f"Give the role back to {case.title}",
                (AddBinding(change.resource, change.grant.role, change.grant.member, change.grant.condition),),
                risk="Find out first why it was removed: what removed it (a pipeline, a script) may do so again.",
            ),
            explains=("binding-missing",),
        ),
    )  # fmt: skip


def _last_change(case: Case, resource: str) -> PolicyChange | None:
    """The latest change, on the account or above it, of a grant that lets the workload mint."""
    if not case.traces.changes:
        return None
    found_change: PolicyChange | None = None
    for around in case.inventory.ancestors(resource):
        for change in case.traces.changes_of(around):
            if change.grant.principal.identity not in case.identities:
                continue
            if case.inputs.roles.holds(change.grant.role, MINT) is not True:
                continue
            if found_change is None or change.time >= found_change.time:
                found_change = change
    return found_change


# ---- young changes -------------------------------------------------------------------------------


def _young(case: Case, access: Access) -> Judgement | None:
    """Whether every binding that gives the permission is still spreading."""
    youngest: tuple[datetime, Evidence] | None = None
    for grant in access.held:
        since = young_since(case, grant.resource, grant.member, grant.binding.role)
        if since is None:
            return None
        if youngest is None or since[0] > youngest[0]:
            youngest = since
    return _spreading(case, *youngest) if youngest is not None else None


def young_since(case: Case, resource: str, member: str, role: str) -> tuple[datetime, Evidence] | None:
    """Since when a grant is there, where that is less than ten minutes ago."""
    identity = parse_member(member).identity
    changes = [
        change
        for change in case.traces.changes_of(resource)
        if change.grant.principal.identity == identity and change.grant.role == role
    ]
    if changes:
        last = changes[-1]
        if last.added and timedelta() <= case.as_of - last.time < SPREADING:
            return last.time, entry(f"{last.actor} granted {role} at {last.time:%F %T} UTC", last.ref)
        return None
    if not case.asked and not case.refusals:
        return None
    seen = case.inventory.resource(resource)
    time = parse_time(seen.update_time) if seen is not None and seen.update_time else None
    if time is not None and timedelta() <= case.as_of - time < SPREADING:
        return time, asset(f"the policy of {display(resource)} changed at {time:%F %T} UTC", resource)
    return None


def _spreading(case: Case, since: datetime, evidence: Evidence) -> Judgement:
    return Judgement("propagation-delay", spreading(case, since, evidence))


def spreading(case: Case, since: datetime, evidence: Evidence) -> Found:
    """A change that is right and too young to count everywhere."""
    left = max(int((since + SPREADING - case.as_of).total_seconds()), 0)
    return found(
        evidence,
        Fix("Wait: the change is right and spreads within ten minutes", (Wait(left + 1),)),
        explains=("binding-missing", "target-role-missing", "direct-grant-missing"),
    )


# ---- near misses ---------------------------------------------------------------------------------


def misses(case: Case, resource: str, *, minting: bool = False) -> list[NearMiss]:
    """Grants on a resource, or above it, that were probably meant for the workload; the likeliest first."""
    around = case.inventory.ancestors(resource)
    candidates = [grant for where in around for grant in case.inputs.grants.on(where)]
    return _sorted(case, candidates, minting=minting)


def misses_anywhere(case: Case) -> list[NearMiss]:
    """Grants on anything but accounts that were probably meant for the workload and miss it.

    A grant to the same names in another pool is that pool's own, unless it lies in the workload's project, or in no
    cluster of that pool anything of these names lives and the workload has nothing else.
    """
    grants, names = case.inputs.grants, (case.namespace, case.name)
    candidates = [*grants.misspelt(*names), *grants.of((case.principal.identity,)), *grants.pinned(case.pool)]
    if not case.grants:
        others = grants.named(*names) if case.asked else grants.named_in(case.pool_project, *names)
        living = grants.names_of_pool
        candidates += [item for item in others if names not in living.get(item.principal.pool, frozenset())]
    return [miss for miss in _sorted(case, candidates) if not is_account(miss.grant.resource)]


def _sorted(case: Case, candidates: list[WorkloadGrant], *, minting: bool = False) -> list[NearMiss]:
    found_misses = []
    for grant in candidates:
        if minting and case.inputs.roles.holds(grant.binding.role, MINT) is False:
            continue
        miss = stale(case, grant) or near_miss(grant, case.principal, case.pool_number, case.living)
        if miss is not None:
            found_misses.append(miss)
    order = [Slip.MALFORMED, Slip.WRONG_NUMBER, Slip.OTHER_POOL, Slip.STALE_UID, Slip.OTHER_NAMES]
    return sorted(found_misses, key=lambda miss: order.index(miss.slip))


def stale(case: Case, grant: WorkloadGrant) -> NearMiss | None:
    """Whether a grant is pinned on an account of the pool that does not exist any more."""
    principal = grant.principal
    if not principal.ksa_uid or principal.is_malformed or principal.pool != case.pool:
        return None
    if case.account is None or not case.account.uid or principal.ksa_uid in _uids(case):
        return None
    return NearMiss(grant, Slip.STALE_UID, f"no account of the pool has the uid {principal.ksa_uid}")


def _uids(case: Case) -> frozenset[str]:
    cache = case.inputs.of_clusters
    key = "uids", case.pool
    if key not in cache:
        clusters = case.inventory.clusters_of_pool(case.pool)
        names = {cluster.name for cluster in clusters} | {case.cluster_name}
        cache[key] = frozenset(account.uid for name in names for account in case.inventory.ksas_of(name) if account.uid)
    uids: frozenset[str] = cache[key]
    return uids


def cause_of(case: Case, miss: NearMiss) -> str:
    """Which cause a near miss is."""
    direct = miss.grant.member.lower().startswith(("principal:", "principalset:", "//iam.", "iam.googleapis"))
    match miss.slip:
        case Slip.OTHER_POOL:
            around = case.pools_around
            fleet = miss.grant.principal.pool in around or (
                case.style is Style.FLEET and (_is_own(case, miss) or case.membership is None)
            )
            return "fleet-pool-mismatch" if fleet else "pool-of-another-project"
        case Slip.WRONG_NUMBER:
            return "project-number-wrong"
        case Slip.STALE_UID:
            return "ksa-uid-stale"
        case Slip.MALFORMED if direct and _names_project_by_id(miss.grant.member):
            return "project-number-wrong"
        case Slip.MALFORMED if direct:
            return "selector-malformed"
        case _:
            return "member-malformed"


def _is_own(case: Case, miss: NearMiss) -> bool:
    return miss.grant.principal.pool == f"{case.inventory.project_of(case.cluster_name)}.svc.id.goog"


def _names_project_by_id(member: str) -> bool:
    _, found_at, tail = member.partition("/projects/")
    return bool(found_at) and not tail.partition("/")[0].isdigit()


def _missed(case: Case, miss: NearMiss, role: str) -> Judgement:
    return Judgement(cause_of(case, miss), missed(case, miss, role))


def missed(case: Case, miss: NearMiss, role: str = "") -> Found:
    """A grant that misses the workload, and the pair of commands that puts it right."""
    grant = miss.grant
    role = role or grant.binding.role
    member = case.member if grant.member.startswith("serviceAccount") else case.direct_member
    changes: tuple[Change, ...] = (AddBinding(grant.resource, role, member, grant.binding.condition),)
    risk = ""
    if grant.principal.is_malformed or miss.slip in (Slip.STALE_UID, Slip.OTHER_NAMES, Slip.WRONG_NUMBER):
        changes += (RemoveBinding(grant.resource, grant.binding.role, grant.member, grant.binding.condition),)
    else:
        risk = f"The binding of {grant.member} stays: workloads of that pool may use it. Remove it if none does."
        if miss.slip is Slip.OTHER_POOL and not case.inventory.clusters_of_pool(grant.principal.pool):
            changes += (RemoveBinding(grant.resource, grant.binding.role, grant.member, grant.binding.condition),)
            risk = ""
    return found(
        asset(f"{grant.member} has {grant.binding.role} on {display(grant.resource)}: {miss.why}", grant.resource),
        Fix(f"Name the workload as it is: {member}", changes, risk=risk),
        explains=("binding-missing", "direct-grant-missing"),
    )
