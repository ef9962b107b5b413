"""The SQL files of the package: what each asks, which parameters it takes, which views it leans on, and how the window
questions become one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import dropwhile
from textwrap import indent
from typing import Final, TypeAlias

from bindwatch.errors import InputError

Value: TypeAlias = str | int | bool | datetime | date | tuple[str, ...]

WINDOW_COLUMNS: Final = (
    "caller",
    "caller_name",
    "caller_ip",
    "user_agent",
    "project",
    "resource",
    "target",
    "calls",
    "succeeded",
    "items",
    "known_since",
    "subject",
    "occurred_at",
    "log_name",
    "insert_id",
    "timestamp",
)
"""What every window question shows."""

_SQL: Final = files("bindwatch") / "sql"
_WINDOWS: Final = ("windows", "windows/hourly")
_COUNTED: Final = (
    "event_key",
    "received_at",
    "occurred_at",
    "caller",
    "caller_name",
    "caller_ip",
    "user_agent",
    "project",
    "resource",
    "target",
    "failed",
    "log_name",
    "insert_id",
    "timestamp",
    "item",
    "shown",
    "least",
    "least_shown",
)
_PARAMETER: Final = re.compile(r"-- @(\w+) (\w+)(?: = (.*?))?: (.+)")
_REFERENCE: Final = re.compile(r"`\$\{dataset\}\.(\w+)`")
_AGO: Final = re.compile(r"-(\d+)([dhm])")
_UNITS: Final = {"d": "days", "h": "hours", "m": "minutes"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named value of a question; without a default it must be given."""

    name: str
    type: str
    default: str | None
    description: str

    def read(self, text: str, now: datetime) -> Value:
        """The value a text stands for; times also as `-30d`, `-6h`: that long before now. Raises InputError."""
        try:
            match self.type:
                case "timestamp":
                    return _moment(text, now)
                case "date":
                    return _moment(text, now).date()
                case "integer":
                    return int(text)
                case "string":
                    return text
        except ValueError as error:
            raise InputError(f"@{self.name}", f"expected a {self.type}, found {text!r}") from error
        raise InputError(f"@{self.name}", f"of unknown type {self.type}")


@dataclass(frozen=True, slots=True)
class Question:
    """One file under `sql/`: the question in its first line, and what it takes."""

    name: str
    question: str
    notes: str
    parameters: tuple[Parameter, ...]

    def values(self, given: dict[str, str], now: datetime) -> dict[str, Value]:
        """The parameters as typed values: those given, defaults for the rest. Raises InputError for unknown names."""
        known = {parameter.name: parameter for parameter in self.parameters}
        if unknown := sorted(given.keys() - known.keys()):
            takes = ", ".join(known) or "none"
            raise InputError(f"@{unknown[0]}", f"{self.name} takes no such parameter; it takes: {takes}")
        values: dict[str, Value] = {}
        for name, parameter in known.items():
            text = given.get(name, parameter.default)
            if text is None:
                raise InputError(f"@{name}", f"must be given, as -p {name}=…: {parameter.description}")
            values[name] = parameter.read(text, now)
        return values


@cache
def questions(folder: str = "queries") -> dict[str, Question]:
    """The questions of one folder, by name."""
    sources = (_SQL / folder).iterdir()
    names = sorted(item.name.removesuffix(".sql") for item in sources if item.name.endswith(".sql"))
    return {name: _read_question(name, sql_text(f"{folder}/{name}")) for name in names}


@cache
def sql_text(name: str, engine: str = "bigquery") -> str:
    """The text of one file (`views/findings`), in the dialect of the engine."""
    root = _SQL / "duckdb" if engine == "duckdb" else _SQL
    return (root / f"{name}.sql").read_text(encoding="utf-8")


@cache
def window_file(rule_id: str) -> str:
    """The file that finds the rows of a window rule. Raises InputError where there is none."""
    name = rule_id.replace("-", "_")
    found = [folder for folder in _WINDOWS if (_SQL / folder / f"{name}.sql").is_file()]
    if not found:
        raise InputError(rule_id, "no window rule of this id has a question")
    return f"{found[0]}/{name}"


@cache
def window_text(rule_ids: tuple[str, ...], engine: str = "bigquery") -> str:
    """One query that asks what several window rules ask; each row has its `rule_id`, then WINDOW_COLUMNS.

    It takes @since and @until, and shows the rows of each rule in the order of their time. In BigQuery one query over
    many windows reads far less than a query for each: 10 MB at least are billed per table a query names
    (https://cloud.google.com/bigquery/pricing#on_demand_pricing). How it bills a table that is named several times in
    one query is not documented; that it then runs the scan several times is ("executed once for each reference",
    https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax#with_clause). Every scan keeps its own
    bounds of `occurred_at`, by which partitions are pruned.
    """
    files = {rule_id: window_file(rule_id) for rule_id in rule_ids}
    hourly = {rule_id: file for rule_id, file in files.items() if "/hourly/" in file}
    parts = [_select(rule_id, file, WINDOW_COLUMNS, engine) for rule_id, file in files.items() if rule_id not in hourly]
    steps = ""
    if hourly:
        counted = "\nunion all\n".join(_select(rule_id, file, _COUNTED, engine) for rule_id, file in hourly.items())
        steps = f"with counted as (\n{counted}\n),\n\nhourly as (\n{_code('steps/hourly', engine)}\n)\n\n"
        parts.insert(0, f"select\n    rule_id,\n{_columns(WINDOW_COLUMNS)}\nfrom hourly")
    order = "order by rule_id, occurred_at, caller, target, items, subject"
    return steps + "\nunion all\n".join(parts) + f"\n{order}\n"


def _select(rule_id: str, file: str, columns: tuple[str, ...], engine: str) -> str:
    # ids and columns are our own, not a user's
    question = _read_question(file, sql_text(file)).question
    return (
        f"-- {rule_id}: {question}\nselect\n    '{rule_id}' as rule_id,\n{_columns(columns)}\n"
        f"from (\n{_code(file, engine)}\n)"
    )


def _columns(names: tuple[str, ...]) -> str:
    return ",\n".join(f"    {name}" for name in names)


def _code(file: str, engine: str) -> str:
    """A file without what is said at its head."""
    lines = sql_text(file, engine).splitlines()
    return indent("\n".join(dropwhile(lambda line: line.startswith("--"), lines)), "    ")


@cache
def views_in_order() -> tuple[str, ...]:
    """The names of the views, each after those it leans on."""
    names = {item.name.removesuffix(".sql") for item in (_SQL / "views").iterdir() if item.name.endswith(".sql")}
    leans_on = {name: set(_REFERENCE.findall(sql_text(f"views/{name}"))) & names for name in names}
    return tuple(_ordered(leans_on))


@cache
def views_under(*names: str) -> tuple[str, ...]:
    """The views that the text of files (`windows/canary_lost`) leans on, each after those it leans on itself."""
    needed: set[str] = set()
    waiting = list(names)
    while waiting:
        found = {view for view in _REFERENCE.findall(sql_text(waiting.pop())) if view in views_in_order()}
        waiting += [f"views/{view}" for view in found - needed]
        needed |= found
    return tuple(view for view in views_in_order() if view in needed)


def _ordered(leans_on: dict[str, set[str]]) -> Iterator[str]:
    waiting = {name: set(others) for name, others in leans_on.items()}
    while waiting:
        ready = sorted(name for name, others in waiting.items() if not others & waiting.keys())
        if not ready:
            raise InputError("views", f"lean on each other in a circle: {', '.join(sorted(waiting))}")
        yield from ready
        for name in ready:
            del waiting[name]


def _read_question(name: str, text: str) -> Question:
    lines = []
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        lines.append(line)
    parameters = tuple(
        Parameter(found[1], found[2], found[3], found[4]) for line in lines if (found := _PARAMETER.fullmatch(line))
    )
    notes = " ".join(line[3:] for line in lines[1:] if not _PARAMETER.fullmatch(line))
    return Question(name, lines[0][3:] if lines else "", notes, parameters)


def _moment(text: str, now: datetime) -> datetime:
    if text == "now":
        return now
    if ago := _AGO.fullmatch(text):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
