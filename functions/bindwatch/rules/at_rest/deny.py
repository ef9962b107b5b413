"""Deny policies as they stand: those that deny nobody, or nothing."""

from collections.abc import Iterator
from typing import Final

from bindwatch.access.conditions import is_over
from bindwatch.access.guards import denied_principal
from bindwatch.access.membership import Membership
from bindwatch.inventory import Inventory, Part
from bindwatch.inventory.hierarchy import DenyPolicy, DenyRule
from bindwatch.knowledge.permissions import pattern_matches
from bindwatch.model.finding import AssetRef, Category, Remediation, Severity
from bindwatch.model.principal import PrincipalKind, parse_member
from bindwatch.model.resource import display
from bindwatch.rule import Context, Match, inventory_rule


@inventory_rule(
    "deny-policy-without-effect",
    Severity.MEDIUM,
    Category.HYGIENE,
    needs=[Part.DENY_POLICIES],
    techniques=["T1562"],
)
def deny_policy_without_effect(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A rule of a deny policy denied nobody, or nothing.

    ## Why it matters
    A deny policy is what people trust when they leave a wide grant as it is. One that names its principals as allow
    policies do (`user:`), or excepts everybody it denies, guards nothing and looks as if it did.

    ## What to do
    Name principals as deny policies do: `principal://goog/subject/EMAIL`, `principalSet://goog/group/EMAIL`,
    `principal://iam.googleapis.com/projects/-/serviceAccounts/EMAIL`, `principalSet://goog/public:all`. Except single
    principals, and permissions as `SERVICE.googleapis.com/RESOURCE.VERB`.

    ## Known false positives
    A rule that was switched off on purpose, by excepting everybody: delete it instead.

    ## Blind spots
    Members of groups that were not read, and conditions on tags. A list of policies without their rules.
    """
    membership = Membership(inventory)
    for policy in inventory.all(DenyPolicy):
        identity = policy.name.rpartition("/")[2]
        for number, rule in enumerate(policy.rules, 1):
            why, notes = _why_nothing(rule, membership, context)
            if not why:
                continue
            nobody = [text for text in rule.denied_principals if denied_principal(text) is None]
            partly = len(nobody) < len(rule.denied_principals) and why == _NAMES_NOBODY
            yield Match(
                subject=f"deny policy {identity} rule {number}",
                title=f"Rule {number} of deny policy {identity} on {display(policy.attachment_point)} "
                + (f"names {len(nobody)} of {len(rule.denied_principals)} principals in vain" if partly else why),
                resource_name=policy.attachment_point,
                severity=Severity.LOW if partly else None,
                notes=notes,
                evidence=(AssetRef(policy.attachment_point),),
                remediation=Remediation(summary=f"Put rule {number} right, or delete it: nothing relies on it now"),
            )


_NAMES_NOBODY: Final = "denies nobody: it names no principal the way deny policies do"


def _why_nothing(rule: DenyRule, membership: Membership, context: Context) -> tuple[str, tuple[str, ...]]:
    """Why a rule denies nobody or nothing, with details; '' where it does, or where it was read in part."""
    if not rule.denied_principals or not rule.denied_permissions:
        return "", ()
    if rule.condition is not None and is_over(rule.condition.expression, context.as_of):
        return "denies nothing: its condition never holds", (f"Condition: {rule.condition.expression}",)
    named = [found for text in rule.denied_principals if (found := denied_principal(text)) is not None]
    excepted = [found for text in rule.exception_principals if (found := denied_principal(text)) is not None]
    if named and all(any(membership.surely_in(who, wider) for wider in excepted) for who in named):
        return "denies nobody: its exceptions cover everybody it names", (
            f"Excepted: {', '.join(rule.exception_principals[:5])}",
        )
    if all("/" not in name and name != "*" for name in rule.denied_permissions):
        return "denies nothing: its permissions are not written SERVICE.googleapis.com/RESOURCE.VERB", (
            f"Permissions: {', '.join(rule.denied_permissions[:5])}",
        )
    if all(any(pattern_matches(free, name) for free in rule.exception_permissions) for name in rule.denied_permissions):
        return "denies nothing: its exceptions cover every permission it names", (
            f"Excepted: {', '.join(rule.exception_permissions[:5])}",
        )
    if len(named) < len(rule.denied_principals):
        return _NAMES_NOBODY, tuple(_meant(text) for text in rule.denied_principals if denied_principal(text) is None)
    return "", ()


def _meant(text: str) -> str:
    principal = parse_member(text)
    match principal.kind:
        case PrincipalKind.USER:
            likely = f"principal://goog/subject/{principal.email}"
        case PrincipalKind.SERVICE_ACCOUNT:
            likely = f"principal://iam.googleapis.com/projects/-/serviceAccounts/{principal.email}"
        case PrincipalKind.GROUP:
            likely = f"principalSet://goog/group/{principal.email}"
        case PrincipalKind.PUBLIC:
            likely = "principalSet://goog/public:all"
        case _:
            likely = ""
    return f"{text} is nobody there" + (f"; probably meant: {likely}" if likely else "")


RULES: Final = (deny_policy_without_effect,)
