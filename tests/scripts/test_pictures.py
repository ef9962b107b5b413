"""The pictures of README and docs: they are called stale when what they show is so no longer, and only then."""

from __future__ import annotations

import json
import re
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

from bindwatch.cli.page.render import render
from sample_reports import report, row

ROOT = Path(__file__).parents[2]
_loader = SourceFileLoader("pictures", str(ROOT / "scripts/pictures"))
pictures = module_from_spec(spec_from_loader(_loader.name, _loader))  # type: ignore[arg-type]
_loader.exec_module(pictures)


def page(**of_the_last: str) -> str:
    rows = [row(number, rule_id=pictures.BROKEN if number == 1 else "other") for number in range(5)]
    rows[4] |= of_the_last
    return render(report(rows))


def test_what_is_not_shown_does_not_make_a_picture_stale() -> None:
    assert pictures.sum_of(page()) == pictures.sum_of(page(explanation="Said in other words."))


def test_what_is_shown_does() -> None:
    assert pictures.sum_of(page()) != pictures.sum_of(page(title="Somebody else"))
    assert pictures.sum_of(page()) != pictures.sum_of(page().replace("--ground:", "--ground: red;"))
    unfolded = page().replace("Whatever works through this grant", "Whatever leans on it")
    assert pictures.sum_of(page()) != pictures.sum_of(unfolded)


def test_every_picture_is_there_and_is_shown() -> None:
    shown = set()
    for text in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for found in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text.read_text("utf-8")):
            assert (text.parent / found).is_file(), (text.name, found)
            shown.add((text.parent / found).name)
    there = {path.name for path in pictures.TARGET.iterdir()} - {"report.json"}
    assert shown == there
    assert json.loads(pictures.SUMS.read_text()).keys() == {name for name in there if name.endswith(".png")}
    assert "http" not in pictures.TARGET.joinpath("console.svg").read_text("utf-8").replace("http://www.w3.org", "")
