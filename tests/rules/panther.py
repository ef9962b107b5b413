"""The samples of another detection engine, brought to the form Cloud Logging emits; only for measuring agreement."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_NAMES = {
    "callerIP": "callerIp",
    "at_sign_type": "@type",
    "at_type": "@type",
    "protopayload": "protoPayload",
    "logname": "logName",
    "insertid": "insertId",
    "receivetimestamp": "receiveTimestamp",
}


@dataclass(frozen=True)
class Sample:
    """One sample: the rule of theirs it tests, what it is called there, and whether theirs fires on it."""

    rule_id: str
    name: str
    expected: bool
    entry: dict[str, Any]


def samples(corpus: Path) -> Iterator[Sample]:
    """The samples that are log entries; those of correlations have none."""
    with (corpus / "logs" / "panther.ndjson").open(encoding="utf-8") as lines:
        for line in lines:
            item = json.loads(line)
            if isinstance(item.get("log"), dict):
                yield Sample(item["rule_id"], item["test"], item["expected"], normal(item["log"]))


def normal(log: dict[str, Any]) -> dict[str, Any]:
    """The entry as Cloud Logging would have written it."""
    entry: dict[str, Any] = _renamed({key: value for key, value in log.items() if not key.startswith("p_")})
    for key in ("timestamp", "receiveTimestamp"):
        if isinstance(time := entry.get(key), str) and " " in time:
            entry[key] = time.replace(" ", "T").removesuffix("Z") + "Z"
    return entry


def _renamed(value: Any) -> Any:
    if isinstance(value, list):
        return [_renamed(item) for item in value]
    if not isinstance(value, dict):
        return value
    right = {key: _renamed(item) for key, item in value.items() if key not in _NAMES}
    for key, item in value.items():
        if key in _NAMES:
            right.setdefault(_NAMES[key], _renamed(item))
    return right
