"""What no single grant shows: the chains and the combinations by which a principal comes to more than it was given."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from bindwatch.inventory import Inventory, Part
from bindwatch.knowledge.score import band
from bindwatch.model.change import RemoveBinding, remedy
from bindwatch.model.finding import AssetRef, Category, Remediation, Severity
from bindwatch.model.resource import display
from bindwatch.rule import Context, Match, inventory_rule

if TYPE_CHECKING:
    from bindwatch.access.grants import Grant
    from bindwatch.access.graph import AccessGraph, RiskyPrincipal

_FLOOR: Final = 40.0
"""The score from which a principal is reported: medium."""


def _graph(inventory: Inventory, context: Context) -> "AccessGraph":
    # Imported here: most inputs of the command line are log entries, and its start counts.
    from bindwatch.access.graph import graph_of

    return graph_of(inventory, context.catalogue, context.as_of, context.trusted_domains)


@inventory_rule(
    "escalation-chain",
    Severity.HIGH,
    Category.OVER_PRIVILEGE,
    needs=[Part.POLICIES],
    techniques=["T1078.004", "T1548.005"],
    equivalents=[
        "purplepanda:PRIVESC",
        "rhino:setIamPolicy",
        "recommender:google.iam.policy.LateralMovementInsight",
    ],
)
def escalation_chain(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A principal could become a stronger identity than itself, in one step or several.

    ## Why it matters
    What a principal can do is what the strongest identity it can come to can do. A token minted for a service account,
    a pod in its cluster, code deployed to run as it: each step is a permission somebody granted for a smaller purpose,
    and no policy on its own shows where the steps lead.

    ## What to do
    Remove the one grant that is named: of all that decide the score it is the one whose loss lowers it most. Often it
    is the grant of the identity at the end that is too wide, not the step that leads to it.

    ## Known false positives
    A deployment pipeline must become what it deploys: mute it by principal, and watch who can change the pipeline.

    ## Blind spots
    Members of groups that were not read, VPC Service Controls, and what runs inside a workload. A role whose
    permissions are unknown is not followed; it is counted in the notes.
    """
    graph = _graph(inventory, context)
    unknown = sum(graph.unknown_roles.values())
    for risky in graph.climbing(_FLOOR):
        if not risky.chain or risky.score <= risky.own_score or risky.principal.is_service_agent:
            continue
        steps = len(risky.chain)
        first = risky.chain[0].resource
        notes = [str(hop) for hop in risky.chain]
        if unknown:
            notes.append(f"{unknown} bindings of roles that nobody could judge were not followed")
        yield Match(
            subject=risky.principal.identity,
            title=f"{risky.principal.member} can become {risky.end} in {steps} {'step' if steps == 1 else 'steps'}",
            resource_name=first,
            principal=risky.principal.identity,
            severity=risky.severity,
            score=risky.score,
            evidence=_evidence((grant for hop in risky.chain for grant in hop.grants), inventory),
            notes=tuple(notes),
            remediation=_removal(graph, risky),
        )


@inventory_rule(
    "escalation-assembled",
    Severity.HIGH,
    Category.OVER_PRIVILEGE,
    needs=[Part.POLICIES],
    techniques=["T1078.004", "T1098.003"],
    equivalents=["rhino:iam.serviceAccounts.actAs", "purplepanda:PRIVESC"],
)
def escalation_assembled(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A principal held, in several grants that look harmless apart, what together makes it another identity.

    ## Why it matters
    To run code as a service account takes two permissions: to act as it, and to deploy something. They are granted by
    different people on different resources, so neither grant looks like what they make together.

    ## What to do
    Remove one of the two: usually the right to act as accounts on the whole project, in favour of the one account that
    is meant. The grant named is the one whose loss lowers the score most.

    ## Known false positives
    Developers who deploy are meant to have both. Then the account they deploy as decides: give it little.

    ## Blind spots
    Members of groups that were not read, and roles whose permissions are unknown.
    """
    graph = _graph(inventory, context)
    for risky in graph.assembling(_FLOOR):
        if risky.principal.is_service_agent:
            continue
        for spot in graph.standing(risky.principal.member).spots:
            path = spot.assembled
            if path is None or spot.score < _FLOOR:
                continue
            parts = tuple(grant for grant in spot.grants if grant.risk & path.mask)
            roles = ", ".join(f"{role} on {display(name)}" for role, name in {(g.role, g.resource): 0 for g in parts})
            yield Match(
                subject=risky.principal.identity,
                title=f"{risky.principal.member} holds, in grants that look harmless apart, a way to more: {path.why}",
                resource_name=spot.resource,
                principal=risky.principal.identity,
                severity=band(spot.score),
                score=round(spot.score),
                evidence=_evidence(parts, inventory),
                notes=(f"Together: {roles}", f"Needs {' and '.join(path.permissions)} ({path.id})"),
                remediation=_removal(graph, risky),
            )
    _forget_graph()


def _forget_graph() -> None:
    """Let go of the graph: it is the largest thing there is, and the rules that follow do not ask for it."""
    from bindwatch.access.graph import graph_of

    graph_of.cache_clear()


def _evidence(grants: "Iterator[Grant] | tuple[Grant, ...]", inventory: Inventory) -> tuple[AssetRef, ...]:
    found: dict[str, AssetRef] = {}
    for grant in grants:
        policy = inventory.policy(grant.resource)
        found.setdefault(grant.resource, AssetRef(grant.resource, policy.etag if policy else ""))
    return tuple(found.values())


def _removal(graph: "AccessGraph", risky: "RiskyPrincipal") -> Remediation | None:
    best = graph.removal(risky.principal.member)
    if best is None:
        return Remediation(summary="No single grant decides this: several ways lead to the same power, so remove each")
    grant = best.grant
    return remedy(
        f"Remove {grant.role} from {best.member} on {display(grant.resource)}: "
        f"the score falls from {risky.score} to {best.score_after}",
        RemoveBinding(grant.resource, grant.role, best.member, grant.binding.condition),
        risk="Whatever works through this grant loses access at once; look at its use in the last 90 days first.",
    )


RULES: Final = (escalation_chain, escalation_assembled)
