"""Runs benchmarks by name and says which bounds were missed."""

from __future__ import annotations

import importlib
import pkgutil
import platform
import sys
import time
from collections.abc import Sequence

import benchmarks

FRAME = {"__main__", "measure"}


def names() -> list[str]:
    """The benchmarks there are."""
    return sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name not in FRAME)


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for; 1 where a bound was missed."""
    if "--list" in arguments:
        print("\n".join(names()))
        return 0
    missed = 0
    print(f"Python {platform.python_version()}\n")
    for name in arguments or names():
        module = importlib.import_module(f"benchmarks.{name}")
        print(f"{name}: {module.__doc__.strip().splitlines()[0]}")
        started = time.perf_counter()
        for figure in module.figures():
            print(figure, flush=True)
            missed += not figure.holds
        print(f"  took {time.perf_counter() - started:.0f} s\n")
    print(f"{missed} bounds missed" if missed else "every bound holds")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
