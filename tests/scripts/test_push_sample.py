"""The push body that the README sends is one that the function finds something in."""

import base64
import json
from pathlib import Path

from bindwatch.engine import Engine
from bindwatch.rule import Context
from bindwatch.rules import LOG_RULES

ROOT = Path(__file__).parents[2]


def test_the_sample_push_gives_a_finding() -> None:
    body = json.loads((ROOT / "docs" / "push.json").read_text())
    line = base64.b64decode(body["message"]["data"])
    rules = [finding.rule_id for finding in Engine(Context(), LOG_RULES).judge_line(line).findings]
    assert "project-ownership-invited" in rules
    assert "docs/push.json" in (ROOT / "README.md").read_text()
