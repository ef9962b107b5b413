"""Whatever stands in a log, judging gives a verdict or says what is wrong, and the neighbours are judged as before."""

import json
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bindwatch.engine import Engine
from bindwatch.errors import InputError
from bindwatch.model.log_entry import LogEntry, from_dict
from bindwatch.rule import Context
from bindwatch.rules import LOG_RULES
from generate import BUSY, generate_entries
from generate.damage import damaged, damaged_line

CONTEXT = Context(as_of=datetime(2026, 11, 3, tzinfo=UTC), trusted_domains=frozenset({"example.com"}))
PROPERTIES = [name for name in vars(LogEntry) if not name.startswith("_") and name not in ("wire", "payload")]


def judge(engine: Engine, line: bytes) -> object:
    """The verdict, or the reason why there is none; rules that raise would be a bug of ours."""
    try:
        verdict = engine.judge_line(line)
    except InputError as error:
        return str(error) or pytest.fail("a refusal must say why")
    assert verdict.failures == ()
    return verdict


def test_twenty_thousand_damaged_entries_raise_nothing_and_cost_no_neighbour() -> None:
    rng = random.Random(20)
    sound = [line.strip() for line in generate_entries(2000, seed=3, mix=BUSY)]
    engine = Engine(CONTEXT, LOG_RULES)
    alone = {line: judge(Engine(CONTEXT, LOG_RULES), line) for line in sound[:200]}
    for number in range(20_000):
        line = sound[number % len(sound)]
        if number % 4 == 3:
            judge(engine, damaged_line(rng, line))
        else:
            text = json.dumps(damaged(rng, json.loads(line)), ensure_ascii=bool(number & 1))
            judge(engine, text.encode("utf-8", "surrogatepass"))
        if line in alone:
            assert judge(engine, line) == alone[line]


def test_no_property_of_a_damaged_entry_raises() -> None:
    rng = random.Random(21)
    sound = [json.loads(line) for line in generate_entries(500, seed=4, mix=BUSY)]
    for value in sound:
        try:
            entry = from_dict(damaged(rng, value))
        except InputError:
            continue
        for name in PROPERTIES:
            getattr(entry, name)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_any_json_gives_a_verdict_or_a_reason(value: object) -> None:
    judge(Engine(CONTEXT, LOG_RULES), json.dumps(value).encode())


@given(st.binary())
def test_any_bytes_give_a_verdict_or_a_reason(line: bytes) -> None:
    judge(Engine(CONTEXT, LOG_RULES), line)


def corpus_lines(corpus: Path) -> list[bytes]:
    lines = []
    for file in sorted((corpus / "logs").glob("*.ndjson")):
        lines += [json.dumps(json.loads(line)["log"]).encode() for line in file.read_bytes().splitlines() if line]
    return lines


def test_every_entry_of_the_corpus_is_judged_or_named(corpus: Path) -> None:
    engine = Engine(CONTEXT, LOG_RULES)
    lines = corpus_lines(corpus)
    assert len(lines) > 150
    reasons = [verdict for line in lines if isinstance(verdict := judge(engine, line), str)]
    assert len(reasons) < len(lines) // 2


def test_the_order_of_the_rules_changes_nothing() -> None:
    lines = list(generate_entries(1000, seed=5, mix=BUSY))
    forward, backward = Engine(CONTEXT, LOG_RULES), Engine(CONTEXT, LOG_RULES[::-1])
    for line in lines:
        one, other = forward.judge_line(line), backward.judge_line(line)
        assert sorted(one.findings, key=str) == sorted(other.findings, key=str)


@pytest.mark.parametrize("depth", [100, 100_000])
def test_deep_nesting_is_refused_or_read(depth: int) -> None:
    engine = Engine(CONTEXT, LOG_RULES)
    request = b"[" * depth + b"]" * depth
    judge(engine, b'{"protoPayload":{"methodName":"SetIamPolicy","request":{"policy":' + request + b"}}}")
