"""How two conditions compare by their texts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bindwatch.rules.condition_text import expiry_of, is_narrowed, is_widened

A, B = "resource.name.startsWith('a')", "request.time < timestamp('2027-01-01T00:00:00Z')"


@pytest.mark.parametrize(
    ("old", "new"),
    [(f"{A} && {B}", A), (f"({A}) &&\n {B}", B), (A, f"{A} || true"), (A, f"{B} || ({A})"), (f"{A} && {A}x", f"{A}x")],
)
def test_it_asks_for_less(old: str, new: str) -> None:
    assert is_widened(old, new)
    assert not is_widened(new, old)
    assert not is_narrowed(old, new)


@pytest.mark.parametrize(
    ("old", "new"), [(A, A), (A, f" ( {A} ) "), (A, f"{A} && {B}"), (A, B), (f"{A} || {B}", A), (A, f"!({A}) || {B}")]
)
def test_it_asks_for_as_much_or_for_something_else(old: str, new: str) -> None:
    assert not is_widened(old, new)


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        (B, 2027),
        (f'{A} && request.time<=timestamp("2031-05-01T00:00:00.000Z")', 2031),
        (f"{B} && request.time < timestamp('2026-01-01T00:00:00Z')", 2026),
        (f"{A} || {B}", None),
        ("request.time > timestamp('2027-01-01T00:00:00Z')", None),
        ("request.time < timestamp('soon')", None),
        (A, None),
    ],
)
def test_when_it_stops_to_hold(text: str, ends: int | None) -> None:
    assert expiry_of(text) == (datetime(ends, 5 if ends == 2031 else 1, 1, tzinfo=UTC) if ends else None)
