"""What stands after all sightings: one line per problem, however often and in whichever order it was seen."""

from collections.abc import Iterable
from dataclasses import dataclass

from msgspec.structs import replace

from bindwatch.model.finding import Finding, State
from bindwatch.model.log_entry import parse_time


@dataclass(frozen=True, slots=True)
class Standing:
    """A finding as it stands: its latest sighting, how many distinct sources showed it, and when."""

    finding: Finding
    count: int
    first_seen: str
    last_seen: str


class _Row:
    __slots__ = ("first", "last", "latest", "sources")

    def __init__(self, finding: Finding) -> None:
        self.latest = finding
        self.first = self.last = finding.observed_at
        # One source alone, which is what nearly all have, needs no set.
        self.sources: str | set[str] = finding.source.key if finding.state is State.OPEN else set()

    def saw(self, source: str) -> None:
        if isinstance(self.sources, set):
            self.sources.add(source)
        elif self.sources != source:
            self.sources = {self.sources, source}

    def count(self) -> int:
        return len(self.sources) if isinstance(self.sources, set) else 1


class Tally:
    """Counts findings by their id. The sighting latest in event time decides the state, so late entries are harmless.

    Adding the same finding twice changes nothing. A resolution of something never seen open is no news and is dropped.
    """

    def __init__(self) -> None:
        self._rows: dict[str, _Row] = {}

    def add(self, findings: Iterable[Finding]) -> None:
        """Count these sightings."""
        for finding in findings:
            row = self._rows.get(finding.finding_id)
            if row is None:
                self._rows[finding.finding_id] = _Row(finding)
                continue
            if finding.state is State.OPEN:
                row.saw(finding.source.key)
            at = finding.observed_at
            if not _is_before(at, row.last):
                row.last = at
                row.latest = _worse(row.latest, finding)
            elif finding.state is State.OPEN and row.latest.state is State.OPEN:
                row.latest = _worse(finding, row.latest)
            if _is_before(at, row.first):
                row.first = at

    def standing(self) -> list[Standing]:
        """The findings that are open, worst first; among equals by rule, resource and subject."""
        rows = (
            Standing(row.latest, row.count(), row.first, row.last)
            for row in self._rows.values()
            if row.latest.state is State.OPEN
        )
        return sorted(
            rows,
            key=lambda row: (
                -row.finding.severity,
                row.finding.rule_id,
                row.finding.resource_name,
                row.finding.subject,
            ),
        )

    def resolved(self) -> int:
        """How many problems were seen open and then undone."""
        return sum(row.latest.state is not State.OPEN and bool(row.sources) for row in self._rows.values())


def _is_before(left: str, right: str) -> bool:
    """Whether a timestamp is earlier than another; they may differ in how many digits of the second they have."""
    if len(left) == len(right) and left[-1:] == "Z" == right[-1:] and left[10:11] == right[10:11]:
        return left < right  # the same digits of the same zone
    one, other = parse_time(left), parse_time(right)
    return left < right if one is None or other is None or one == other else one < other


def _worse(earlier: Finding, later: Finding) -> Finding:
    """The later sighting, with the severity of the worse one while the problem stays open."""
    if later.state is State.OPEN and earlier.state is State.OPEN and earlier.severity > later.severity:
        return replace(later, severity=earlier.severity)
    return later
