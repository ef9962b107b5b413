"""The same twins in the layouts other people write, and with a part of the input left out: nothing is made up."""

from __future__ import annotations

from pathlib import Path

import pytest

from bindwatch.diagnosis.chain import Diagnosis, diagnose
from bindwatch.diagnosis.outcome import Clear
from bindwatch.diagnosis.select import cases
from diagnosis.layouts import LAYOUTS, read
from diagnosis.twins import TWINS, Twin
from diagnosis.world import World, healthy

MANY = "too-many-ksas"
# What a layout leaves out: the cause must then be among those that were not checked.
LEFT_OUT = {
    ("of-namespace", "ksa-not-found"): "one account alone is no list, so another may exist",
    ("bundle", "identity-sameness"): "the objects of two clusters lie in one list",
}


def ids(diagnosis: Diagnosis) -> list[str]:
    return [blame.cause.id for blame in (diagnosis.root, *diagnosis.others) if blame is not None]


def judged(world: World, layout: str, where: Path) -> Diagnosis:
    (case,) = cases(read(world, LAYOUTS[layout], where), world.question)
    return diagnose(case)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("twin", [twin for twin in TWINS if twin.cause != MANY], ids=lambda twin: twin.id)
def test_a_twin_is_decided_in_every_layout(twin: Twin, layout: str, tmp_path: Path) -> None:
    for style in twin.styles:
        well = judged(healthy(style).twin(twin.prepare), layout, tmp_path / style / "healthy")
        assert ids(well) == []
        broken = judged(healthy(style).twin(twin.prepare, twin.break_it), layout, tmp_path / style / "broken")
        if (layout, twin.cause) in LEFT_OUT:
            assert twin.cause in [item.cause.id for item in broken.not_checked]
        else:
            assert ids(broken)[:1] == [twin.cause]


# A log that says that a call was refused stands, whatever of the inventory is there to explain it.
REFUSALS_STAND = frozenset({"delegate-missing-token-creator", "direct-grant-missing", "target-role-missing"})
# Nothing of the input tells any more that the workload has an account, a grant or an earlier account.
NO_TRACE_LEFT = frozenset(
    {
        ("iam-policy.json", "gsa-deleted"),
        ("iam-policy.json", "propagation-delay"),
        ("iam-policy.json", "identity-sameness"),
    }
)


PARTS = sorted({path.rpartition("/")[2] for path in healthy().files})


@pytest.mark.parametrize("part", PARTS)
def test_what_is_left_out_is_neither_blamed_nor_passed(part: str) -> None:
    for twin in TWINS:
        if twin.cause == MANY:
            continue
        well = without(healthy(twin.styles[0]).twin(twin.prepare), part)
        assert set(ids(well)) <= REFUSALS_STAND, twin.id
        broken = without(healthy(twin.styles[0]).twin(twin.prepare, twin.break_it), part)
        outcome = next(outcome for cause, outcome in broken.outcomes if cause.id == twin.cause)
        passed = isinstance(outcome, Clear) and not outcome.vacuous
        assert not passed or (part, twin.cause) in NO_TRACE_LEFT, (twin.id, outcome)


def without(world: World, part: str) -> Diagnosis:
    for path in [path for path in world.files if path.endswith(f"/{part}")]:
        del world[path]
    return diagnose(world.case())
