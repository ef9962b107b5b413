"""The forms in which findings leave the command line, one module each, imported when it is asked for.

A form is a function `write(results) -> Iterator[str]`. All text in findings may come from logs: a form must leave none
of it alive, whatever reads the output. Text for a person is not here: it is `bindwatch.cli.output`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import Any, Final

from bindwatch.adapters.places import Place
from bindwatch.model.finding import Severity
from bindwatch.rule import Rule

# name of the form → the module here that writes it
_WRITERS: Final[Mapping[str, str]] = {
    "json": "plain:write_json",
    "ndjson": "plain:write_ndjson",
    "csv": "spreadsheet:write",
    "sarif": "sarif:write",
    "ocsf": "ocsf:write",
    "junit": "junit:write",
    "markdown": "markdown:write",
    "scc": "scc:write",
}
FORMATS: Final = ("text", *_WRITERS)
WITH_PLACES: Final = frozenset({"sarif", "junit", "markdown", "csv"})
"""The forms that say in which file and on which line a finding shows."""

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What a command found, ready to be written: findings as plain fields (see `model.record`), worst first."""

    findings: Sequence[Record]
    at: datetime
    """When they were judged, or read from the store."""
    muted: Sequence[Record] = ()
    """Findings as the others, with the exception that mutes them in `mute`."""
    summary: Record = field(default_factory=dict)
    """What was read, judged and left out; empty where findings come from a store."""
    rules: Mapping[str, Rule[Any]] = field(default_factory=dict)
    """The rules that looked, by id."""
    places: Mapping[str, Place] = field(default_factory=dict)
    """Where in the input a finding shows, by its id."""
    fail_on: Severity = Severity.INFO
    command: str = "scan"
    notes: Sequence[str] = ()
    """What a reader must know besides: what the results rest on, and what nobody could see."""


def write(form: str, results: Results) -> Iterator[str]:
    """The results in that form, piece by piece."""
    module, _, name = _WRITERS[form].partition(":")
    writer: Callable[[Results], Iterator[str]] = getattr(import_module(f"bindwatch.cli.formats.{module}"), name)
    return writer(results)


def is_complete(results: Results) -> bool:
    """Whether all of the work was done, as far as the summary tells."""
    return bool(results.summary.get("complete", True))
