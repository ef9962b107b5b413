"""What the workload's final identity lacks on its target, judged once for all the causes that concern it."""

from dataclasses import dataclass
from datetime import datetime

from bindwatch.diagnosis.access import Access, final_access, unseen_policies
from bindwatch.diagnosis.binding import (
    Judgement,
    cause_of,
    missed,
    misses,
    misses_anywhere,
    spreading,
    young_since,
)
from bindwatch.diagnosis.case import MINT, Case, Target
from bindwatch.diagnosis.least_role import least_role
from bindwatch.diagnosis.near_miss import NearMiss
from bindwatch.diagnosis.outcome import Evidence, Fix, Found, asset, entry, found
from bindwatch.inventory import Part
from bindwatch.model.change import AddBinding, RemoveBinding
from bindwatch.model.resource import display


@dataclass(frozen=True, slots=True)
class Wanted:
    """A target with what the identity holds there."""

    target: Target
    access: Access


def target_of(case: Case) -> Judgement:
    """What is wrong with the grants on the target; once for a case."""
    cached: list[Judgement] | None = case.__dict__.get("_target")
    if cached is None:
        cached = case.__dict__["_target"] = [_judge(case)]
    return cached[0]


def _judge(case: Case) -> Judgement:
    needs = ""
    for target in case.targets:
        if not target.resource:
            needs = needs or f"the resource on which {target.permission} is wanted"
            continue
        judgement = _of_target(case, target)
        if judgement.cause:
            return judgement
        needs = needs or judgement.needs
    if needs:
        return Judgement(needs=needs)
    if not case.impersonates:
        return _stray(case) or _young_grant(case) or _nothing_at_all(case)
    if not case.targets:
        return _young_grant(case) or Judgement(needs="the permission and the resource that are refused to it")
    return Judgement(reason="its identity holds what it asks for")


def _of_target(case: Case, target: Target) -> Judgement:
    permission = target.permission
    access = (
        final_access(case, permission, target.resource, target.named)
        if permission
        else _any_access(case, target.resource)
    )
    if access.held:
        for grant in access.held:
            since = young_since(case, grant.resource, grant.member, grant.binding.role)
            if since is None:
                return Judgement(reason=f"{grant.member} has {grant.binding.role} on {display(grant.resource)}")
        return Judgement("propagation-delay", spreading(case, *_since(case, access)))
    missing = unseen_policies(case, target.resource)
    refused = target.refusal is not None
    if not refused:
        if missing:
            return Judgement(needs=missing)
        if access.undecided:
            condition = access.undecided[0].binding.condition
            return Judgement(needs=f"whether the condition {condition.expression if condition else ''!r} holds")
        if access.unknown_roles:
            return Judgement(needs=f"the permissions of {access.unknown_roles[0].binding.role}")
        if access.groups:
            return Judgement(needs=f"the members of group {access.groups[0]}")
    elif missing and target.refusal is not None and target.refusal.symptoms & {"deny-policy", "boundary", "perimeter"}:
        return Judgement(needs=missing)
    if not case.impersonates:
        near = misses(case, target.resource)
        if near:
            return Judgement(cause_of(case, near[0]), missed(case, near[0]))
    if access.unmet:
        return _unmet(case, access)
    return Judgement(
        "target-role-missing" if case.impersonates or _has_other_grants(case, target) else "direct-grant-missing",
        _lacking(case, target),
    )


def _has_other_grants(case: Case, target: Target) -> bool:
    around = frozenset(case.inventory.ancestors(target.resource))
    return any(grant.resource in around for grant in case.direct_grants)


def _since(case: Case, access: Access) -> tuple[datetime, Evidence]:
    grant = access.held[0]
    since = young_since(case, grant.resource, grant.member, grant.binding.role)
    assert since is not None
    return since


def _any_access(case: Case, resource: str) -> Access:
    access = final_access(case, MINT, resource)
    every = (*access.held, *access.without, *access.unknown_roles)
    return Access(every, access.unmet, access.undecided, (), (), access.groups)


def _unmet(case: Case, access: Access) -> Judgement:
    grant = access.unmet[0]
    condition = grant.binding.condition
    expression = condition.expression if condition is not None else ""
    return Judgement(
        "condition-not-met",
        found(
            asset(f"{grant.member} has {grant.binding.role} on {display(grant.resource)} if {expression},"
                  " which does not hold now", grant.resource),
            Fix(
                "Grant the role without the condition, or renew the condition",
                (
                    AddBinding(grant.resource, grant.binding.role, case.final_member),
                    RemoveBinding(grant.resource, grant.binding.role, grant.member, condition),
                ),
                risk="Whoever set the condition meant to limit the grant.",
            ),
        ),
    )  # fmt: skip


def _lacking(case: Case, target: Target) -> Found:
    who = case.email or case.title
    evidence: list[Evidence] = []
    if target.refusal is not None:
        times = f", {target.refusal.count} times" if target.refusal.count > 1 else ""
        evidence.append(
            entry(f"{target.permission} on {display(target.resource)} was refused to {who}{times}", target.refusal.ref)
        )
    if case.inventory.policy(target.resource) is not None:
        evidence.append(asset(f"no binding over {display(target.resource)} gives it to {who}", target.resource))
    role = least_role(case.inputs.roles, target.permission) if target.permission else ""
    if not role:
        fix = Fix(
            f"Grant {who} the least role with {target.permission or 'what it needs'} on {display(target.resource)}",
            outside="no role catalogue at hand tells the role: run `bindwatch roles sync` first",
        )
    else:
        fix = Fix(
            f"Grant {role} to {who} on {display(target.resource)}, and no higher",
            (AddBinding(target.resource, role, case.final_member),),
        )
    return found(tuple(evidence) or (asset(f"{who} holds nothing there", target.resource),), fix)


def _stray(case: Case) -> Judgement | None:
    """A direct grant that was meant for the workload and misses it, where nothing else gives the same."""
    for miss in misses_anywhere(case):
        if not _has_it_otherwise(case, miss):
            return Judgement(cause_of(case, miss), missed(case, miss))
    return None


def _has_it_otherwise(case: Case, miss: NearMiss) -> bool:
    around = frozenset(case.inventory.ancestors(miss.grant.resource))
    return any(grant.resource in around and grant.binding.role == miss.grant.binding.role for grant in case.grants)


def _young_grant(case: Case) -> Judgement | None:
    """A grant to the final identity that is still spreading, where it has no older one."""
    member_grants = (
        [(grant.resource, grant.member, grant.binding.role) for grant in case.direct_grants]
        if not case.impersonates
        else [
            (resource, f"serviceAccount:{case.email}", binding.role)
            for resource, binding in case.inventory.grants_of(f"serviceAccount:{case.email}")
        ]
    )
    if not member_grants or not case.traces.changes:
        return None
    ages = [young_since(case, *grant) for grant in member_grants]
    if any(age is None for age in ages):
        return None
    youngest = max((age for age in ages if age is not None), key=lambda item: item[0])
    return Judgement("propagation-delay", spreading(case, *youngest))


def _nothing_at_all(case: Case) -> Judgement:
    if case.direct_grants or case.trusting or case.grants:
        return Judgement(reason="it has grants of its own")
    if not case.asked:
        return Judgement(needs="the permission and the resource that are refused to it")
    if not case.seen(Part.POLICIES):
        return Judgement(needs="policies of the resources it uses")
    if case.account is None and not case.seen(Part.KUBERNETES_SERVICE_ACCOUNTS, case.scope):
        return Judgement(needs=case.needs(Part.KUBERNETES_SERVICE_ACCOUNTS))
    removed = _removed_grant(case)
    if removed is not None:
        return removed
    evidence = (asset(f"no policy in the input names {case.direct_member}", case.pool_name),)
    return Judgement(
        "direct-grant-missing",
        found(
            evidence,
            Fix(
                f"Grant {case.direct_member} the least role it needs on the resource it uses",
                outside="which permission on which resource it needs: give --permission and --resource",
            ),
        ),
    )


def _removed_grant(case: Case) -> Judgement | None:
    for change in reversed(case.traces.changes):
        if not change.added and change.grant.principal.identity in case.identities:
            return Judgement(
                "binding-removed",
                found(
                    entry(f"{change.actor} took {change.grant.role} from {change.grant.member} at"
                          f" {change.time:%F %T} UTC", change.ref),
                    Fix(
                        f"Give the role back to {case.title}",
                        (AddBinding(change.resource, change.grant.role, change.grant.member, change.grant.condition),),
                        risk="Find out first why it was removed: what removed it may do so again.",
                    ),
                    explains=("direct-grant-missing",),
                ),
            )  # fmt: skip
    return None
