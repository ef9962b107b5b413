"""Each cause in each style: the broken twin gives that cause and a fix that works, the healthy one gives nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bindwatch.diagnosis.apply import apply
from bindwatch.diagnosis.causes import CAUSES
from bindwatch.diagnosis.chain import Diagnosis, diagnose
from bindwatch.diagnosis.select import cases
from diagnosis.twins import TWINS, Twin
from diagnosis.world import World, healthy

PAIRS = [pytest.param(twin, style, id=f"{twin.id}-{style}") for twin in TWINS for style in twin.styles]


def verdict(world: World) -> Diagnosis:
    return diagnose(world.case())


def ids(diagnosis: Diagnosis) -> list[str]:
    return [blame.cause.id for blame in (diagnosis.root, *diagnosis.others) if blame is not None]


@pytest.mark.parametrize(("twin", "style"), PAIRS)
def test_healthy_twin_has_no_finding(twin: Twin, style: str) -> None:
    world = healthy(style).twin(twin.prepare)
    assert ids(verdict(world)) == []


@pytest.mark.parametrize(("twin", "style"), PAIRS)
def test_broken_twin_has_exactly_that_root(twin: Twin, style: str) -> None:
    world = healthy(style).twin(twin.prepare, twin.break_it)
    diagnosis = verdict(world)
    assert ids(diagnosis)[:1] == [twin.cause]
    assert diagnosis.root is not None
    assert diagnosis.root.evidence


@pytest.mark.parametrize(("twin", "style"), PAIRS)
def test_fix_makes_it_healthy(twin: Twin, style: str) -> None:
    world = healthy(style).twin(twin.prepare, twin.break_it)
    inputs = world.inputs()
    root = diagnose(world.case(inputs)).root
    assert root is not None
    fix = root.found.fix
    if twin.outside:
        assert fix.outside
        return
    assert not fix.outside
    assert fix.changes
    after = apply(inputs.inventory, fix.changes, inputs.as_of)
    assert after.outside == ()
    mended = replace(inputs, inventory=after.inventory, as_of=after.as_of)
    (case,) = cases(mended, world.question)
    assert ids(diagnose(case)) == []


def test_every_cause_has_a_twin() -> None:
    assert {twin.cause for twin in TWINS} == {cause.id for cause in CAUSES}


def test_every_cause_is_listed_once_with_its_row() -> None:
    assert [cause.id for cause in CAUSES] == list(dict.fromkeys(cause.id for cause in CAUSES))
    rows = [cause.row for cause in CAUSES if cause.row.startswith("F")]
    assert sorted(int(row[1:]) for row in rows) == list(range(1, 49))
