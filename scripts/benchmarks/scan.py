"""`bindwatch scan` of one small file, the whole process."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Figure, in_turn, run_python
from generate import BUSY, generate_entries

ROUNDS = 15
HEAVY = re.compile(r"\|\s+(google|grpc|duckdb|kubernetes|functions_framework|pydantic)(\.|$)", re.MULTILINE)


def children() -> float:
    """Processor seconds of the processes that were run so far: what others do on the machine does not count."""
    spent = os.times()
    return spent.children_user + spent.children_system


def figures() -> Iterator[Figure]:
    """Time to the end of the process, and what it imported that it has no use for."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "entries.ndjson"
        path.write_bytes(b"".join(generate_entries(200, mix=BUSY)))
        scan = ["-m", "bindwatch", "scan", str(path)]
        first = run_python(scan)
        if first.returncode not in (0, 1):
            raise RuntimeError(first.stderr)
        seconds = in_turn(
            {"nothing": lambda: run_python(["-c", "pass"]), "scan": lambda: run_python(scan)}, ROUNDS, children
        )
        yield Figure("a Python that does nothing", 1000 * seconds["nothing"], "ms")
        yield Figure("scan of 200 entries", 1000 * seconds["scan"], "ms", at_most=350)
        imported = {match[1] for match in HEAVY.finditer(run_python(["-X", "importtime", *scan]).stderr)}
        yield Figure(f"heavy packages imported {sorted(imported) or ''}", len(imported), "", at_most=0)
