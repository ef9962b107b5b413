"""Checks of one grant, wherever it is seen: a log entry shows it being made or undone, an inventory shows it standing.

A check takes a grant, the canonical name of the resource whose policy holds it, and the context; it answers with the
match, or None. The log rules in `grants.py` and the inventory rules use the same checks, so that rule, resource and
subject agree and one problem is one finding.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Final

from msgspec.structs import replace

from bindwatch.inventory.resources import Bucket
from bindwatch.knowledge.escalation import ACT_AS, Level, act_as_bit
from bindwatch.knowledge.permissions import Trait
from bindwatch.model.change import AddBinding, Change, RemoveBinding, remedy
from bindwatch.model.finding import Confidence, Remediation, Severity, State
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.policy import Grant
from bindwatch.model.principal import Principal, PrincipalKind, parse_email, parse_member
from bindwatch.model.resource import display, project_of
from bindwatch.rule import Context, Match
from bindwatch.rules.callers import WITH_DOMAIN, is_foreign_pool, is_outsider, right_number
from bindwatch.rules.grant_risk import names_somebody, place_of, risk_of_grant, role_risk, ways_up

GrantCheck = Callable[[Grant, str, Context], Match | None]

_USER: Final = PrincipalKind.USER
# Most members: what begins so is of no domain, before it is parsed. Users and groups have more than one spelling.
_WITHOUT_DOMAIN: Final = (
    "serviceAccount:",
    "projectOwner:",
    "projectEditor:",
    "projectViewer:",
    "principal://iam.",
    "principalSet://iam.",
)
_SETS_OF_POOLS: Final = frozenset(
    {PrincipalKind.WORKLOAD_SET, PrincipalKind.FEDERATED_SET, PrincipalKind.WORKFORCE_SET}
)
_GUESSED: Final = "What {} allows is unknown, so its weight is a guess."
NO_DELTA: Final = "The entry shows the whole policy, not what changed in it: this grant may have stood before."


def subject_of(grant: Grant) -> str:
    """What tells one grant on a resource from the others: role, member in its one spelling, condition."""
    condition = f" if {grant.condition.expression}" if grant.condition and grant.condition.expression else ""
    return f"{grant.role} {grant.principal.identity}{condition}"


def removal(grant: Grant, resource: str, summary: str = "", *, risk: str = "") -> Remediation:
    """The way out of a grant nobody should have: take it away, exactly as it is written."""
    return remedy(
        summary or f"Remove {grant.role} from {grant.member} on {display(resource)}",
        RemoveBinding(resource, grant.role, grant.member, grant.condition),
        risk=risk
        or "Whoever works through this grant loses access at once; look at its use in the last 90 days first.",
    )


def is_remarkable(entry: LogEntry, context: Context) -> bool:
    """Whether any check of this module has something to say of a grant that the entry makes or undoes.

    Most grants are of narrow roles to people and workloads of the organization, and the same ones come again with
    each deployment: what is known of a grant is remembered, with the kind of place it is on, which is all of the
    resource that decides whether a check speaks; but for conditions, which may ask for the resource itself.
    """
    if entry.failed:
        return False
    resource = entry.resource
    where = _where(resource)
    memory = context.memory
    deltas = entry.binding_deltas
    for delta in deltas or ():
        place = where if delta.condition is None else resource
        if memory.get((delta.role, delta.member, delta.condition, place)) is not False:
            deltas = None
            break
    if deltas is None:  # else all that changes is remembered as nothing to speak of, before any of it is parsed
        for grant in entry.grants + entry.removed_grants:
            key = (grant.role, grant.member, grant.condition, where if grant.condition is None else resource)
            known = memory.get(key)
            if known is None:
                known = context.remember(key, any(check(grant, resource, context) is not None for check in CHECKS))
            if known:
                return True
    granter = entry.caller
    if granter is None or granter.kind is not _USER:
        return False
    if deltas is not None and all(delta.member.startswith(_WITHOUT_DOMAIN) for delta in deltas):
        return False
    return any(unlike_the_granter(entry, context))


@lru_cache(maxsize=65536)
def _where(resource: str) -> tuple[tuple[Level, str], str]:
    return place_of(resource), project_of(resource)


def unlike_the_granter(entry: LogEntry, context: Context) -> Iterator[Grant]:
    """The grants a person makes to accounts of other domains, where nothing tells which domains are trusted."""
    granter = entry.caller
    if granter is None or granter.kind is not PrincipalKind.USER or granter.is_consumer:
        return
    for grant in entry.grants:
        member = grant.principal
        if member.kind not in WITH_DOMAIN or member.deleted:
            continue
        if is_outsider(member, context) is None and _organization_of(member.domain) != _organization_of(granter.domain):
            yield grant


def _organization_of(domain: str) -> str:
    return ".".join(domain.split(".")[-2:])


def in_entry(check: GrantCheck, entry: LogEntry, context: Context) -> Iterator[Match]:
    """The matches of a check in one entry: OPEN for what was granted, RESOLVED for what was taken away.

    A grant that is removed and made again in one entry (its condition changed) is two subjects, so both are said.
    """
    project = entry.project or None
    notes = (NO_DELTA,) if entry.shows_whole_policy else ()
    confidence = Confidence.MEDIUM if entry.shows_whole_policy else Confidence.HIGH
    for grant in entry.grants:
        match = check(grant, entry.resource, context)
        if match is not None:
            yield replace(
                match,
                resource_name=entry.resource,
                project=project,
                confidence=min(confidence, match.confidence, key=_SURE.index),
                notes=(*match.notes, *_condition_note(grant), *notes),
            )
    if not entry.removed_grants:
        return
    kept = {subject_of(grant) for grant in entry.grants}
    for grant in entry.removed_grants:
        match = check(grant, entry.resource, context)
        if match is not None and match.subject not in kept:
            yield replace(
                match,
                resource_name=entry.resource,
                project=project,
                state=State.RESOLVED,
                title=f"No longer so: {match.title}",
                remediation=None,
            )


_SURE: Final = (Confidence.LOW, Confidence.MEDIUM, Confidence.HIGH)


def _condition_note(grant: Grant) -> tuple[str, ...]:
    if grant.condition is None or not grant.condition.expression:
        return ()
    return (f"Only where this condition holds: {grant.condition.expression}",)


def public_member(grant: Grant, resource: str, context: Context) -> Match | None:
    """Everybody on the internet, or everybody with a Google account, holds the role."""
    if not grant.principal.is_public:
        return None
    found = risk_of_grant(grant, resource, context)
    _, kind = place_of(resource)
    notes: tuple[str, ...] = ()
    if found is None:
        severity, notes = (
            Severity.HIGH,
            (f"What {grant.role} allows is unknown: it counts as harmful until it is known.",),
        )
    elif found.paths or found.traits & (Trait.SET_IAM_POLICY | Trait.DESTROY):
        severity = max(found.severity, Severity.HIGH)
    elif kind.startswith(("run.", "cloudfunctions.")) and not found.traits & Trait.READ_PAYLOAD:
        severity = Severity.LOW
        notes = ("Public services are often meant to be: mute this one if it is.",)
    elif found.traits & (Trait.READ_PAYLOAD | Trait.WRITE):
        severity = max(found.severity, Severity.HIGH)
    else:
        severity = max(found.severity, Severity.MEDIUM)
    if held_back := _public_access_prevented(resource, context):
        severity, notes = Severity.LOW, (*notes, held_back)
    who = "anybody on the internet" if grant.member == "allUsers" else "anybody with a Google account"
    return Match(
        subject=subject_of(grant),
        title=f"{grant.role} on {display(resource)} is held by {who}",
        principal=grant.member,
        severity=severity,
        score=found.score if found else None,
        notes=(*notes, *(found.reasons if found else ())),
        remediation=removal(grant, resource, risk="Anonymous readers and callers lose access at once."),
    )


def _public_access_prevented(resource: str, context: Context) -> str:
    """What keeps the public out of a bucket whose policy lets it in, for as long as nobody switches it off."""
    inventory = context.inventory
    bucket = inventory.named(resource, Bucket) if inventory is not None else None
    if inventory is None or bucket is None:
        return ""
    if bucket.public_access_prevention == "enforced":
        return "Public access prevention of the bucket holds it back, until somebody switches that off."
    nearest = inventory.org_policies_over(resource, "storage.publicAccessPrevention")[:1]
    if any(policy.enforced and not policy.dry_run for policy in nearest):
        return "An organization policy (storage.publicAccessPrevention) holds it back, until somebody lifts it."
    return ""


def external_member(grant: Grant, resource: str, context: Context) -> Match | None:
    """An account outside the organization holds the role."""
    if not names_somebody(grant) or grant.principal.is_service_agent:
        return None
    if not is_outsider(grant.principal, context):
        return None
    found = risk_of_grant(grant, resource, context)
    floor = Severity.MEDIUM if grant.principal.is_consumer else Severity.LOW
    if found is None:
        severity = Severity.MEDIUM
        notes: tuple[str, ...] = (_GUESSED.format(grant.role),)
    else:
        severity, notes = max(found.severity, floor), found.reasons
    who = "a private Google account" if grant.principal.is_consumer else "an identity of another organization"
    return Match(
        subject=subject_of(grant),
        title=f"{grant.member}, {who}, holds {grant.role} on {display(resource)}",
        principal=grant.principal.identity,
        severity=severity,
        score=found.score if found else None,
        notes=notes,
        remediation=removal(grant, resource),
    )


_NARROWED: Final = "Its condition leaves only the resources that it names."
_BUT_HELD_BACK: Final = " but for a guard that holds it back"


def _if_held_back(severity: Severity) -> Severity:
    """What a grant weighs that has no effect for as long as nobody lifts a guard."""
    return Severity.LOW if severity > Severity.LOW else Severity.INFO


COUNTS: Final = 0.45  # paths lighter than this (reading a serial port) do not make a role privileged


def privileged_role(grant: Grant, resource: str, context: Context) -> Match | None:
    """The member can take over the place, become other identities there, or remove its guards."""
    if place_of(resource)[0] is Level.RESOURCE:
        return None
    classes = {path.cls for path in ways_up(grant.role, resource, context) if path.weight >= COUNTS}
    if not classes or not names_somebody(grant) or grant.principal.is_service_agent or grant.principal.is_public:
        return None
    found = risk_of_grant(grant, resource, context)
    if found is None:
        return None
    if found.is_narrowed:
        classes = {path.cls for path in found.unguarded.paths if path.weight >= COUNTS}
        if not classes:
            return None
    held_back = False
    if found.guards:
        open_ = {path.cls for path in found.paths if path.weight >= COUNTS}
        held_back, classes = not open_, open_ or classes
    delegated = grant.condition is not None and "modifiedGrantsByRole" in grant.condition.expression
    if "C0" in classes and delegated:
        severity = min(found.severity, Severity.MEDIUM)
    elif "C0" in classes and not found.is_narrowed:
        severity = max(found.severity, Severity.HIGH)
    elif "C1" in classes:
        severity = found.severity
    elif classes & {"C2", "C2k"}:
        severity = min(found.severity, Severity.MEDIUM)
    else:
        severity = Severity.LOW
    default = grant.principal.is_default_service_account
    notes = found.reasons
    if found.is_narrowed:
        severity, notes = min(severity, Severity.MEDIUM), (_NARROWED, *notes)
    if delegated:
        notes = ("Its condition says which roles it may give: how far it leads depends on those.", *notes)
    if default:
        severity = min(severity, Severity.MEDIUM)
        notes = (
            "This is a default service account: every workload of the project that names no other runs as it.",
            *notes,
        )
    return Match(
        subject=subject_of(grant),
        title=f"{grant.member} holds {grant.role} on {display(resource)}, which {_leads_to(classes)}"
        + (_BUT_HELD_BACK if held_back else ""),
        principal=grant.principal.identity,
        severity=_if_held_back(severity) if held_back else severity,
        score=found.score,
        notes=notes,
        remediation=removal(
            grant,
            resource,
            f"Replace {grant.role} on {display(resource)} by the narrow roles that {grant.member} uses, then remove it",
        ),
    )


def _leads_to(classes: set[str]) -> str:
    for known, words in (
        ({"C0"}, "lets it give itself anything there"),
        ({"C1"}, "lets it become other identities"),
        ({"C2", "C2k"}, "lets it run code as other identities"),
        ({"C4"}, "lets it remove guards"),
    ):
        if classes & known:
            return words
    return "opens secrets or data"


def impersonation_role_above_account(grant: Grant, resource: str, context: Context) -> Match | None:
    """The member can become, or act as, every service account of a project, a folder or the organization."""
    level, _ = place_of(resource)
    leads_up = bool(ways_up(grant.role, resource, context))
    if level is Level.RESOURCE or not (leads_up or (role_risk(grant.role, context) or 0) & act_as_bit()):
        return None
    if not names_somebody(grant) or grant.principal.is_service_agent:
        return None
    found = risk_of_grant(grant, resource, context)
    if found is None:
        return None
    free = found.unguarded
    if leads_up and (not free.becomes_service_accounts or _is_broad(free.permissions)):
        return None
    held_back = not (found.becomes_service_accounts if leads_up else ACT_AS in found.permissions)
    # To act as an account is half a way: whoever may deploy something here as well has the other half.
    words = "become" if leads_up else "act as"
    floor = Severity.HIGH if leads_up and level > Level.PROJECT else Severity.MEDIUM
    severity, which = max(found.severity, floor), "every service account"
    if found.is_narrowed:
        severity, which = Severity.LOW, "the service accounts that its condition names"
    return Match(
        subject=subject_of(grant),
        title=f"{grant.member} can {words} {which} of {display(resource)} through {grant.role}"
        + (_BUT_HELD_BACK if held_back else ""),
        principal=grant.principal.identity,
        severity=_if_held_back(severity) if held_back else severity,
        score=found.score,
        notes=found.reasons or ("It can be attached to whatever this member may deploy, there and below.",),
        remediation=removal(
            grant,
            resource,
            f"Grant {grant.role} on the service accounts that {grant.member} needs, then remove it from "
            f"{display(resource)}",
        ),
    )


def _is_broad(permissions: tuple[str, ...]) -> bool:
    # A role that can rewrite the policy anyway (owner) is `privileged-role`; saying it twice helps nobody.
    return "resourcemanager.projects.setIamPolicy" in permissions


_POOL_KINDS: Final = frozenset(
    {
        PrincipalKind.WORKLOAD,
        PrincipalKind.WORKLOAD_SET,
        PrincipalKind.FEDERATED,
        PrincipalKind.FEDERATED_SET,
        PrincipalKind.WORKFORCE_SET,
    }
)


def impersonation_role_on_account(grant: Grant, resource: str, context: Context) -> Match | None:
    """The member can become one service account, or decide who can."""
    level, kind = place_of(resource)
    if level is not Level.RESOURCE or kind != "iam.googleapis.com/ServiceAccount":
        return None
    if not names_somebody(grant) or grant.principal.is_service_agent:
        return None
    found = risk_of_grant(grant, resource, context)
    if found is None:
        return None
    if grant.principal.kind in _POOL_KINDS:
        return None  # how Workload Identity is meant to work; wide and foreign members have rules of their own
    account = resource.rpartition("/")[2]
    held_back = not found.paths and ACT_AS not in found.permissions
    given = found.unguarded if held_back else found
    if not given.paths and ACT_AS not in given.permissions:
        return None
    severity, words = _weight_on_account(grant, account, takeover=given.leads_to_takeover, context=context)
    if any(path.cls == "C0" for path in given.paths):
        words, severity = "can decide who becomes it", max(severity, Severity.MEDIUM)
    return Match(
        subject=subject_of(grant),
        title=f"{grant.member} {words}: {grant.role} on service account {account}"
        + (_BUT_HELD_BACK if held_back else ""),
        principal=grant.principal.identity,
        severity=_if_held_back(severity) if held_back else severity,
        score=found.score,
        notes=(*_of_another_project(grant.principal, account), *_reach_of(account, context), *found.reasons),
        remediation=removal(grant, resource),
    )


def _weight_on_account(grant: Grant, account: str, *, takeover: bool, context: Context) -> tuple[Severity, str]:
    member = grant.principal
    words = "can become it" if takeover else "can run code as it"
    if member.is_public or is_outsider(member, context):
        return Severity.CRITICAL if takeover else Severity.HIGH, words
    if member.kind is PrincipalKind.SERVICE_ACCOUNT:
        return Severity.LOW, words
    if member.is_set or member.kind is PrincipalKind.DOMAIN:
        return Severity.HIGH if takeover else Severity.MEDIUM, words
    return Severity.MEDIUM if takeover else Severity.LOW, words


def _of_another_project(member: Principal, account: str) -> tuple[str, ...]:
    owner = parse_email(account)
    if member.kind is not PrincipalKind.SERVICE_ACCOUNT or not member.project or owner is None or not owner.project:
        return ()
    if member.project == owner.project:
        return ()
    return (f"It is of project {member.project}: whoever takes that over has this account of {owner.project} as well.",)


def _reach_of(account: str, context: Context) -> tuple[str, ...]:
    if reach := reach_of_account(account, context):
        return (f"{account} holds {', '.join(reach)}.",)
    return ()


def reach_of_account(account: str, context: Context, most: int = 3) -> tuple[str, ...]:
    """The grants through which a service account could take over more, where the inventory shows them; worst first."""
    if context.inventory is None or not account:
        return ()
    found = []
    for resource, binding in context.inventory.grants_of(f"serviceAccount:{account}"):
        member = f"serviceAccount:{account}"
        grant = Grant(binding.role, member, parse_member(member), binding.condition)
        risk = risk_of_grant(grant, resource, context)
        if risk is not None and risk.leads_to_takeover and risk.level is not Level.RESOURCE:
            found.append((risk.score, f"{binding.role} on {display(resource)}"))
    return tuple(text for _, text in sorted(found, key=lambda item: (-item[0], item[1]))[:most])


def _all_accounts_of(member: Principal) -> str:
    """The project, folder or organization (full name) all of whose service accounts a member stands for; else ''."""
    place, _, kind = member.member.removeprefix("principalSet:").partition("/type/")
    is_place = kind == "ServiceAccount" and place.startswith("//cloudresourcemanager.googleapis.com/")
    return place if is_place else ""


def wide_pool_member(grant: Grant, resource: str, context: Context) -> Match | None:
    """A whole identity pool, a namespace, a cluster or an attribute that many share holds the role."""
    member = grant.principal
    place = _all_accounts_of(member)
    if member.kind not in _SETS_OF_POOLS and not place:
        return None
    if member.kind is PrincipalKind.WORKFORCE_SET and not member.is_whole_pool:
        return None  # a group of people is how access is meant to be given
    found = risk_of_grant(grant, resource, context)
    if place:
        who, floor = f"every service account of {display(place)}", Severity.LOW
    elif member.is_whole_pool:
        who, floor = f"every identity of pool {member.pool}", Severity.MEDIUM
    else:
        who, floor = f"every identity of pool {member.pool} with {member.selector}", Severity.LOW
    narrow = member.kind is PrincipalKind.FEDERATED_SET and not member.is_whole_pool
    if found is None:
        severity = Severity.MEDIUM
        notes: tuple[str, ...] = (_GUESSED.format(grant.role),)
    else:
        severity, notes = found.severity, found.reasons
        weighs = found.traits & (Trait.SET_IAM_POLICY | Trait.DESTROY | Trait.READ_PAYLOAD)
        if place and found.paths:
            floor = Severity.MEDIUM
        elif member.is_whole_pool and not found.paths and not weighs:
            floor = Severity.LOW
        if found.leads_to_takeover and (member.is_whole_pool or place):
            floor = Severity.HIGH
        if narrow:
            severity = min(severity, Severity.MEDIUM if found.level > Level.RESOURCE else Severity.LOW)
        severity = max(severity, floor)
    return Match(
        subject=subject_of(grant),
        title=f"{who[0].upper()}{who[1:]} holds {grant.role} on {display(resource)}",
        principal=member.identity,
        severity=severity,
        score=found.score if found else None,
        notes=notes,
        remediation=removal(
            grant,
            resource,
            f"Grant {grant.role} to the single identities that need it, then remove it from {grant.member}",
            risk="Every workload that lives off this grant fails at once: add the narrow grants first.",
        ),
    )


def foreign_pool_member(grant: Grant, resource: str, context: Context) -> Match | None:
    """Identities of a pool that belongs to another project hold the role."""
    member = grant.principal
    if member.kind not in _POOL_KINDS or member.kind is PrincipalKind.WORKFORCE_SET:
        return None
    home = project_of(resource)
    if context.inventory is not None and home:
        home = context.inventory.project_id(home)
    if not is_foreign_pool(member, home, context):
        return None
    found = risk_of_grant(grant, resource, context)
    dangerous = found is None or found.leads_to_takeover
    where = member.project or member.project_number
    return Match(
        subject=subject_of(grant),
        title=f"{grant.member}, of a pool of project {where}, holds {grant.role} on {display(resource)}",
        principal=member.identity,
        severity=Severity.MEDIUM if dangerous else Severity.LOW,
        score=found.score if found else None,
        notes=(
            f"Whoever administers project {where} decides who these identities are.",
            *(found.reasons if found else ()),
        ),
        remediation=removal(grant, resource),
    )


def group_with_outsiders(grant: Grant, resource: str, context: Context) -> Match | None:
    """A group that holds a role which leads to takeover has members outside the organization."""
    if grant.principal.kind is not PrincipalKind.GROUP or context.inventory is None:
        return None
    group = context.inventory.group(grant.principal.email)
    if group is None:
        return None
    outside = [member for member in group.members if is_outsider(parse_member(member), context)]
    found = risk_of_grant(grant, resource, context)
    if not outside or found is None or not found.leads_to_takeover:
        return None
    return Match(
        subject=subject_of(grant),
        title=f"{len(outside)} outsiders in group {group.email} hold {grant.role} on {display(resource)}",
        principal=grant.principal.identity,
        score=found.score,
        notes=(f"Outside the organization: {', '.join(outside[:5])}", *found.reasons),
        remediation=removal(grant, resource, f"Take the outsiders out of {group.email}, or the role from the group"),
    )


def unknown_role(grant: Grant, resource: str, context: Context) -> Match | None:
    """Nobody told what the role holds, so nothing can be said of the grant."""
    if role_risk(grant.role, context) is not None or not names_somebody(grant) or grant.principal.is_service_agent:
        return None
    return Match(
        subject=subject_of(grant),
        title=f"What {grant.role} lets {grant.member} do on {display(resource)} could not be judged",
        principal=grant.principal.identity,
        notes=(f"{grant.role} is neither in the role catalogue nor in the inventory.",),
    )


def malformed_member(grant: Grant, resource: str, context: Context) -> Match | None:
    """The member is spelled so that it matches nobody."""
    meant, problem = grant.principal.likely, grant.principal.problem
    if not grant.principal.is_malformed:
        number = right_number(grant.principal, context)
        if not number:
            return None
        wrong = grant.principal.project_number
        meant = grant.member.replace(f"/projects/{wrong}/", f"/projects/{number}/", 1)
        problem = f"the pool {grant.principal.pool} is of project {number}, not {wrong}"
    changes: tuple[Change, ...] = (RemoveBinding(resource, grant.role, grant.member, grant.condition),)
    if meant:
        changes = (AddBinding(resource, grant.role, meant, grant.condition), *changes)
    return Match(
        subject=subject_of(grant),
        title=f"{grant.role} on {display(resource)} is granted to {grant.member}, which names nobody",
        principal=grant.member,
        notes=(f"Problem: {problem}.", *((f"Probably meant: {meant}",) if meant else ())),
        remediation=remedy(
            f"Grant {grant.role} to {meant} instead" if meant else f"Remove {grant.member}, or spell it right", *changes
        ),
    )


CHECKS: Final[tuple[GrantCheck, ...]] = (
    public_member,
    external_member,
    group_with_outsiders,
    privileged_role,
    impersonation_role_above_account,
    impersonation_role_on_account,
    wide_pool_member,
    foreign_pool_member,
    unknown_role,
    malformed_member,
)


def restored(old: Grant, new: Grant, resource: str) -> Remediation:
    """The way back from a grant that took the place of a narrower one."""
    return remedy(
        f"Put the condition back on {new.role} for {new.member}",
        AddBinding(resource, old.role, old.member, old.condition),
        RemoveBinding(resource, new.role, new.member, new.condition),
    )


def given_back(removed: Iterable[Grant], resource: str) -> Remediation:
    """The way back from grants that were taken away together."""
    return remedy(
        f"Give back what was removed from {display(resource)}",
        *(AddBinding(resource, grant.role, grant.member, grant.condition) for grant in removed),
        risk="Read the list first: some of these may have been removed for good reason.",
    )
