"""Exceptions: findings that somebody answers for, for a time. They are kept and shown as muted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bindwatch.model.finding import Finding

SELECTORS: Final = ("finding_id", "rule", "category", "project", "resource", "principal", "subject")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """Findings that are muted until `expires`, who answers for that, and why.

    Every selector that is not empty must match; one that ends in `*` matches what begins so. The store's mutes select
    in the same way.
    """

    owner: str
    reason: str
    expires: datetime
    place: str = ""
    """The file and line that says so."""
    finding_id: str = ""
    rule: str = ""
    category: str = ""
    project: str = ""
    resource: str = ""
    principal: str = ""
    subject: str = ""

    def covers(self, finding: Finding) -> bool:
        """Whether every selector matches."""
        return (
            _matches(self.finding_id, finding.finding_id)
            and _matches(self.rule, finding.rule_id)
            and _matches(self.category, finding.category)
            and _matches(self.project, finding.project)
            and _matches(self.resource, finding.resource_name)
            and _matches(self.principal, finding.principal)
            and _matches(self.subject, finding.subject)
        )

    def is_over(self, now: datetime) -> bool:
        """Whether it has run out."""
        return self.expires <= now

    def __str__(self) -> str:
        chosen = ", ".join(f"{name} {value}" for name in SELECTORS if (value := getattr(self, name)))
        return f"{chosen} until {self.expires:%Y-%m-%d} by {self.owner}: {self.reason}"


def exempting(finding: Finding, exemptions: Iterable[Exemption], now: datetime) -> Exemption | None:
    """The exception that mutes a finding now; None where none does."""
    return next((item for item in exemptions if not item.is_over(now) and item.covers(finding)), None)


def expired(exemptions: Sequence[Exemption], now: datetime) -> tuple[Exemption, ...]:
    """The exceptions that have run out: what they muted counts again."""
    return tuple(item for item in exemptions if item.is_over(now))


def _matches(selector: str, value: str) -> bool:
    if not selector:
        return True
    return value.startswith(selector[:-1]) if selector.endswith("*") else value == selector
