"""An evaluator of the part of the Logging query language that the sink filter is written in.

Semantics: https://cloud.google.com/logging/docs/view/logging-query-language. `=` and `:` do not regard case, `=~` does;
NOT binds tightest, and AND and OR are never mixed without parentheses here (it refuses to guess).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

Test = Callable[[Mapping[str, Any]], bool]
_TOKEN = re.compile(r'\s*("(?:\\.|[^"\\])*"|=~|!~|!=|[()=:]|[^\s()=:"!]+)')


def _tokens(text: str) -> Iterator[str]:
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"cannot read {text[at : at + 20]!r}")
        yield match[1]
        at = match.end()


def compile_filter(text: str) -> Test:
    """The filter as a predicate over LogEntry objects. Raises ValueError for what it does not know."""
    tokens = list(_tokens(text))
    position = 0

    def peek() -> str:
        return tokens[position] if position < len(tokens) else ""

    def take(expected: str = "") -> str:
        nonlocal position
        token = peek()
        if not token or (expected and token != expected):
            raise ValueError(f"expected {expected or 'more'}, found {token or 'the end'} at {position}")
        position += 1
        return token

    def expression() -> Test:
        parts, joint = [negated()], ""
        while peek() in ("AND", "OR"):
            word = take()
            if joint and word != joint:
                raise ValueError("AND and OR mixed without parentheses")
            joint = word
            parts.append(negated())
        if joint == "OR":
            return lambda entry: any(part(entry) for part in parts)
        return lambda entry: all(part(entry) for part in parts)

    def negated() -> Test:
        if peek() == "NOT":
            take()
            inner = negated()
            return lambda entry: not inner(entry)
        if peek() == "(":
            take()
            inner = expression()
            take(")")
            return inner
        return comparison()

    def comparison() -> Test:
        field = take()
        if field == "log_id":
            take("(")
            wanted = _unquoted(take())
            take(")")
            return lambda entry: unquote(str(entry.get("logName", "")).partition("/logs/")[2]) == wanted
        operator = take()
        values = []
        if peek() == "(":
            take()
            values.append(_unquoted(take()))
            while peek() == "OR":
                take()
                values.append(_unquoted(take()))
            take(")")
        else:
            values.append(_unquoted(take()))
        return lambda entry: any(_holds(found, operator, value) for found in _at(entry, field) for value in values)

    found = expression()
    if position != len(tokens):
        raise ValueError(f"more after the end: {tokens[position:]}")
    return found


def _unquoted(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1]) if token.startswith('"') else token


def _at(entry: Mapping[str, Any], field: str) -> list[str]:
    values: list[Any] = [entry]
    for name in field.split("."):
        values = [value.get(name) for value in values if isinstance(value, Mapping)]
        values = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return [str(value) for value in values if value is not None]


def _holds(found: str, operator: str, value: str) -> bool:
    if operator == "=":
        return found.lower() == value.lower()
    if operator == ":":
        return value.lower() in found.lower()
    if operator == "=~":
        return re.search(value, found) is not None
    raise ValueError(f"unknown operator {operator}")
