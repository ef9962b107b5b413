"""An alert as a subscriber of the topic receives it; see `pipeline.alert` for how it is made."""

import json

import msgspec

from bindwatch.errors import InputError
from bindwatch.model.finding import Category, Severity, State


class Evidence(msgspec.Struct, frozen=True):
    """What shows a finding: a log entry with a link to it, or an asset."""

    asset: str = ""
    timestamp: str = ""
    url: str = ""


class Fix(msgspec.Struct, frozen=True):
    """The way out, in words and as commands."""

    summary: str = ""
    commands: tuple[str, ...] = ()
    risk_of_fix: str = ""


class AnnouncedFinding(msgspec.Struct, frozen=True):
    """The fields of a finding that people are shown."""

    finding_id: str
    rule_id: str
    category: Category
    title: str
    explanation: str = ""
    resource_name: str = ""
    project: str = ""
    principal: str = ""
    evidence: tuple[Evidence, ...] = ()
    notes: tuple[str, ...] = ()
    cause: str = ""
    remediation: Fix | None = None
    techniques: tuple[str, ...] = ()
    first_seen: str = ""
    last_seen: str = ""
    count: int = 1
    state_by: str = ""
    state_reason: str = ""


class Baseline(msgspec.Struct, frozen=True):
    """What the first audit of a scope found: how many open findings of each severity."""

    scope: str
    open_findings: dict[str, int]


class _Wire(msgspec.Struct, frozen=True):
    schema_version: str
    alert_id: str
    kind: str
    reason: str
    state: State
    severity: str
    announced_at: str
    finding: AnnouncedFinding | None = None
    baseline: Baseline | None = None


class Announced(msgspec.Struct, frozen=True):
    """One alert: what happened to one finding, or what a first audit found. `data` is what was published."""

    alert_id: str
    reason: str
    state: State
    severity: Severity
    announced_at: str
    data: bytes
    finding: AnnouncedFinding | None = None
    baseline: Baseline | None = None

    @property
    def is_over(self) -> bool:
        """Whether it tells of an end: resolved, or closed by a person."""
        return self.state is not State.OPEN

    @property
    def finding_id(self) -> str:
        """The problem it is about; that of a baseline is the alert itself."""
        return self.finding.finding_id if self.finding else self.alert_id

    @property
    def rule_id(self) -> str:
        """The rule that found it; empty for a baseline."""
        return self.finding.rule_id if self.finding else ""

    @property
    def category(self) -> str:
        """The kind of trouble; empty for a baseline."""
        return self.finding.category.value if self.finding else ""

    @property
    def project(self) -> str:
        """The project it happened in; empty for a baseline and where none is known."""
        return self.finding.project if self.finding else ""

    @property
    def title(self) -> str:
        """One line that says what it is."""
        if self.finding is not None:
            return self.finding.title
        assert self.baseline is not None
        found = ", ".join(f"{count} {name}" for name, count in self.baseline.open_findings.items() if count)
        return f"First audit of {self.baseline.scope}: {found or 'no open findings'}"


_decode = msgspec.json.Decoder(_Wire).decode


def read_alert(data: bytes) -> Announced:
    """The alert in a message of the topic. Raises InputError; fields of later minor versions are let pass."""
    try:
        wire = _decode(_whole(data))
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        problem, _, place = str(error).partition(" - at `")
        raise InputError(place.strip("`").removeprefix("$."), f"no alert of ours: {problem}") from error
    if not wire.schema_version.startswith("1."):
        raise InputError("schema_version", f"expected 1.x, found {wire.schema_version!r}")
    if wire.severity not in Severity.__members__:
        raise InputError("severity", f"expected one of {', '.join(Severity.__members__)}, found {wire.severity!r}")
    if (wire.finding is None) == (wire.baseline is None):
        raise InputError("finding", "expected either a finding or a baseline")
    return Announced(
        wire.alert_id,
        wire.reason,
        wire.state,
        Severity[wire.severity],
        wire.announced_at,
        data,
        wire.finding,
        wire.baseline,
    )


def _whole(data: bytes) -> bytes:
    """The JSON without half surrogate pairs, which a hostile log can bring in and msgspec does not read."""
    if b"\\ud" not in data.lower():
        return data
    try:
        return json.dumps(json.loads(data), ensure_ascii=False).encode("utf-8", "replace")
    except (ValueError, RecursionError):
        return data
