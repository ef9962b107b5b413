"""What a scan comes to: what it found, what it read, and what it could not do."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from bindwatch.adapters.inputs import Reading
from bindwatch.customization.exemptions import Exemption
from bindwatch.engine import NotChecked, RuleFailure, SwitchedOff, Verdict
from bindwatch.inventory import Inventory
from bindwatch.model.resource import canonical
from bindwatch.rule import Rule
from bindwatch.tally import Standing, Tally

STORE: Final = "--store"
"""What a rule lacks that compares with weeks, or with all that happened."""


@dataclass
class Outcome:
    """What a scan found, read, and could not do."""

    reading: Reading
    tally: Tally = field(default_factory=Tally)
    failures: list[RuleFailure] = field(default_factory=list)
    not_checked: tuple[NotChecked, ...] = ()
    off: tuple[SwitchedOff, ...] = ()
    notes: tuple[str, ...] = ()
    """What of the user's own lists could not be read."""
    muted: list[tuple[Standing, Exemption]] = field(default_factory=list)
    expired: tuple[Exemption, ...] = ()
    inventory: Inventory | None = None
    """What was judged besides log entries."""
    knows_home: bool = True
    """Whether anything told which domains are the user's own."""
    roles: str = ""
    """Which role catalogue judged the inventory, and how old it is."""

    rules: dict[str, Rule[Any]] = field(default_factory=dict)
    """The rules that had something to look at, by id."""

    named: Callable[[str], str] = canonical
    """How names of the input are spelled in findings."""

    def looked(self, rules: Iterable[Rule[Any]]) -> None:
        """Note which rules had something to look at."""
        for rule in rules:
            self.rules.setdefault(rule.id, rule)

    def add(self, verdict: Verdict) -> None:
        """Count what a verdict says."""
        self.tally.add(verdict.findings)
        self.failures += verdict.failures

    @property
    def is_complete(self) -> bool:
        """Whether all of the work was done."""
        return not self.reading.problems and not self.failures
