"""The rule on grants that IAM did not take for the member they name: bindings broken before they exist."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from bindwatch.inventory import Inventory, Part
from bindwatch.model.change import AddBinding, remedy
from bindwatch.model.finding import Category, Confidence, Severity
from bindwatch.model.gke_pool import project_of_pool
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.log_wire import condition_of
from bindwatch.model.policy import Condition
from bindwatch.model.principal import Principal, PrincipalKind, parse_member
from bindwatch.model.resource import display
from bindwatch.rule import Context, Match, Outcome, log_rule
from bindwatch.rules.methods import SET_IAM_POLICY

_INVALID: Final = 3
# What IAM says of the member it does not take, as seen in reports of users. The first name in brackets is its kind.
_NOT_THERE: Final = re.compile(
    r"(?i)\b(user|group|service account|domain|account|principal|member) (\S+) does not exist"
)
_NO_TYPE: Final = re.compile(r"(?i)\bmember (.+?) is of an unknown type\b")
_OTHER_TYPE: Final = re.compile(r"\b[Aa]ccount (\S+) is of type \"?(user|group|serviceAccount)\b")
_NO_POOL: Final = re.compile(r"(?i)\bidentity (?:pool|namespace) does not exist \(?([^\s()]+)\)?")
# What it says without naming the member: where one of the request is misspelt, that is it.
_UNNAMED: Final = re.compile(
    r"(?i)\bpolicy members must be\b|\brequest contains an invalid argument\b|\binvalid (?:policy )?members?\b"
)
_MOST: Final = 20


class _Asked(NamedTuple):
    """One member of the policy that was to be written, as written."""

    role: str
    member: str
    condition: Condition | None


class _Refusal(NamedTuple):
    """What is wrong with a member, and the one that was meant where that is certain."""

    problem: str
    cause: str = ""
    meant: str = ""
    sure: Confidence = Confidence.HIGH
    note: str = ""


def _is_invalid(entry: LogEntry, _context: Context) -> bool:
    return entry.status_code == _INVALID


@log_rule(
    "grant-member-refused",
    Severity.LOW,
    Category.BROKEN_BINDING,
    methods=SET_IAM_POLICY,
    outcome=Outcome.FAILED,
    guard=_is_invalid,
)
def grant_member_refused(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A grant failed, because the member it names is misspelt or does not exist.

    ## Why it matters
    Whoever it was meant for does not have the role, and nothing in the policy shows that somebody tried. One bad member
    fails the whole policy: the other grants of the same call were not made either.

    ## What to do
    Grant the role to the member that was meant, and correct the script or the Terraform that named the other one.

    ## Known false positives
    An account that was made seconds before: IAM does not know it yet, and tools try again. Terraform that lacks a
    `depends_on` does this at each first run.

    ## Blind spots
    A call that failed for another reason (a role that the resource does not take, a policy changed meanwhile, an
    organization policy) is not told here. A later success does not close the finding.
    """
    asked = tuple(_asked(entry))
    for member, refusal in _refused(entry, asked, context):
        grants = [item for item in asked if item.member == member] or [_Asked("", member, None)]
        for grant in grants[:_MOST]:
            yield _match(entry, grant, refusal)


def _asked(entry: LogEntry) -> Iterator[_Asked]:
    if entry.binding_deltas:
        for delta in entry.binding_deltas:
            if delta.action != "REMOVE":
                yield _Asked(delta.role, delta.member, delta.condition)
        return
    for binding in entry.requested_policy.documents("bindings"):
        for member in binding.texts("members"):
            yield _Asked(binding.text("role"), member, condition_of(binding.document("condition")))


def _refused(entry: LogEntry, asked: tuple[_Asked, ...], context: Context) -> Iterator[tuple[str, _Refusal]]:
    """The members at fault, each once."""
    said = entry.status_message
    members = dict.fromkeys(item.member for item in asked)
    if found := _OTHER_TYPE.search(said):
        meant = f"{found[2]}:{found[1]}"
        yield _written(found[1], members), _Refusal(f"it is a {found[2]}, not what its prefix says", _MALFORMED, meant)
    elif found := _NO_TYPE.search(said):
        member = _written(found[1], members)
        yield member, _misspelt(parse_member(member))
    elif found := _NO_POOL.search(said):
        pool = found[1].strip("'\"`.,")
        for member in [item for item in members if pool in item] or [f"serviceAccount:{pool}[…]"]:
            yield member, _without_pool(pool, parse_member(member), entry, context)
    elif found := _NOT_THERE.search(said):
        member = _written(found[2].strip("'\"`"), members, _PREFIXES.get(found[1].lower(), ""))
        yield member, _not_there(parse_member(member), found[1], context)
    elif not said or _UNNAMED.search(said):
        for member in members:
            principal = parse_member(member)
            if principal.is_malformed:
                yield member, _misspelt(principal)


_MALFORMED: Final = "member-malformed"
_PREFIXES: Final = {"user": "user:", "group": "group:", "service account": "serviceAccount:", "domain": "domain:"}


def _written(name: str, members: dict[str, None], prefix: str = "") -> str:
    """The member of the request that a message speaks of: it leaves the prefix out, or may."""
    for member in members:
        if name.lower() in (member.lower(), member.partition(":")[2].strip().lower()):
            return member
    return name if ":" in name else f"{prefix}{name}"


def _misspelt(principal: Principal) -> _Refusal:
    if principal.is_malformed:
        note = "" if principal.likely or "@" not in principal.member else _TWO_KINDS
        return _Refusal(principal.problem, _MALFORMED, principal.likely, note=note)
    return _Refusal("IAM takes no member of this form here", _MALFORMED, sure=Confidence.MEDIUM)


_TWO_KINDS: Final = "A person is written user:EMAIL, a group group:EMAIL."


def _without_pool(pool: str, principal: Principal, entry: LogEntry, context: Context) -> _Refusal:
    if principal.is_malformed and principal.likely:
        return _misspelt(principal)
    project = project_of_pool(pool)
    if not project:
        return _Refusal(f"there is no identity pool {pool}", _MALFORMED, sure=Confidence.MEDIUM)
    inventory = context.inventory
    if inventory is not None and inventory.clusters_of_pool(pool):
        problem = f"there was no identity pool {pool} then: a cluster has it now"
        return _Refusal(problem, "propagation-delay", principal.member)
    note = f"The pool comes into being with the first cluster of {project} that has Workload Identity."
    other = entry.project not in ("", project)
    cause = "pool-of-another-project" if other else "workload-identity-disabled"
    return _Refusal(f"there is no identity pool {pool}", cause, sure=Confidence.MEDIUM, note=note)


def _not_there(principal: Principal, kind: str, context: Context) -> _Refusal:
    if principal.is_malformed:
        return _misspelt(principal)
    problem = f"there is no such {kind.lower()}"
    if principal.kind is not PrincipalKind.SERVICE_ACCOUNT:
        return _Refusal(problem, note=_MADE_JUST_NOW)
    inventory = context.inventory
    if inventory is not None and inventory.service_account(principal.email) is not None:
        return _Refusal("it did not exist then, and does now", "propagation-delay", principal.member)
    near = _nearest(principal, inventory)
    return _Refusal(problem, "gsa-not-found", note=f"Probably meant: {near}" if near else _MADE_JUST_NOW)


_MADE_JUST_NOW: Final = "If it was made seconds before, try again: IAM learns of it a little later."


def _nearest(principal: Principal, inventory: Inventory | None) -> str:
    """The one account of the project whose name is nearly the same; '' where none or several are."""
    if inventory is None or not inventory.has(Part.SERVICE_ACCOUNTS):
        return ""
    from bindwatch.diagnosis.near_miss import distance

    name = principal.email.partition("@")[0]
    near = [
        account.email
        for account in inventory.service_accounts_of(principal.project)
        if distance(account.email.partition("@")[0], name) <= 2
    ]
    return f"serviceAccount:{near[0]}" if len(near) == 1 else ""


def _match(entry: LogEntry, grant: _Asked, refusal: _Refusal) -> Match:
    where = display(entry.resource)
    condition = grant.condition
    limits = f" if {condition.expression}" if condition is not None and condition.expression else ""
    meant = refusal.meant if grant.role else ""
    return Match(
        subject=f"{grant.role} {grant.member}{limits}".strip(),
        title=f"{grant.role or 'A role'} on {where} was not granted to {grant.member or 'a member'}: {refusal.problem}",
        principal=grant.member,
        confidence=refusal.sure,
        cause=refusal.cause,
        notes=tuple(
            text
            for text in (
                refusal.note,
                f"Meant: {refusal.meant}" if refusal.meant not in ("", grant.member) else "",
                f"Asked for by {entry.caller_name}.",
                f"The log says: {entry.status_message}" if entry.status_message else "",
            )
            if text
        ),
        remediation=remedy(f"Grant {grant.role} to {meant}", AddBinding(entry.resource, grant.role, meant, condition))
        if meant
        else None,
    )


RULES: Final = (grant_member_refused,)
