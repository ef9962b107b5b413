"""What a person at a terminal sees of long work, and that nobody else sees anything."""

from __future__ import annotations

import io
from pathlib import Path

from bindwatch.cli.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_is_told_the_rate_and_the_time_left(tmp_path: Path) -> None:
    (tmp_path / "logs.ndjson").write_bytes(b"x" * 1_000)
    now = [0.0]
    stream = Terminal()
    progress = Progress(stream, paths=[str(tmp_path)], clock=lambda: now[0])
    now[0] = 1.0
    progress.at("logs.ndjson", 50, 100)
    assert "50 (50/s)" in stream.getvalue()
    assert "left" not in stream.getvalue(), "too soon to tell"
    now[0] = 10.0
    progress.at("logs\x1b[31m.ndjson", 500, 100)
    assert "500 (50/s), about 1:30 left" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()
    progress.done()
    assert stream.getvalue().endswith("\r")


def test_nobody_else_sees_anything(tmp_path: Path) -> None:
    pipe, quiet = io.StringIO(), Terminal()
    for progress in (Progress(pipe), Progress(quiet, quiet=True)):
        progress.at("x", 1, 1)
        progress.done()
    assert pipe.getvalue() == quiet.getvalue() == ""
