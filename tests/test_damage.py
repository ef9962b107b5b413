"""Whatever stands in a log, judging gives a verdict or says what is wrong, and the neighbours are judged as before."""

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bindwatch.engine import Engine, Verdict
from bindwatch.errors import InputError
from bindwatch.model.log_block import LogBlock
from bindwatch.model.log_entry import LogEntry, decode, from_dict
from bindwatch.model.log_wire import read_facts
from bindwatch.rule import Context
from bindwatch.rules import LOG_RULES
from generate import BUSY, generate_entries
from generate.damage import damaged, damaged_line

CONTEXT = Context(as_of=datetime(2026, 11, 3, tzinfo=UTC), trusted_domains=frozenset({"example.com"}))
PROPERTIES = [name for name in vars(LogEntry) if not name.startswith("_") and name not in ("rest", "payload")]


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


def shuffled(rng: random.Random, value: Any) -> Any:
    """The same JSON with the keys of its objects in another order."""
    if isinstance(value, dict):
        names = rng.sample(sorted(value), len(value))
        return {name: shuffled(rng, value[name]) for name in names}
    return [shuffled(rng, item) for item in value] if isinstance(value, list) else value


def disguised(rng: random.Random, line: bytes) -> bytes:
    """The same entry in other bytes: keys in another order or repeated, escapes where none are needed, white space."""
    text = json.dumps(shuffled(rng, json.loads(line)), separators=rng.choice([(",", ":"), (", ", " : ")]))
    for _ in range(rng.randrange(4)):
        at = rng.randrange(1, len(text))
        if text[at].isalpha() and text[at - 1].isalpha() and "\\" not in text[max(0, at - 6) : at + 1]:
            text = f"{text[:at]}\\u{ord(text[at]):04x}{text[at + 1 :]}"
    try:
        json.loads(text)
    except ValueError:  # it was a literal, which has no escapes
        return line
    if rng.random() < 0.3:
        text = '{"protoPayload":{"methodName":"nothing.happened","status":{"code":5}},' + text[1:]
    return text.encode()


def suspect(rng: random.Random, line: bytes) -> bytes:
    """The entry with one of its facts changed into what some rule is there for."""
    value = json.loads(line)
    payload = value["protoPayload"]
    match rng.randrange(7):
        case 0:
            payload.setdefault("requestMetadata", {})["callerSuppliedUserAgent"] = "cloudfox/1.0"
        case 1:
            payload["status"] = {"code": rng.choice((7, "7", 7.0, True))}
        case 2:
            payload["authenticationInfo"] = {"principalEmail": "eve@gmail.com"}
        case 3:
            asked = payload.get("request")
            asked = asked if isinstance(asked, dict) else {}
            payload["request"] = {**asked, "delegates": ["a@p.iam.gserviceaccount.com"] * 2}
        case 4:
            payload.setdefault("authenticationInfo", {})["serviceAccountDelegationInfo"] = [
                {"firstPartyPrincipal": {"principalEmail": "eve@gmail.com"}}
            ]
        case 5:
            value["severity"] = "ERROR"
            payload["status"] = {"message": "gone"}
        case _:
            payload["methodName"] = rng.choice(("SetIamPolicy", "GenerateAccessToken", "x.CreateServiceAccountKey"))
    return json.dumps(value).encode()


def said(verdict: Verdict | InputError) -> object:
    return str(verdict) if isinstance(verdict, InputError) else verdict


def test_what_is_remembered_never_hides_a_finding(corpus: Path) -> None:
    """With memory, all entries by one engine; without, each by itself from its own decode."""
    rng = random.Random(30)
    sound = [line.strip() for line in generate_entries(1500, seed=8, mix=BUSY)]
    sound += [line for line in corpus_lines(corpus) if b'"protoPayload": {' in line]
    lines = []
    for line in sound:
        damage = json.dumps(damaged(rng, json.loads(line))).encode("utf-8", "surrogatepass")
        lines += [line, disguised(rng, line), suspect(rng, line), damage, damaged_line(rng, line), line]
    lines = [line.replace(b"\n", b" ") for line in lines]
    readable = [line for line in lines if read_facts(line) is not None and line.endswith(b"}")]
    engine = Engine(CONTEXT, LOG_RULES)
    for some in (lines, readable):
        block = LogBlock.of_lines(b"\n".join(some))
        assert len(block) == len(some)
        spoken, again = ({told.line - 1: said(told.said) for told in engine.judge_blocks([block])} for _ in range(2))
        alone: dict[int, object] = {}
        for place, line in enumerate(some):
            try:
                verdict = engine.judge_entry(decode(line))
            except InputError as error:
                alone[place] = str(error)
                continue
            if verdict:
                alone[place] = verdict
        assert spoken == again == alone
        assert len(spoken) > len(sound) // 10


@pytest.mark.parametrize(
    "text",
    [
        b"%s\n\n%s",
        b"%s%s\n\n",
        b"%s %s\n#\n",
        b'{"a":\n%s}\n%s%s',
        b"%s\r\n%s\r\n",
        b" %s\n%s \n",
        b'%s\n{"a":{}\n{}}\n%s%s',
        b"\n%s\n%s",
    ],
)
def test_lines_are_told_apart_where_objects_do_not_keep_to_them(text: bytes) -> None:
    """A reader of many lines at once takes any white space between objects; an entry is one line all the same."""
    sound = list(generate_entries(3, seed=3, mix=BUSY))
    text %= tuple(line.strip() for line in sound[: text.count(b"%s")])
    block = LogBlock.of_lines(text)
    lines = text.removesuffix(b"\n").split(b"\n")
    assert [block.line(place) for place in range(len(block))] == lines
    for place, line in enumerate(lines):
        try:
            expected = decode(line)
        except InputError:
            with pytest.raises(InputError):
                block.entry(place)
        else:
            assert block.entry(place).insert_id == expected.insert_id


def test_the_same_entry_in_other_bytes_is_judged_the_same() -> None:
    rng = random.Random(31)
    engine = Engine(CONTEXT, LOG_RULES)
    for line in generate_entries(1500, seed=9, mix=BUSY):
        verdict = engine.judge_line(line)
        assert engine.judge_line(disguised(rng, line)) == verdict
        assert engine.judge_entry(from_dict(json.loads(line))) == verdict  # read by the tolerant decode


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
