"""JSON and NDJSON: the published fields, for programs. ASCII only, so that no terminal is painted by it."""

import json
from collections.abc import Iterable, Iterator

from bindwatch.cli.formats import Record, Results


def write_json(results: Results) -> Iterator[str]:
    """One document: the findings, the muted ones, and what was read and could not be."""
    yield "{\n"
    yield from _list("findings", results.findings)
    yield from _list("muted", results.muted)
    yield f'  "summary": {_indented(dict(results.summary), 2)}\n}}\n'


def _list(name: str, records: Iterable[Record]) -> Iterator[str]:
    """A list of the document, one item at a time: a hundred thousand findings need not stand in memory at once."""
    is_empty = True
    yield f'  "{name}": ['
    for record in records:
        yield ("\n    " if is_empty else ",\n    ") + _indented(record, 4)
        is_empty = False
    yield "],\n" if is_empty else "\n  ],\n"


def _indented(record: Record, columns: int) -> str:
    # Line breaks in strings are escaped, so each one here is between fields.
    return json.dumps(record, indent=2, ensure_ascii=True).replace("\n", "\n" + " " * columns)


def write_ndjson(results: Results) -> Iterator[str]:
    """One finding a line."""
    for record in results.findings:
        yield json.dumps(record, ensure_ascii=True) + "\n"
