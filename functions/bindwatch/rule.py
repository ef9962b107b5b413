"""What a rule is: a pure function with its metadata beside it, and nothing registered anywhere."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from fnmatch import translate
from typing import Final, Generic, TypeVar

import msgspec

from bindwatch.inventory import Inventory, Part
from bindwatch.knowledge.roles import RoleCatalogue
from bindwatch.model.change_window import ChangeWindow
from bindwatch.model.finding import (
    AssetRef,
    Category,
    Confidence,
    Finding,
    LogRef,
    Remediation,
    Severity,
    Source,
    State,
)
from bindwatch.model.lazily import lazily
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.outside import Outside
from bindwatch.model.principal import Principal

DOCS_URL: Final = "https://github.com/bindwatch/bindwatch/blob/main/docs/rules.md"


class SubjectKind(StrEnum):
    """What a rule judges."""

    LOG = "log"
    INVENTORY = "inventory"
    WINDOW = "window"


class Outcome(StrEnum):
    """Which outcome of a call a log rule reads; part of dispatch, so that the other outcome costs nothing."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Method:
    """A method of an API that a rule reads, as audit logs spell it.

    `name` may hold `*`; matching ignores case, since services disagree on `SetIamPolicy`, `SetIAMPolicy` and
    `setIamPolicy`. `log` is the audit log it is written to, and `log_type` the data-access type that must be
    switched on (for the API `audited_as`) where that log is off by default. `caller` narrows it for the log sink to
    the calls of one principal (as principalEmail has it), where the rule looks at nobody else and the API is busy.
    """

    service: str
    name: str
    log: str = "activity"
    log_type: str = ""
    audited_as: str = ""
    caller: str = ""

    def __str__(self) -> str:
        return f"{self.service}/{self.name}"

    @property
    def audit_service(self) -> str:
        """The service that the audit config must name for the entries to exist."""
        return self.audited_as or self.service

    def matches(self, service: str, name: str) -> bool:
        """Whether an entry of this service and method is meant."""
        return self.is_of(service) and self.is_called(name)

    def is_of(self, service: str) -> bool:
        """Whether it is a method of this service."""
        return _matches(self.service, service)

    def is_called(self, name: str) -> bool:
        """Whether a service that has it would log it by this name."""
        return _matches(self.name, name)


_MOST_REMEMBERED: Final = 65_536
ANY_METHOD: Final = Method("*", "*", log="*")


def _matches(pattern: str, text: str) -> bool:
    if pattern in ("*", text):
        return True
    pattern, text = pattern.lower(), text.lower()
    if "*" not in pattern:
        return pattern == text
    # Compiling a pattern for `re` costs more than all that is ever asked of most of them.
    head, *inner, tail = pattern.split("*")
    at, end = len(head), len(text) - len(tail)
    if at > end or not text.startswith(head) or not text.endswith(tail):
        return False
    for part in inner:
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


@dataclass(frozen=True, kw_only=True, eq=False)
class Context:
    """What a rule may know besides its subject. Frozen: the same subject and context give the same matches."""

    as_of: datetime = field(default_factory=lambda: datetime(1970, 1, 1, tzinfo=UTC))
    trusted_domains: frozenset[str] = frozenset()
    trusted_projects: frozenset[str] = frozenset()
    automation: tuple[str, ...] = ()
    break_glass: tuple[str, ...] = ()
    change_windows: tuple[ChangeWindow, ...] = ()
    catalogue: RoleCatalogue = field(default_factory=RoleCatalogue.built_in)
    inventory: Inventory | None = None
    own_sink: str = ""
    """The log sink that feeds bindwatch (`organizations/1/sinks/x`), '' where it is not known."""
    own_sink_filter: str = ""
    """What it must pass for the rules that are enabled."""
    outside: Outside = field(default_factory=Outside)
    """What the user's files say of addresses and keys."""

    @lazily
    def memory(self) -> dict[object, bool]:
        """Answers that were expensive to find and hold as long as this context; see `remember`."""
        return {}

    def remember(self, key: object, answer: bool) -> bool:
        """Keep an answer in `memory`, and give it back. Hostile entries must not fill it: when full, it begins anew."""
        if len(self.memory) >= _MOST_REMEMBERED:
            self.memory.clear()
        self.memory[key] = answer
        return answer

    @lazily
    def _automation(self) -> re.Pattern[str]:
        return _any_of(self.automation)

    @lazily
    def _break_glass(self) -> re.Pattern[str]:
        return _any_of(self.break_glass)

    def is_automation(self, principal: Principal | None) -> bool:
        """Whether the settings name this principal as one whose job it is to change IAM (Terraform, a pipeline)."""
        return principal is not None and self._automation.fullmatch(principal.email or principal.member) is not None

    def is_break_glass(self, principal: Principal | None) -> bool:
        """Whether the settings name this principal as an emergency account."""
        return principal is not None and self._break_glass.fullmatch(principal.email or principal.member) is not None

    def in_change_window(self, entry: LogEntry) -> bool | None:
        """Whether a change was expected when it was made; None where nobody said when, or the entry has no time."""
        moment = entry.time if self.change_windows else None
        if moment is None:
            return None
        return any(window.covers(moment, entry.project) for window in self.change_windows)

    def is_trusted_domain(self, domain: str) -> bool | None:
        """Whether a domain (or one it is below) is the organization's; None where no domain was configured."""
        if not self.trusted_domains:
            return None
        return any(domain == known or domain.endswith("." + known) for known in self.trusted_domains)


def _any_of(globs: Iterable[str]) -> re.Pattern[str]:
    patterns = [translate(glob) for glob in globs]
    return re.compile("|".join(patterns), re.IGNORECASE) if patterns else re.compile(r"(?!)")


class Match(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a rule saw once: on which subject, in words, and how to put it right.

    What is left empty is taken from the entry or the rule: `resource_name`, `project`, `principal`, `severity`.
    `state` is RESOLVED where the entry undoes the standing problem that rule, resource and subject name.
    """

    subject: str
    title: str
    resource_name: str = ""
    project: str | None = None
    principal: str = ""
    severity: Severity | None = None
    confidence: Confidence = Confidence.HIGH
    state: State = State.OPEN
    explanation: str = ""
    evidence: tuple[Source, ...] = ()
    notes: tuple[str, ...] = ()
    cause: str = ""
    ruled_out: tuple[str, ...] = ()
    remediation: Remediation | None = None
    score: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRow:
    """Entries of one caller that make a story only together, as a file under `sql/windows` found them.

    `ref` is the entry that made it one: it stays the same while the window moves on, so that a story is told once.
    """

    ref: LogRef
    observed_at: str
    caller: str
    caller_name: str = ""
    caller_ip: str = ""
    user_agent: str = ""
    project: str = ""
    resource: str = ""
    target: str = ""
    calls: int = 0
    succeeded: int = 0
    items: tuple[str, ...] = ()
    known_since: str = ""
    subject: str = ""
    """The subject of the finding that the row is about, where it is about one."""


S = TypeVar("S", LogEntry, Inventory, WindowRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What must be there before the query of a window rule can find anything: so many entries of one caller, say.

    Files are put into a store only where it is. A window rule without it compares with what a store remembers of weeks,
    or with everything that happened: files show it nothing.
    """

    least: int
    refused: bool = False
    """Only refused calls count."""
    per: str = "caller"
    """Whose entries are counted together: those of a `caller`, an `address` or a `key`."""
    by_target: bool = False
    """Different targets count, not calls."""
    methods: tuple[Method, ...] = ()
    """Which count, where they are not all that the rule reads; a rule that names no methods counts any."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rule(Generic[S]):
    """One check. `judge` makes findings; the metadata is what `bindwatch rules`, the docs and the sink filter read.

    A rule id says one problem: where an entry and an inventory can both show it, a log rule and an inventory rule
    share the id (see `at_rest_of`), so that the problem is one finding.
    """

    id: str
    severity: Severity
    category: Category
    subject: SubjectKind
    check: Callable[[S, Context], Iterable[Match]]
    methods: tuple[Method, ...] = ()
    outcome: Outcome = Outcome.SUCCEEDED
    guard: Callable[[S, Context], bool] | None = None
    needs: tuple[Part, ...] = ()
    outside: tuple[str, ...] = ()
    """The fields of `[outside]` without which the rule is off."""
    techniques: tuple[str, ...] = ()
    equivalents: tuple[str, ...] = ()
    doc: str = ""
    counted: Counted | None = None
    fixed_severity: Severity | None = None
    """What the user's settings say it weighs, whatever the check says."""

    @lazily
    def title(self) -> str:
        """What happened, in one sentence: the first line of the rule's page."""
        return self.doc.strip().partition("\n")[0].rstrip(".")

    @property
    def url(self) -> str:
        """The rule's page."""
        return f"{DOCS_URL}#{self.id}"

    @lazily
    def reads_any_method(self) -> bool:
        """Whether the rule looks at entries of every method."""
        return any(method.name == "*" and method.service == "*" for method in self.methods)

    def lacks(self, context: Context) -> tuple[str, ...]:
        """The fields of `[outside]` that the rule needs and nobody gave: with one of them missing it is off."""
        return tuple(name for name in self.outside if not context.outside.has(name))

    def judge(self, subject: S, context: Context) -> Iterator[Finding]:
        """The findings of one subject. Whatever the check raises is the caller's to turn into a RuleFailure."""
        for match in self.check(subject, context):
            yield self.finding(match, subject, context)

    def finding(self, match: Match, subject: S, context: Context) -> Finding:
        """The finding of one match that the check yielded for this subject."""
        severity, notes = self.severity if match.severity is None else match.severity, match.notes
        if isinstance(subject, LogEntry):
            if context.change_windows:
                severity, notes = _by_change_window(severity, notes, subject, context)
            source: Source = subject.ref
            evidence: tuple[Source, ...] = (source, *match.evidence)
            observed_at = subject.timestamp
            named = match.resource_name
            resource_name = subject.named(named) if named and named != subject.resource else subject.resource
            project = subject.project if match.project is None else match.project
            principal = match.principal or subject.caller_name
        elif isinstance(subject, WindowRow):
            source = subject.ref
            evidence = (source, *match.evidence)
            observed_at = subject.observed_at
            resource_name = match.resource_name or subject.resource
            project = subject.project if match.project is None else match.project
            principal = match.principal or subject.caller_name or subject.caller
        else:
            evidence = match.evidence or (AssetRef(match.resource_name),)
            source = next((item for item in evidence if isinstance(item, AssetRef)), AssetRef(match.resource_name))
            observed_at = context.as_of.isoformat().replace("+00:00", "Z")
            resource_name = match.resource_name
            project = subject.project_of(resource_name) if match.project is None else match.project
            principal = match.principal
        return Finding(
            rule_id=self.id,
            severity=severity if self.fixed_severity is None else self.fixed_severity,
            category=self.category,
            confidence=match.confidence,
            state=match.state,
            title=match.title,
            explanation=match.explanation or self.explanation,
            subject=match.subject,
            resource_name=resource_name,
            project=project,
            principal=principal,
            source=source,
            observed_at=observed_at,
            evidence=evidence,
            notes=notes,
            cause=match.cause,
            ruled_out=match.ruled_out,
            remediation=match.remediation,
            techniques=self.techniques,
            score=match.score,
        )

    @lazily
    def explanation(self) -> str:
        """Why it matters, from the rule's page."""
        return self.section("Why it matters")

    def section(self, heading: str) -> str:
        """The text under one heading of the rule's page, '' where it has none."""
        found = re.search(rf"^##+ {re.escape(heading)}\s*\n(.*?)(?=^##|\Z)", self.doc, re.MULTILINE | re.DOTALL)
        return " ".join(found[1].split()) if found else ""


def _by_change_window(
    severity: Severity, notes: tuple[str, ...], entry: LogEntry, context: Context
) -> tuple[Severity, tuple[str, ...]]:
    """A change weighs one step less where it was expected. CRITICAL stays: no window expects that."""
    expected = context.in_change_window(entry)
    if expected is None or entry.failed or entry.log != "activity":
        return severity, notes
    if not expected:
        return severity, (*notes, "Made outside of every change window.")
    if Severity.LOW < severity < Severity.CRITICAL:
        severity = Severity(severity - 1)
    return severity, (*notes, "Made in a change window.")


LogCheck = Callable[[LogEntry, Context], Iterable[Match]]
InventoryCheck = Callable[[Inventory, Context], Iterable[Match]]
WindowCheck = Callable[[WindowRow, Context], Iterable[Match]]


def log_rule(
    rule_id: str,
    severity: Severity,
    category: Category,
    *,
    methods: Iterable[Method],
    outcome: Outcome = Outcome.SUCCEEDED,
    guard: Callable[[LogEntry, Context], bool] | None = None,
    outside: Iterable[str] = (),
    techniques: Iterable[str] = (),
    equivalents: Iterable[str] = (),
) -> Callable[[LogCheck], Rule[LogEntry]]:
    """Make a log rule of a check function; its docstring is the rule's page.

    `guard` is a cheap condition without which the check cannot match; rules with the same guard share its answer.
    `outside` names the fields of `[outside]` without which the rule is off.
    """

    def decorate(check: LogCheck) -> Rule[LogEntry]:
        return Rule(
            id=rule_id,
            severity=severity,
            category=category,
            subject=SubjectKind.LOG,
            check=check,
            methods=tuple(methods),
            outcome=outcome,
            guard=guard,
            outside=tuple(outside),
            techniques=tuple(techniques),
            equivalents=tuple(equivalents),
            doc=_page(check.__doc__),
        )

    return decorate


def inventory_rule(
    rule_id: str,
    severity: Severity,
    category: Category,
    *,
    needs: Iterable[Part],
    techniques: Iterable[str] = (),
    equivalents: Iterable[str] = (),
) -> Callable[[InventoryCheck], Rule[Inventory]]:
    """Make an inventory rule of a check function.

    `needs` are the parts without which the rule cannot look; the engine says so instead of asking it.
    """

    def decorate(check: InventoryCheck) -> Rule[Inventory]:
        return Rule(
            id=rule_id,
            severity=severity,
            category=category,
            subject=SubjectKind.INVENTORY,
            check=check,
            needs=tuple(needs),
            techniques=tuple(techniques),
            equivalents=tuple(equivalents),
            doc=_page(check.__doc__),
        )

    return decorate


def at_rest_of(
    rule: Rule[LogEntry], *, needs: Iterable[Part], equivalents: Iterable[str] = ()
) -> Callable[[InventoryCheck], Rule[Inventory]]:
    """Make the inventory rule that sees the same problem standing: same id, page and weight as the log rule."""

    def decorate(check: InventoryCheck) -> Rule[Inventory]:
        return Rule(
            id=rule.id,
            severity=rule.severity,
            category=rule.category,
            subject=SubjectKind.INVENTORY,
            check=check,
            needs=tuple(needs),
            techniques=rule.techniques,
            equivalents=(*rule.equivalents, *equivalents),
            doc=rule.doc,
        )

    return decorate


def window_rule(
    rule_id: str,
    severity: Severity,
    category: Category,
    *,
    methods: Iterable[Method] = (),
    counted: Counted | None = None,
    outside: Iterable[str] = (),
    techniques: Iterable[str] = (),
    equivalents: Iterable[str] = (),
) -> Callable[[WindowCheck], Rule[WindowRow]]:
    """Make a window rule: `sql/windows/<rule_id>.sql` (with _ for -) finds the rows, the check words them."""

    def decorate(check: WindowCheck) -> Rule[WindowRow]:
        return Rule(
            id=rule_id,
            severity=severity,
            category=category,
            subject=SubjectKind.WINDOW,
            check=check,
            methods=tuple(methods),
            counted=counted,
            outside=tuple(outside),
            techniques=tuple(techniques),
            equivalents=tuple(equivalents),
            doc=_page(check.__doc__),
        )

    return decorate


def over_time_of(rule: Rule[LogEntry], *, methods: Iterable[Method] = ()) -> Callable[[WindowCheck], Rule[WindowRow]]:
    """Make the window rule that sees the same problem, or its end, in later entries: same id, page and weight."""

    def decorate(check: WindowCheck) -> Rule[WindowRow]:
        return Rule(
            id=rule.id,
            severity=rule.severity,
            category=rule.category,
            subject=SubjectKind.WINDOW,
            check=check,
            methods=tuple(methods),
            techniques=rule.techniques,
            doc=rule.doc,
        )

    return decorate


def _page(doc: str | None) -> str:
    lines = (doc or "").expandtabs().splitlines()
    indent = min((len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()), default=0)
    return "\n".join([lines[0].strip(), *(line[indent:].rstrip() for line in lines[1:])]).strip() if lines else ""
