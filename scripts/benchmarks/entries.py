"""All log rules over a busy day of entries, against reading the same JSON with orjson and doing nothing."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import orjson

from benchmarks.measure import Figure, in_turn, peak_megabytes
from bindwatch.adapters.files import Input, Lines, read_parts
from bindwatch.cli.progress import Progress
from bindwatch.cli.scan import scan
from bindwatch.engine import Engine
from bindwatch.model.log_entry import LogEntry
from bindwatch.rule import Context, Method, Rule
from bindwatch.rules import LOG_RULES
from generate import BUSY, generate_entries

ENTRIES = 200_000
ROUNDS = 5
BOUNDED = 24

BARE = "import sys"
Rules = tuple[Rule[LogEntry], ...]

JUDGE = """
import sys
from itertools import count
from bindwatch.adapters.files import Input, read_parts
from bindwatch.engine import Engine
from bindwatch.model.log_block import LogBlock
from bindwatch.rule import Context
from bindwatch.rules import LOG_RULES
engine, number = Engine(Context(), LOG_RULES), count()
for told in engine.judge_blocks(part.block() for part in read_parts(Input(sys.argv[1], ""))): pass
"""

STRANGERS = JUDGE.replace("part.block()", "LogBlock.of_lines(strange(part.text))").replace(
    "engine, number =",
    """
def strange(text):
    return b"\\n".join(line.replace(b"@example", b"%d@example" % next(number)) for line in text.splitlines())
engine, number =""",
)
"""The same, as if nobody called twice: what is remembered must stay bounded."""


def load(path: Path) -> Callable[[], None]:
    """Parse every line, keep nothing."""

    def contestant() -> None:
        loads = orjson.loads
        with path.open("rb") as lines:
            for line in lines:
                loads(line)

    return contestant


def judge(path: Path, rules: Rules = LOG_RULES) -> Callable[[], None]:
    """Judge everything with a new engine, so that nothing is remembered from the round before."""

    def contestant() -> None:
        parts = read_parts(Input(str(path), ""))
        for _ in Engine(Context(), rules).judge_blocks(part.block() for part in parts if isinstance(part, Lines)):
            pass

    return contestant


def judge_windows(path: Path) -> Callable[[], None]:
    """Scan the file as the command does, window rules and all."""

    def contestant() -> None:
        scan((str(path),), Context(), Progress(sys.stderr, quiet=True))

    return contestant


def absent(k: int, rule: Rule[LogEntry]) -> tuple[Method, ...]:
    """As many methods as a rule reads, of a service that nobody calls."""
    return tuple(Method(f"absent{k}.example.com", method.name) for method in rule.methods)


def with_strangers(times: int) -> Rules:
    """The rules, and copies of them that read methods no entry has."""
    strangers = [
        replace(rule, id=f"{rule.id}-{k}", methods=absent(k, rule)) for k in range(times - 1) for rule in LOG_RULES
    ]
    return (*LOG_RULES, *strangers)


def figures() -> Iterator[Figure]:
    """Speed, memory, and what rules cost that have nothing to say."""
    nothing = peak_megabytes(BARE)
    with tempfile.TemporaryDirectory() as folder:
        for projects in (BOUNDED, 2_400):
            path = Path(folder) / f"{projects}.ndjson"
            with path.open("wb") as file:
                file.writelines(generate_entries(ENTRIES, mix=BUSY, projects=projects))
            strangers = judge(path, with_strangers(3))
            contestants = {
                "load": load(path),
                "judge": judge(path),
                "strangers": strangers,
                "windows": judge_windows(path),
            }
            seconds = in_turn(contestants, ROUNDS)
            what = f"{projects:,} projects: "
            bounded = projects == BOUNDED  # the other tells how the figures change with the size of the organization
            yield Figure(
                f"{what}speed of judging / orjson.loads",
                seconds["load"] / seconds["judge"],
                "x",
                at_least=1.0 if bounded else None,
            )
            yield Figure(
                f"{what}speed of a scan with window rules / orjson.loads",
                seconds["load"] / seconds["windows"],
                "x",
                at_least=0.5 if bounded else None,
            )
            yield Figure(f"{what}entries judged", ENTRIES / seconds["judge"], "/s")
            cost = seconds["strangers"] / seconds["judge"]
            yield Figure(
                f"{what}cost of three times the rules, methods absent", cost, "x", at_most=1.05 if bounded else None
            )
            if bounded:
                strange = peak_megabytes(STRANGERS, str(path)) - nothing
                yield Figure(f"{what}memory where no caller comes twice", strange, "MB", at_most=80)
            memory = peak_megabytes(JUDGE, str(path)) - nothing
            yield Figure(f"{what}memory above a bare interpreter", memory, "MB", at_most=80 if bounded else None)
