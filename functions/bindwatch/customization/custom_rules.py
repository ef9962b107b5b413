"""Custom rules: a file becomes an ordinary rule, or is refused with file, line and reason."""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bindwatch.customization.entry_fields import FIELDS
from bindwatch.customization.expressions import Expression
from bindwatch.customization.fields import Fields, Source
from bindwatch.customization.templates import filled, problem_of
from bindwatch.errors import ConfigError, InputError
from bindwatch.model.finding import Category, Confidence, Remediation, Severity, Written
from bindwatch.model.log_entry import LogEntry
from bindwatch.rule import Context, Match, Method, Outcome, Rule, SubjectKind

_ID: Final = re.compile(r"[a-z]+(?:-[a-z0-9]+)+")
_METHOD: Final = re.compile(r"[\w.*-]+/[\w.*:/-]+")
_TECHNIQUE: Final = re.compile(r"T\d{4}(?:\.\d{3})?")
_EACH: Final = ("grants", "attempted_grants", "removed_grants")
_LOGS: Final = ("activity", "data_access", "system_event", "policy")
_LOG_TYPES: Final = ("ADMIN_READ", "DATA_READ", "DATA_WRITE")
_PAGE: Final = (
    ("why", "Why it matters"),
    ("what_to_do", "What to do"),
    ("false_positives", "Known false positives"),
    ("blind_spots", "Blind spots"),
)

FIELDS_OF_A_RULE: Final[dict[str, str]] = {
    "id": "Kebab-case, two words or more, no built-in rule's. It never changes: findings are kept under it.",
    "title": "What happened, in one sentence; `bindwatch rules` and the page show it.",
    "severity": "`INFO`, `LOW`, `MEDIUM`, `HIGH` or `CRITICAL`.",
    "category": "`threat`, `over-privilege`, `broken-binding`, `hygiene` or `blind-spot`.",
    "methods": "The methods it reads, `SERVICE/METHOD`, `*` allowed: the sink filter is made from them.",
    "log": "Which audit log they are in; `activity` unless said.",
    "log_type": "The data-access type to switch on where they are in `data_access`: `ADMIN_READ`, `DATA_READ`, …",
    "outcome": "`succeeded` (unless said), `failed` or `any`.",
    "condition": "CEL: true where the rule fires.",
    "each": "`grants`, `attempted_grants` or `removed_grants`: judge each as `grant`, one finding for each that fits.",
    "text": "The line of the finding; a template.",
    "subject": "What tells two findings on one resource apart; a template, `{caller}` unless said.",
    "why": "Why it matters; shown with each finding.",
    "what_to_do": "For the page, and the fix of the finding.",
    "commands": "Commands to paste; templates, quoted for the shell.",
    "false_positives": "For the page.",
    "blind_spots": "For the page.",
    "techniques": "MITRE ATT&CK ids.",
    "equivalents": "Ids of other products' rules.",
    "confidence": "`high` (unless said), `medium` or `low`.",
}
FIELDS_OF_A_CASE: Final[dict[str, str]] = {
    "name": "The story.",
    "fires": "true or false.",
    "entry": "The log entry, as JSON.",
    "file": "Instead of `entry`: a file with it, from the folder of the rule.",
    "text": "What the finding must say; optional.",
    "severity": "What it must weigh; optional.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseText:
    """One case as its file has it: an entry as JSON text, or the name of a file with one."""

    name: str
    place: str
    fires: bool
    entry: str = ""
    file: str = ""
    text: str = ""
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class CustomRule:
    """A rule of the user's own, with its cases."""

    rule: Rule[LogEntry]
    cases: tuple[CaseText, ...]
    file: str


def read_rule(text: str, file: str, taken: Collection[str]) -> CustomRule:
    """The rule of a file. Raises ConfigError with everything that is wrong with it."""
    source = Source(file, text)
    source.check()
    fields = source.root()
    rule = _rule(fields, taken)
    cases = tuple(_cases(fields.tables("case"), file))
    fields.done()
    source.check()
    assert rule is not None
    return CustomRule(rule, cases, file)


def _rule(fields: Fields, taken: Collection[str]) -> Rule[LogEntry] | None:
    rule_id = fields.text("id", required=True)
    if rule_id and not _ID.fullmatch(rule_id):
        fields.problem("id", f"expected words joined by hyphens (ours-like-this), found {rule_id!r}")
    elif rule_id in taken:
        fields.problem("id", f"another rule has the id {rule_id!r}")
    title = fields.text("title", required=True)
    each = fields.choice("each", {name: name for name in _EACH}, "")
    severity = fields.choice("severity", {item.name: item for item in Severity}, None, required=True)
    category = fields.choice("category", {item.value: item for item in Category}, None, required=True)
    outcome = fields.choice("outcome", {item.value: item for item in Outcome}, Outcome.SUCCEEDED)
    confidence = fields.choice("confidence", {item.value: item for item in Confidence}, Confidence.HIGH)
    methods = tuple(_methods(fields))
    condition = _condition(fields, has_item=bool(each))
    templates = {
        "text": fields.text("text", required=True),
        "subject": fields.text("subject", "{caller}"),
    }
    commands = fields.texts("commands")
    for name, template in (*templates.items(), *(("commands", command) for command in commands)):
        if problem := problem_of(template, has_item=bool(each)):
            fields.problem(name, problem)
    page = {heading: fields.text(name) for name, heading in _PAGE}
    techniques = fields.texts("techniques")
    for technique in techniques:
        if not _TECHNIQUE.fullmatch(technique):
            fields.problem("techniques", f"expected ids like T1078.004, found {technique!r}")
    equivalents = fields.texts("equivalents")
    if severity is None or category is None or condition is None:
        return None
    return Rule(
        id=rule_id,
        severity=severity,
        category=category,
        subject=SubjectKind.LOG,
        check=_check(condition, each, templates, commands, page["What to do"], confidence),
        methods=methods,
        outcome=outcome,
        techniques=techniques,
        equivalents=equivalents,
        doc="\n\n".join([title, *(f"## {heading}\n{text.strip()}" for heading, text in page.items() if text)]),
    )


def _check(
    condition: Expression,
    each: str,
    templates: dict[str, str],
    commands: Sequence[str],
    what_to_do: str,
    confidence: Confidence,
) -> Callable[[LogEntry, Context], Iterator[Match]]:
    def check(entry: LogEntry, context: Context) -> Iterator[Match]:
        items: Sequence[dict[str, Any] | None] = FIELDS[each].read(entry, context) if each else (None,)
        for item in items:
            if not condition.holds(entry, context, item):
                continue
            steps = tuple(Written(filled(command, entry, context, item, quoted=True)) for command in commands)
            yield Match(
                subject=filled(templates["subject"], entry, context, item),
                title=filled(templates["text"], entry, context, item),
                confidence=confidence,
                remediation=Remediation(summary=what_to_do.strip(), steps=steps) if what_to_do or steps else None,
            )

    return check


def _methods(fields: Fields) -> Iterator[Method]:
    log = fields.choice("log", {name: name for name in _LOGS}, "activity")
    log_type = fields.choice("log_type", {name: name for name in _LOG_TYPES}, "")
    names = fields.texts("methods")
    if not names:
        fields.problem("methods", "names no method: expected SERVICE/METHOD")
    if log == "data_access" and not log_type:
        fields.problem("log", "log_type is missing: which data-access type must be on for these methods?")
    for name in names:
        if _METHOD.fullmatch(name):
            service, _, method = name.partition("/")
            yield Method(service, method, log="*" if name == "*/*" else log, log_type=log_type)
        else:
            fields.problem("methods", f"expected SERVICE/METHOD (iam.googleapis.com/*CreateRole), found {name!r}")


def _condition(fields: Fields, *, has_item: bool) -> Expression | None:
    text = fields.text("condition", required=True)
    if not text.strip():
        return None
    try:
        return Expression(text, has_item=has_item)
    except InputError as error:
        fields.problem("condition", error.problem)
        return None


def _cases(tables: Sequence[Fields], file: str) -> Iterator[CaseText]:
    for fields in tables:
        fires = fields.flag("fires")
        entry, other = fields.text("entry"), fields.text("file")
        case = CaseText(
            name=fields.text("name", required=True),
            place=f"{file}:{fields.line}",
            fires=bool(fires),
            entry=entry,
            file=other,
            text=fields.text("text"),
            severity=fields.choice("severity", {item.name: item for item in Severity}, None),
        )
        if fires is None:
            fields.problem("fires", "expected true or false")
        if bool(entry.strip()) == bool(other):
            fields.problem("entry", "expected either entry (JSON) or file")
        fields.done()
        yield case


def tables() -> str:
    """The tables of docs/custom-rules.md: the fields of a rule and of a case."""
    rows = [f"| `{name}` | {meaning} |" for name, meaning in FIELDS_OF_A_RULE.items()]
    cases = [f"| `{name}` | {meaning} |" for name, meaning in FIELDS_OF_A_CASE.items()]
    head = ["| field | what it means |", "| --- | --- |"]
    return "\n".join([*head, *rows, "", "Each `[[case]]`:", "", *head, *cases])


def merged(rules: Sequence[CustomRule], problems: Sequence[str]) -> tuple[CustomRule, ...]:
    """All rules of a folder. Raises ConfigError with the problems of all files, those that share an id included."""
    found = list(problems)
    first: dict[str, str] = {}
    for rule in rules:
        if rule.rule.id in first:
            found.append(f"{rule.file}:1: id: {first[rule.rule.id]} has the id {rule.rule.id!r} too")
        first.setdefault(rule.rule.id, rule.file)
    if found:
        raise ConfigError(found)
    return tuple(rules)
