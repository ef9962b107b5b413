"""What other projects expect of their inventories, looked up by the ids of their checks as their users would.

Where we say something else, the reason stands in `EXPLAINED` and `NOT_OURS`; an explanation nobody needs fails.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bindwatch.adapters.inputs import InputReader
from bindwatch.engine import Engine, Verdict
from bindwatch.inventory import Inventory
from bindwatch.model.resource import canonical
from bindwatch.rule import Context
from bindwatch.rules import INVENTORY_RULES

AS_OF = datetime(2026, 9, 1, tzinfo=UTC)

_NO_METRICS = "needs metrics of Cloud Monitoring, which no inventory holds; the activity in a store answers it"
_NODE_LOGS = "reads the text logs of nodes, which are no audit logs; bindwatch diagnose takes them"
_OWN_LIST = "compares with a list the user writes, which only settings can hold"

NOT_OURS = {
    "gcpdiag:iam/SEC/2024_001": _NO_METRICS,
    "gcpdiag:gke/ERR/2023_011": _NODE_LOGS,
    "policy-library:iam_allow_ban_roles": _OWN_LIST,
    "policy-library:iam_custom_role_permissions": _OWN_LIST,
}
"""Checks that ask for what no inventory holds."""

_STILL_THE_NODES = (
    "they leave pools with Workload Identity out; the nodes themselves, and pods on the host network, still run as it"
)
EXPLAINED = {
    (
        "gcpdiag:iam/SEC/2021_001",
        "gcpdiag-iam1-aaaa",
    ): "the finding is about a user who is owner, not a service account",
    ("gcpdiag:gke/SEC/2021_001", "gke2/nodePools/low-pod-per-node-pool"): _STILL_THE_NODES,
    ("gcpdiag:gke/SEC/2021_001", "gke4/nodePools/default-pool"): _STILL_THE_NODES,
    ("policy-library:iam_audit_log", "good"): (
        "they ask for the logs of two services the user lists; those of minting and token exchange are off there"
    ),
}
"""Where we differ from them, by the id of the check and the end of the name of the resource."""


def expected(corpus: Path) -> list[dict[str, Any]]:
    text = (corpus / "policy" / "expected.ndjson").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def id_of(row: dict[str, Any]) -> str:
    check = row["check"]
    if row["peer"] == "gcpdiag":
        check = re.sub(r"_(\d{4})_", r"/\1_", check, count=1)
    return f"{row['peer']}:{check}"


@cache
def judged(path: Path) -> tuple[Inventory, Verdict]:
    inventory = InputReader((str(path),)).inventory()
    assert inventory is not None
    return inventory, Engine(Context(as_of=AS_OF), (), INVENTORY_RULES).judge_inventory(inventory)


def rules_of(check: str) -> set[str]:
    return {rule.id for rule in INVENTORY_RULES if check in rule.equivalents}


def differences(corpus: Path) -> Iterator[tuple[str, str, str]]:
    """Each outcome that is not as expected: the check, the resource, and what was expected."""
    for row in expected(corpus):
        check = id_of(row) if "check" in row else ""
        if not check or check in NOT_OURS:
            continue
        inventory, verdict = judged(corpus / "policy" / row["file"])
        found = [finding for finding in verdict.findings if finding.rule_id in rules_of(check)]
        if row["peer"] == "gcpdiag":
            service = "container.googleapis.com" if "/clusters/" in row["resource"] else ""
            name = inventory.canonical(canonical(row["resource"], service=service))
            flagged = any(finding.resource_name == name for finding in found)
            if flagged != (row["expected"]["status"] == "FAIL"):
                yield check, row["resource"], row["expected"]["status"]
            continue
        wanted = {inventory.canonical(name) for name in row["expected"]["violating"] or ()}
        # A finding on a part (a pool of a cluster, a key of an account) is one on the whole.
        names = {finding.resource_name for finding in found}
        for name in wanted:
            if not any(own == name or own.startswith(f"{name}/") for own in names):
                yield check, name, "violating"
        for own in names:
            if not any(own == name or own.startswith(f"{name}/") or name.startswith(f"{own}/") for name in wanted):
                yield check, own, "compliant"


def test_each_outcome_is_theirs_or_explained(corpus: Path) -> None:
    used = set()
    for check, resource, wanted in differences(corpus):
        reason = next((key for key in EXPLAINED if key[0] == check and resource.endswith(key[1])), None)
        assert reason is not None, f"{check} expects {resource} to be {wanted}"
        used.add(reason)
    assert used == set(EXPLAINED), "explanations that nothing needs"


def test_what_is_not_ours_is_a_check_of_theirs_that_no_inventory_answers(corpus: Path) -> None:
    checks = {id_of(row) for row in expected(corpus) if "check" in row}
    assert set(NOT_OURS) <= checks
    for check in checks - set(NOT_OURS):
        assert rules_of(check), f"a user who looks up {check} finds no rule"


def test_every_file_of_theirs_is_read_whole(corpus: Path) -> None:
    for row in expected(corpus):
        if "assets" not in row or "check" in row:
            continue
        reader = InputReader((str(corpus / "policy" / row["file"]),))
        reader.inventory()
        assert not reader.reading.problems, row["file"]
        assert reader.reading.inventory_items == row["assets"], row["file"]


@pytest.mark.parametrize("suffix", [".ndjson", ".json"])
def test_comments_and_empty_files_are_no_damage(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"empty{suffix}").write_text("")
    (tmp_path / f"comment{suffix}").write_text("# exported by hand\n\n")
    reader = InputReader((str(tmp_path),))
    assert reader.inventory() is None
    assert not reader.reading.problems
