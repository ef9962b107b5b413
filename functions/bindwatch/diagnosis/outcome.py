"""What one check of the chain says: the cause holds, it does not, or the input does not tell."""

from dataclasses import dataclass

from bindwatch.model.change import Change, remedy
from bindwatch.model.finding import AssetRef, LogRef, Remediation, Source


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact, in words, and the log entry or inventory item that shows it."""

    text: str
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Fix:
    """What puts a cause right: changes in the order to make them, and what they risk.

    `outside` says why no inventory shows the effect, so that applying the changes to one proves nothing: the fix is in
    the client's code, in a quota, or somebody else's to grant. Where a person must act, `changes` may be empty.
    """

    summary: str
    changes: tuple[Change, ...] = ()
    risk: str = ""
    outside: str = ""

    @property
    def remediation(self) -> Remediation:
        """The commands of the fix and those that undo it."""
        return remedy(self.summary, *self.changes, risk=self.risk)


@dataclass(frozen=True, slots=True)
class Found:
    """The cause holds. `explains` are causes that, for this workload, follow from it."""

    evidence: tuple[Evidence, ...]
    fix: Fix
    explains: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Clear:
    """The cause does not hold, and the input shows it.

    `vacuous` where another thing is wrong, so that there is nothing to say of the link this cause is about.
    """

    reason: str
    vacuous: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """The input does not tell whether the cause holds: what would."""

    needs: str


Outcome = Found | Clear | Unknown | None
"""None where the cause cannot apply to the workload at all, or where a nearer step leaves nothing to look at."""


def asset(text: str, name: str, etag: str = "") -> Evidence:
    """Evidence out of the inventory."""
    return Evidence(text, AssetRef(name, etag))


def entry(text: str, ref: LogRef) -> Evidence:
    """Evidence out of a log."""
    return Evidence(text, ref)


def found(evidence: Evidence | tuple[Evidence, ...], fix: Fix, *, explains: tuple[str, ...] = ()) -> Found:
    """The cause holds, by one fact or several."""
    return Found(evidence if isinstance(evidence, tuple) else (evidence,), fix, frozenset(explains))
