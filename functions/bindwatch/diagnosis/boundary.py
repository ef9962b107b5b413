"""Principal access boundaries: whether those bound to an identity make a resource eligible for it.

A principal may reach what any boundary bound to it makes eligible; one that no boundary is bound to may reach all.
Source: https://cloud.google.com/iam/docs/principal-access-boundary-policies
"""

import re

from bindwatch.diagnosis.case import Case
from bindwatch.diagnosis.outcome import Clear, Fix, Outcome, Unknown, asset, entry, found
from bindwatch.inventory import Part
from bindwatch.inventory.hierarchy import PolicyBinding, PrincipalAccessBoundaryPolicy
from bindwatch.model.cloud_change import ExtendBoundary
from bindwatch.model.resource import display, project_name

_SUBJECT = re.compile(r"principal\.subject\s*(==|!=)\s*['\"]([^'\"]+)['\"]")
_TYPE = re.compile(r"principal\.type\s*(==|!=)\s*['\"]([^'\"]+)['\"]")


def boundary_check(case: Case, questions: list[tuple[str, str, str]]) -> Outcome:
    """Whether a boundary is in the way of any of (who, identity, resource)."""
    for who, identity, resource in questions:
        bound, undecided = _bound_to(case, identity)
        if undecided:
            return Unknown(f"whether the condition {undecided!r} of a boundary's binding holds")
        if not bound:
            continue
        missing = [binding for binding, policy in bound if policy is None]
        if missing:
            return Unknown(f"principal access boundary {missing[0].policy}")
        around = case.inventory.ancestors(resource)
        eligible = {
            case.inventory.canonical(item)
            for _, policy in bound
            if policy is not None
            for rule in policy.rules
            if rule.effect == "ALLOW"
            for item in rule.resources
        }
        if eligible & set(around) or "*" in eligible:
            continue
        binding, policy = bound[0]
        assert policy is not None
        return found(
            (
                asset(f"boundary {policy.display_name or policy.name.rpartition('/')[2]} is bound to"
                      f" {display(binding.target)}", policy.name),
                asset(f"{display(resource)} is not among what it lets {who} reach", resource),
            ),
            Fix(
                f"Make {display(_container(around))} eligible in the boundary",
                (ExtendBoundary(policy.name, _organization(policy.name), _container(around)),),
                risk="Every principal the boundary is bound to may then reach it, if it is granted anything there.",
            ),
        )  # fmt: skip
    refusal = next((item for item in case.refusals if "boundary" in item.symptoms), None)
    text, _ = case.said("boundary")
    ref = refusal.ref if refusal is not None else text.ref if text is not None else None
    if ref is not None and not case.seen(Part.BOUNDARY_BINDINGS):
        return found(
            entry("a call was refused by a principal access boundary", ref),
            Fix(
                "Find the boundary bound to the pool or project, and make the resource eligible in it",
                outside="the boundary is not in the input",
            ),
        )
    top = case.inventory.ancestors(project_name(case.pool_project))[-1] if case.pool_project else ""
    if not case.seen(Part.BOUNDARY_BINDINGS) or (top and not case.seen(Part.BOUNDARY_BINDINGS, top)):
        return Unknown(f"bindings of principal access boundaries of {display(top) if top else 'the organization'}")
    return Clear("no principal access boundary is bound to it, or what it asks for is eligible")


def _bound_to(
    case: Case, identity: str
) -> tuple[list[tuple[PolicyBinding, PrincipalAccessBoundaryPolicy | None]], str]:
    email = identity.partition(":")[2] if "@" in identity else ""
    home = case.inventory.project_of(case.inventory.service_account_name(email)) if email else case.pool_project
    targets = [] if email else [case.pool_name]
    targets += list(case.inventory.ancestors(project_name(home))) if home else []
    bound = []
    for target in targets:
        for binding, policy in case.inventory.boundaries_bound_to(target):
            holds = _applies(binding, identity, email)
            if holds is None:
                return [], binding.condition.expression if binding.condition is not None else ""
            if holds:
                bound.append((binding, policy))
    return bound, ""


def _applies(binding: PolicyBinding, identity: str, email: str) -> bool | None:
    """Whether the condition of a binding lets it hold for a principal; None where it says more than is read here."""
    if binding.condition is None or not binding.condition.expression:
        return True
    expression = binding.condition.expression
    kind = "iam.googleapis.com/ServiceAccount" if email else "iam.googleapis.com/WorkloadPoolIdentity"
    answers = []
    for pattern, value in ((_SUBJECT, email or identity), (_TYPE, kind)):
        for operator, wanted in pattern.findall(expression):
            answers.append((value == wanted) == (operator == "=="))
    rest = _TYPE.sub("", _SUBJECT.sub("", expression)).replace("&&", "").replace("||", "").strip(" ()")
    if rest or not answers or ("&&" in expression and "||" in expression):
        return None
    return any(answers) if "||" in expression else all(answers)


def _container(around: tuple[str, ...]) -> str:
    return next((name for name in around if "cloudresourcemanager" in name), around[-1])


def _organization(policy: str) -> str:
    _, found_at, tail = policy.partition("organizations/")
    return tail.partition("/")[0] if found_at else ""
