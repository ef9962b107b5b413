"""JSON and NDJSON: the published fields, for programs. ASCII only, so that no terminal is painted by it."""

import json
from collections.abc import Iterator

from bindwatch.cli.formats import Results


def write_json(results: Results) -> Iterator[str]:
    """One document: the findings, the muted ones, and what was read and could not be."""
    document = {
        "findings": list(results.findings),
        "muted": list(results.muted),
        "summary": dict(results.summary),
    }
    yield json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def write_ndjson(results: Results) -> Iterator[str]:
    """One finding a line."""
    for record in results.findings:
        yield json.dumps(record, ensure_ascii=True) + "\n"
