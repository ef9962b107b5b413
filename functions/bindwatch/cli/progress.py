"""A line of progress on a terminal, and nothing anywhere else."""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TextIO

from bindwatch.cli.terminal import printable

_SOON: Final = 2.0
"""Seconds before which nobody can tell how long it will take."""
_PACKED: Final = 12
"""How many bytes of JSON a byte of gzip holds, about: audit logs and exports repeat themselves."""


class Progress:
    """Tells on stderr what is being read, at what rate, and how long is left; silent unless it is a terminal."""

    def __init__(
        self,
        stream: TextIO = sys.stderr,
        *,
        quiet: bool = False,
        paths: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._shown = not quiet and stream.isatty()
        self._clock = clock
        self._began = clock()
        self._width = 0
        self._total = _bytes(paths) if self._shown else 0

    def at(self, what: str, count: int, done: int = 0, /) -> None:
        """Say where the work is; `count` and `done` (bytes of files) are what was done since the beginning."""
        if not self._shown:
            return
        passed = max(self._clock() - self._began, 1e-3)
        line = f"{printable(what)[-60:]}: {count:,} ({count / passed:,.0f}/s){self._left(passed, done)}"
        self._stream.write("\r" + line.ljust(self._width))
        self._stream.flush()
        self._width = len(line)

    def done(self) -> None:
        """Take the line away."""
        if self._shown and self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()

    def _left(self, passed: float, done: int) -> str:
        if passed < _SOON or not 0 < done < self._total:
            return ""
        seconds = round(passed * (self._total - done) / done)
        return f", about {seconds // 60}:{seconds % 60:02} left"


def _bytes(paths: Sequence[str]) -> int:
    """How much there is to read, about; 0 where stdin is part of it."""
    from bindwatch.adapters.files import Input, find_inputs

    total = 0
    for source in find_inputs(paths):
        if isinstance(source, Input):
            if source.path == "-":
                return 0
            size = Path(source.path).stat().st_size
            total += size * _PACKED if source.path.endswith(".gz") else size
    return total
