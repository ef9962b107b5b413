"""What a rule found, as it is kept: severity, evidence, and the exact way out.

The values are msgspec structs: making a frozen dataclass of twenty fields costs as much as judging an entry.
"""

import hashlib
from enum import IntEnum, StrEnum
from typing import Protocol
from urllib.parse import quote

import msgspec

from bindwatch.model.lazily import lazily


class Severity(IntEnum):
    """How bad it is if it is true. Ordered; its name, never its number, goes on the wire."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


class Confidence(StrEnum):
    """How sure we are that it is true."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Category(StrEnum):
    """What kind of trouble a finding is."""

    THREAT = "threat"
    OVER_PRIVILEGE = "over-privilege"
    BROKEN_BINDING = "broken-binding"
    HYGIENE = "hygiene"
    BLIND_SPOT = "blind-spot"


class State(StrEnum):
    """Where a finding stands. A person closes; an audit or the undoing log entry resolves."""

    OPEN = "OPEN"
    RESOLVED = "RESOLVED"
    CLOSED = "CLOSED"


class LogRef(msgspec.Struct, frozen=True, gc=False):
    """The log entry that shows a finding. `(log_name, timestamp, insert_id)` identifies it: insertId alone repeats."""

    log_name: str
    insert_id: str
    timestamp: str

    @property
    def key(self) -> str:
        """What tells this source from any other; the same entry delivered twice has the same key."""
        return f"{self.log_name}|{self.timestamp}|{self.insert_id}"

    @property
    def url(self) -> str:
        """A Logs Explorer link that shows exactly this entry."""
        fields = {"logName": self.log_name, "insertId": self.insert_id, "timestamp": self.timestamp}
        query = "\n".join(f'{name}="{value}"' for name, value in fields.items() if value)
        container, _, name = self.log_name.partition("/")
        scope = {"projects": "project", "folders": "folder", "organizations": "organizationId"}.get(container)
        tail = f"?{scope}={quote(name.split('/', 1)[0], safe='', errors='replace')}" if scope else ""
        return f"https://console.cloud.google.com/logs/query;query={quote(query, safe='', errors='replace')}{tail}"


class AssetRef(msgspec.Struct, frozen=True, gc=False):
    """The inventory item that shows a finding, with the etag of its policy where it has one."""

    asset: str
    etag: str = ""

    @property
    def key(self) -> str:
        """The asset without its etag: an unrelated edit of the policy is not a new source."""
        return self.asset


Source = LogRef | AssetRef


class Step(Protocol):
    """One change that a remediation makes, as a command; and the change that takes it back, where there is one."""

    def command(self) -> str:
        """The command, quoted for a POSIX shell."""

    def undo(self) -> "Step | None":
        """What takes it back."""


class Written(msgspec.Struct, frozen=True, gc=False):
    """A step that somebody wrote as a command, with the command that takes it back, where they wrote one."""

    text: str
    undoing: str = ""

    def command(self) -> str:
        """The command as it was written."""
        return self.text

    def undo(self) -> Step | None:
        """The command that takes it back."""
        return Written(self.undoing, self.text) if self.undoing else None


class Remediation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The way out: commands to paste, in the order to run them, what they risk and how to undo them.

    The commands are worded whenever they are asked for, and not kept: most findings are known already, nobody reads
    theirs, and where there are a hundred thousand of them the words weigh more than the findings.
    """

    summary: str
    steps: tuple[Step, ...] = ()
    terraform: str = ""
    risk_of_fix: str = ""

    @property
    def commands(self) -> tuple[str, ...]:
        """The commands of the steps, in their order."""
        return tuple(step.command() for step in self.steps)

    @property
    def undo(self) -> tuple[str, ...]:
        """The commands that take the steps back, last step first."""
        undoing = [step.undo() for step in reversed(self.steps)]
        return tuple(step.command() for step in undoing if step is not None)


class Finding(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One problem with one subject on one resource.

    Judging the same input again gives an equal finding; `finding_id` does not depend on the source, so an entry and
    an inventory that show the same problem give the same id.
    """

    rule_id: str
    severity: Severity
    category: Category
    title: str
    subject: str
    resource_name: str
    source: Source
    observed_at: str
    confidence: Confidence = Confidence.HIGH
    state: State = State.OPEN
    explanation: str = ""
    project: str = ""
    principal: str = ""
    evidence: tuple[Source, ...] = ()
    notes: tuple[str, ...] = ()
    cause: str = ""
    ruled_out: tuple[str, ...] = ()
    remediation: Remediation | None = None
    techniques: tuple[str, ...] = ()
    score: int | None = None

    @lazily
    def finding_id(self) -> str:
        """The identity of the problem: rule, resource and subject, and nothing else."""
        return _digest(self.rule_id, self.resource_name, self.subject)

    @property
    def event_key(self) -> str:
        """The identity of this sighting: absorbs redelivery and repeated audits."""
        return _digest(self.finding_id, self.state, self.source.key)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
