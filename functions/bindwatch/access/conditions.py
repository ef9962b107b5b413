"""IAM conditions, evaluated: true, false, or `None` where it cannot be told from here.

The expressions are CEL with the functions IAM adds (https://cloud.google.com/iam/docs/conditions-attribute-reference).
An attribute nobody supplied is unknown, and what depends on it is unknown too; `unknown || true` is still true. An
expression that cannot be parsed is unknown, and so never lowers a risk.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any

_LONGEST = 8192
# IAM offers no comprehensions; nested ones would let an expression run for as long as its author likes.
_COMPREHENSION = re.compile(r"\.\s*(?:all|exists|exists_one|existsOne|map|filter|transform\w*)\s*\(")
_OFFSET = re.compile(r"([+-])(\d\d):(\d\d)")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known about a request: `None` is unknown. `tags` are namespaced keys and short values."""

    time: datetime | None = None
    resource_name: str | None = None
    resource_type: str | None = None
    resource_service: str | None = None
    tags: tuple[tuple[str, str], ...] | None = None


@lru_cache(maxsize=65536)
def evaluate(expression: str, circumstances: Circumstances) -> bool | None:
    """Whether the condition holds in these circumstances; `None` where that cannot be told."""
    program = _compiled(expression)
    if program is None:
        return None
    known: dict[str, Any] = dict(_FUNCTIONS)
    request = {} if circumstances.time is None else {"time": circumstances.time}
    resource = {
        key: value
        for key, value in (
            ("name", circumstances.resource_name),
            ("type", circumstances.resource_type),
            ("service", circumstances.resource_service),
        )
        if value is not None
    }
    known |= {"request": request, "resource": resource}
    if circumstances.tags is not None:
        known |= _tag_functions(dict(circumstances.tags))
    try:
        answer = program.execute(known)
    except Exception:  # whatever a hostile expression makes the evaluator raise, the answer is: not known
        return None
    return answer if isinstance(answer, bool) else None


def refers_to_resource(expression: str) -> bool:
    """Whether the condition asks for the name, type, service or tags of the resource."""
    program = _compiled(expression)
    return program is None or "resource" in program.variables()


@lru_cache(maxsize=65536)
def narrows(expression: str, container_names: tuple[str, ...], time: datetime | None) -> bool:
    """Whether the condition surely leaves out the container itself and whatever in it is not named.

    Asked with a name nothing has and with every name of the container; only when each answer is false does the grant
    reach no more than the resources the condition names. Types and tags stay unknown: they leave many resources.
    """
    return all(
        evaluate(expression, Circumstances(time=time, resource_name=name)) is False
        for name in ("\N{REPLACEMENT CHARACTER}", *container_names)
    )


def ends_within(expression: str, now: datetime, span: timedelta) -> bool:
    """Whether the condition could hold now and surely no longer after the span, whatever the resource."""
    return (
        evaluate(expression, Circumstances(time=now)) is not False
        and evaluate(expression, Circumstances(time=now + span)) is False
    )


def is_over(expression: str, now: datetime) -> bool:
    """Whether the condition is surely false now, whatever the resource: the grant has no effect."""
    return evaluate(expression, Circumstances(time=now)) is False


@lru_cache(maxsize=65536)
def _compiled(expression: str) -> Any:
    if len(expression) > _LONGEST or _COMPREHENSION.search(expression):
        return None
    try:
        return _cel().compile(expression)
    except Exception:  # a parser's refusal, of whatever class
        return None


def compiled_program(expression: str) -> Any:
    """An expression of the user's own, ready to be executed with the standard functions of CEL.

    Raises what the parser raises.
    """
    return _cel().compile(expression)


@lru_cache(maxsize=1)
def _cel() -> Any:
    """The evaluator, imported when the first condition is met: most inputs of the command line have none.

    Its package imports its own command line with it, and that a whole terminal toolkit, which is ten times the rest;
    an empty module in its place keeps it out.
    """
    import logging
    import sys
    from types import ModuleType

    missing = "cel.cli" not in sys.modules
    if missing:
        sys.modules["cel.cli"] = ModuleType("cel.cli")
    try:
        import cel
    finally:
        if missing:
            del sys.modules["cel.cli"]

    log = logging.getLogger("cel")
    log.addHandler(logging.NullHandler())
    log.propagate = False
    return cel


def _zone(name: str) -> tzinfo:
    if offset := _OFFSET.fullmatch(name):
        span = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        return timezone(-span if offset[1] == "-" else span)
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)


def _part(read: Callable[[datetime], int]) -> Callable[..., int]:
    def part(time: datetime, zone: str = "UTC") -> int:
        return read(time.astimezone(_zone(zone)))

    return part


def _extract(text: str, template: str) -> str:
    """What stands in `text` where the template has its `{name}`; "" when the template does not occur."""
    before, opened, rest = template.partition("{")
    _, closed, after = rest.partition("}")
    if not (opened and closed):
        raise ValueError("a template has one {name}")
    start = text.find(before)
    if start < 0:
        return ""
    start += len(before)
    if not after:
        return text[start:]
    end = text.find(after, start)
    return "" if end < 0 else text[start:end]


def _tag_functions(tags: Mapping[str, str]) -> dict[str, Callable[..., bool]]:
    def has_key(_: object, key: str) -> bool:
        return key in tags

    def matches(_: object, key: str, value: str) -> bool:
        return tags.get(key) == value

    return {"hasTagKey": has_key, "matchTag": matches}


# Months, days of the month and days of the year count from 0, `getDate` from 1, and the week starts on Sunday with 0.
PARTS_OF_TIME: Mapping[str, Callable[..., int]] = {
    "getFullYear": _part(lambda time: time.year),
    "getMonth": _part(lambda time: time.month - 1),
    "getDate": _part(lambda time: time.day),
    "getDayOfMonth": _part(lambda time: time.day - 1),
    "getDayOfWeek": _part(lambda time: time.isoweekday() % 7),
    "getDayOfYear": _part(lambda time: time.timetuple().tm_yday - 1),
    "getHours": _part(lambda time: time.hour),
    "getMinutes": _part(lambda time: time.minute),
    "getSeconds": _part(lambda time: time.second),
    "getMilliseconds": _part(lambda time: time.microsecond // 1000),
}
"""The functions of CEL that read a part of a time, with the zone for which the evaluator itself has no argument."""

_FUNCTIONS: Mapping[str, Callable[..., Any]] = {**PARTS_OF_TIME, "extract": _extract}
