"""From the start of a process to its open port and first acknowledged entry, against a function that does nothing."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Figure, in_turn
from generate import generate_entries
from served import SOURCE, push, start

ROUNDS = 9
NOTHING = """
def on_log_entry(request):
    return "", 204
"""


def figures() -> Iterator[Figure]:
    """Seconds until each answers."""
    (entry,) = generate_entries(1)
    body = push(entry)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        idle = place / "idle"
        idle.mkdir()
        (idle / "main.py").write_text(NOTHING)

        def port_opens(source: Path) -> None:
            start("on_log_entry", place, source=source).kill()

        def answers(source: Path) -> None:
            function = start("on_log_entry", place, source=source)
            assert function.get().status in (200, 204)
            function.kill()

        def acknowledges(source: Path) -> None:
            function = start("on_log_entry", place, source=source)
            assert function.post(body).status == 204
            function.kill()

        seconds = in_turn(
            {
                "idle port": lambda: port_opens(idle),
                "our port": lambda: port_opens(SOURCE),
                "idle answer": lambda: answers(idle),
                "our answer": lambda: answers(SOURCE),
                "first entry": lambda: acknowledges(SOURCE),
            },
            ROUNDS,
            time.perf_counter,
        )
    yield Figure("a function that does nothing opens its port after", 1000 * seconds["idle port"], "ms")
    yield Figure("ours opens its port after", 1000 * seconds["our port"], "ms")
    yield Figure("port: ours / idle", seconds["our port"] / seconds["idle port"], "x", at_most=1.2)
    yield Figure("first answer: ours / idle", seconds["our answer"] / seconds["idle answer"], "x", at_most=1.2)
    yield Figure("ours acknowledges its first entry after (embedded store)", 1000 * seconds["first entry"], "ms")
