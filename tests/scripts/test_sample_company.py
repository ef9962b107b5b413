"""The sample company, judged as a newcomer would: what is wrong with it is found, and what is healthy stays quiet."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def findings() -> list[dict[str, Any]]:
    """What `bindwatch scan` says of it."""
    command = [sys.executable, "-m", "bindwatch", "scan", "docs/demo", "--format", "ndjson"]
    environment = {**os.environ, "PYTHONPATH": "functions"}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_at_least_eight_different_problems_come_with_their_fix(findings: list[dict[str, Any]]) -> None:
    fixed = {finding["rule_id"] for finding in findings if (finding["remediation"] or {}).get("commands")}
    assert len(fixed) >= 8


@pytest.mark.parametrize(
    "rule",
    [
        "data-access-logs-off",
        "impersonation-denied",
        "key-not-rotated",
        "node-pool-without-gke-metadata",
        "project-ownership-invited",
        "provider-without-condition",
        "public-member",
        "service-account-token-minted",
        "user-managed-key",
        "workload-pool-wide-grant",
    ],
)
def test_the_break_in_is_seen(findings: list[dict[str, Any]], rule: str) -> None:
    assert rule in {finding["rule_id"] for finding in findings}


def test_healthy_workloads_are_not_called_broken(findings: list[dict[str, Any]]) -> None:
    broken = [finding["subject"] for finding in findings if finding["rule_id"] == "workload-identity-broken"]
    assert not [subject for subject in broken if "checkout" in subject and "api" in subject]


def test_the_same_input_gives_the_same_ids_once(findings: list[dict[str, Any]]) -> None:
    ids = [finding["finding_id"] for finding in findings]
    assert len(set(ids)) == len(ids)
