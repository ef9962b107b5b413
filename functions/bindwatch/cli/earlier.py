"""The findings of an earlier scan, as `bindwatch scan --format json` (or ndjson) wrote them: what to compare with."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bindwatch.errors import ConfigError, InputError
from bindwatch.model.finding import Severity

_NEEDED = ("finding_id", "severity", "rule_id", "title", "project")


@dataclass(frozen=True)
class EarlierScan:
    """What an earlier scan found, by finding id."""

    name: str
    findings: dict[str, dict[str, Any]]

    @cached_property
    def severities(self) -> dict[str, str]:
        """The severity each finding had."""
        return {finding_id: record["severity"] for finding_id, record in self.findings.items()}


def read_earlier(file: str) -> EarlierScan:
    """The findings in a file. Raises ConfigError where there is none, InputError where it holds something else."""
    path = Path(file)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"--since {file}: {error}"]) from error
    try:
        records = _records(text)
    except ValueError as error:
        raise InputError(file, f"is not what `bindwatch scan --format json` writes: {error}") from error
    for number, record in enumerate(records, 1):
        if not isinstance(record, dict):
            raise InputError(f"{file}: finding {number}", "expected an object")
        for name in _NEEDED:
            if not isinstance(record.get(name), str):
                raise InputError(f"{file}: finding {number}: {name}", "expected a text")
        if record["severity"] not in Severity.__members__:
            raise InputError(f"{file}: finding {number}: severity", f"no severity {record['severity']!r}")
    return EarlierScan(path.name, {record["finding_id"]: record for record in records})


def _records(text: str) -> list[Any]:
    try:
        document = json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    if isinstance(document, dict) and isinstance(document.get("findings"), list):
        return [*document["findings"], *document.get("muted", [])]
    if isinstance(document, dict) and "finding_id" in document:
        return [document]
    raise ValueError("no list of findings in it")
