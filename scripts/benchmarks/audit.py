"""The whole audit of an organization: a scan of a million member-bindings, all checks; and asking what would change."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Figure, environment
from generate.estate import generate_policies

SMALL, LARGE = 100_000, 1_000_000
_PROJECT = "//cloudresourcemanager.googleapis.com/projects/company-project-00001"


def _run(*arguments: str) -> tuple[float, float]:
    """Processor seconds and megabytes of a command of `bindwatch`, its findings written to nowhere."""
    command = [sys.executable, "-m", "bindwatch", *arguments, "--as-of", "2026-01-14", "-q"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment()) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 1:
        raise RuntimeError(f"the command ended with {process.returncode}")
    unit = 1024 if sys.platform == "darwin" else 1
    return used.ru_utime + used.ru_stime, used.ru_maxrss / unit / 1024


def figures() -> Iterator[Figure]:
    """The command as a user runs it, process start and text output included."""
    per_member = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in (SMALL, LARGE):
            path = Path(folder) / f"{size}.ndjson"
            with path.open("wb") as file:
                file.writelines(generate_policies(size))
            seconds, megabytes = _run("scan", str(path))
            per_member[size] = seconds / size
            bounds = (60, 1024) if size == LARGE else (None, None)
            yield Figure(f"{size:,}: the whole scan", seconds, "s", at_most=bounds[0])
            yield Figure(f"{size:,}: its size", megabytes, "MB", at_most=bounds[1])
            policy = Path(folder) / "policy.json"
            policy.write_text('{"bindings": [{"role": "roles/owner", "members": ["user:eve@example.com"]}]}')
            asked = _run("what-if", str(policy), "--resource", _PROJECT, "--inventory", str(path))
            yield Figure(f"{size:,}: what-if, processor time", asked[0] / seconds, "scans")
            yield Figure(f"{size:,}: what-if, size", asked[1] / megabytes, "scans", at_most=1.5)
    growth = per_member[LARGE] / per_member[SMALL]
    yield Figure("growth per member-binding over ten times as many", growth, "times")
