"""A line of progress on a terminal, and nothing anywhere else."""

import sys
import time
from typing import TextIO

from bindwatch.cli.terminal import printable


class Progress:
    """Tells on stderr what is being read, at what rate; silent unless it is a terminal."""

    def __init__(self, stream: TextIO = sys.stderr, *, quiet: bool = False) -> None:
        self._stream = stream
        self._shown = not quiet and stream.isatty()
        self._began = time.monotonic()
        self._width = 0

    def at(self, what: str, count: int) -> None:
        """Say where the work is; `count` is what was done since the beginning."""
        if not self._shown:
            return
        rate = count / max(time.monotonic() - self._began, 1e-3)
        line = f"{printable(what)[-60:]}: {count:,} ({rate:,.0f}/s)"
        self._stream.write("\r" + line.ljust(self._width))
        self._stream.flush()
        self._width = len(line)

    def done(self) -> None:
        """Take the line away."""
        if self._shown and self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()
