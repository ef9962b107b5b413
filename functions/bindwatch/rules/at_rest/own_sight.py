"""What an audit was not allowed to read: what nobody looked at must not look like nothing found."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from bindwatch.inventory import DENIED, Inventory, Part
from bindwatch.model.finding import AssetRef, Category, Remediation, Severity
from bindwatch.model.resource import display, project_of
from bindwatch.rule import Context, Match, Rule, inventory_rule

_MOST: Final = 50
"""How many places are told of for each permission: where all are dark, all say the same."""


@inventory_rule("not-allowed-to-look", Severity.MEDIUM, Category.BLIND_SPOT, needs=[])
def not_allowed_to_look(inventory: Inventory, context: Context) -> Iterator[Match]:
    """An audit lacked a permission to read a part of its scope.

    ## Why it matters
    The rules that lean on that part say nothing of it, and what stood open there stays open: neither is good news.

    ## What to do
    Grant the role that the finding names to the identity that audits. `bindwatch permissions audit --check SCOPE` says
    what it holds. The finding resolves itself with the next audit that may look.

    ## Known false positives
    A project that is meant to be out of sight, by a deny policy or an access boundary.

    ## Blind spots
    Projects that the identity cannot even see the name of: Google's lists leave them out without a word.
    """
    places: defaultdict[tuple[Part, str], list[str]] = defaultdict(list)
    for coverage in inventory.failures():
        if coverage.reason.startswith(DENIED):
            places[coverage.part, coverage.reason.removeprefix(DENIED).lstrip(": ")].append(coverage.scope)
    for (part, needs), scopes in sorted(places.items()):
        for scope in sorted(scopes)[:_MOST]:
            yield Match(
                subject=f"{part.value}: {needs}",
                title=f"The {part.replace('-', ' ')} of {display(scope)} could not be read: it {needs}",
                resource_name=scope,
                project=project_of(scope),
                evidence=(AssetRef(scope),),
                notes=(f"and of {len(scopes) - _MOST} more places",) if len(scopes) > _MOST else (),
                remediation=Remediation(
                    summary="Grant the role that is named to the service account that audits, on what it audits."
                ),
            )


RULES: Final[tuple[Rule[Inventory], ...]] = (not_allowed_to_look,)
