"""Fair comparison: everything that is compared runs in turn, in the same run, and the median counts."""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, and the bound the design sets it, if any."""

    what: str
    value: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the figure is within its bound."""
        return (self.at_least is None or self.value >= self.at_least) and (
            self.at_most is None or self.value <= self.at_most
        )

    def __str__(self) -> str:
        bounds = (("at least", self.at_least), ("at most", self.at_most))
        bound = ", ".join(f"{word} {value:g}" for word, value in bounds if value is not None)
        verdict = f"  ({bound}: {'holds' if self.holds else 'MISSED'})" if bound else ""
        return f"  {self.what:<66} {self.value:>10,.2f} {self.unit}{verdict}"


def in_turn(
    contestants: Mapping[str, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, float]:
    """The median seconds of each, run A B A B …; the first round only warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for round_number in range(rounds + 1):
        for name, contestant in contestants.items():
            gc.collect()
            before = clock()
            contestant()
            if round_number:
                seconds[name].append(clock() - before)
    return {name: statistics.median(times) for name, times in seconds.items()}


def environment(**more: str) -> dict[str, str]:
    """The environment of a process that runs the code of this repository, compiled once as what is installed is."""
    path = os.pathsep.join(str(ROOT / folder) for folder in ("functions", "tests", "scripts"))
    return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "", **more}


def run_python(arguments: Sequence[str], **more: str) -> subprocess.CompletedProcess[str]:
    """Run this interpreter over the repository's code; the exit status is the caller's to judge."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environment(**more), capture_output=True, text=True, check=False)


PEAK = """
import resource, sys
try:
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
except (OSError, StopIteration):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
print(peak, file=sys.stderr)
"""
"""Prints kilobytes. Not ru_maxrss where it can be helped: that begins with the size of the process that started it."""


def peak_megabytes(program: str, *arguments: str) -> float:
    """The largest size a fresh interpreter reached while it ran a program."""
    run = run_python(["-c", program + PEAK, *arguments])
    if run.returncode:
        raise RuntimeError(run.stderr)
    return int(run.stderr.split()[-1]) / 1024
