"""What the commands on a store share: opening it, naming findings in it, and writing rows."""

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from bindwatch.adapters.sql_store import Answer, SqlStore, plain
from bindwatch.cli.formats.spreadsheet import table
from bindwatch.cli.terminal import printable, width
from bindwatch.errors import ConfigError, InputError
from bindwatch.settings import query_gib

F = TypeVar("F", bound=Callable[..., Any])

FORMATS: Final = ("text", "json", "ndjson", "csv")
DEFAULT: Final = "bindwatch.duckdb"
_SPAN: Final = re.compile(r"(\d+)\s*([hdw])")
_UNITS: Final = {"h": "hours", "d": "days", "w": "weeks"}
_WIDEST: Final = 60
_SHORT: Final = 10
_NARROWEST: Final = 8

store_option = click.option(
    "--store",
    "place",
    envvar="BINDWATCH_STORE",
    default=DEFAULT,
    show_default=True,
    metavar="FILE|bigquery:PROJECT.DATASET",
    help="Where the findings are; also by BINDWATCH_STORE.",
)
format_option = click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)


@contextmanager
def opened(place: str) -> Iterator[SqlStore]:
    """The store of that name; raises ConfigError where there is none: reading never makes an empty one."""
    kind, colon, name = place.partition(":")
    if colon and kind in ("bigquery", "bq"):
        from bindwatch.adapters.bigquery import BigQueryStore

        store: SqlStore = BigQueryStore(name, query_gib=query_gib(os.environ))
    else:
        path = name if colon and kind == "duckdb" else place
        if not Path(path).exists():
            raise ConfigError([f"no store at {path}: make one with `bindwatch scan PATH --store {path}`"])
        from bindwatch.adapters.duckdb import DuckDBStore

        store = DuckDBStore(path)
    try:
        yield store
    finally:
        store.close()


def now() -> datetime:
    """The present, for commands; below them time is passed in."""
    return datetime.now(UTC)


def moment(text: str, *, ahead: bool = False) -> datetime:
    """A time as people give it: `7d`, `12h`, `2w` (ago, or ahead), or a date. Raises BadParameter."""
    if span := _SPAN.fullmatch(text.strip().lower()):
        distance = timedelta(**{_UNITS[span[2]]: int(span[1])})
        return now() + distance if ahead else now() - distance
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is neither a span (7d, 12h, 2w) nor a date (2026-01-31)") from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def the_finding(store: SqlStore, begins: str) -> Answer:
    """The one finding whose id begins so. Raises InputError where there is none, or more than one."""
    found = store.find(now=now(), state="", finding_id=begins.lower())
    if not found:
        raise InputError(begins, "no finding of the store has an id that begins so; `bindwatch findings` shows ids")
    if len(found) > 1:
        raise InputError(begins, f"{len(found)} findings have an id that begins so; give more of it")
    return found[0]


def write_rows(rows: Sequence[Mapping[str, Any]], form: str, *, empty: str = "nothing") -> None:
    """Rows to stdout: a table for people, JSON, NDJSON or CSV for programs."""
    clean = [plain(dict(row)) for row in rows]
    if form == "text" and not clean:
        click.echo(empty, err=True)
    sys.stdout.write(rows_text(clean, form))
    sys.stdout.flush()


def rows_text(rows: Sequence[Mapping[str, Any]], form: str) -> str:
    """Rows of plain values in one of `FORMATS`."""
    match form:
        case "json":
            return json.dumps(rows, indent=2, ensure_ascii=True) + "\n"
        case "ndjson":
            return "".join(json.dumps(row, ensure_ascii=True) + "\n" for row in rows)
        case "csv":
            return "".join(table(rows, list(rows[0]))) if rows else ""
        case _:
            return table_text(rows)


def table_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as a table that fits the terminal: the widest columns give way, short ones (dates, ids) do not."""
    if not rows:
        return ""
    lines = [[name.replace("_", " ") for name in rows[0]]]
    lines += [[_short(value) for value in row.values()] for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    room = width() if sys.stdout.isatty() or "COLUMNS" in os.environ else sum(widths) + 2 * len(widths)
    short = [most <= _SHORT for most in widths]
    while sum(widths) + 2 * (len(widths) - 1) > room:
        wide = max((most for most, kept in zip(widths, short, strict=True) if not kept), default=0)
        if wide <= _NARROWEST:
            break
        widths[widths.index(wide)] -= 1
    return "".join(
        "  ".join(_cut(text, most).ljust(most) for text, most in zip(line, widths, strict=True)).rstrip() + "\n"
        for line in lines
    )


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _short(value: Any) -> str:
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=True) if isinstance(value, dict | list) else str(value)
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}\.\d{6}Z", text):
        text = text[:19].replace("T", " ")
    return _cut(printable(text), _WIDEST)
