"""Drawings of who leads to whom: nothing lies on anything else, whatever the graph."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bindwatch.cli.drawing import Drawing, short_name

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*steps: tuple[str, str], about: str = "n0") -> ElementTree.Element:
    drawing = Drawing(about)
    for source, target in steps:
        drawing.arrow(source, target, f"roles/editor on project {source}", "because")
    return ElementTree.fromstring(drawing.svg())


def boxes(svg: ElementTree.Element) -> dict[str, tuple[float, float, float, float]]:
    found = {}
    for node in svg.iter(f"{SVG}rect"):
        if node.get("class") == "node":
            left, top, width, height = (float(node.get(name, "")) for name in ("x", "y", "width", "height"))
            found[node.findtext(f"{SVG}title", "")] = (left, top, left + width, top + height)
    return found


def column(svg: ElementTree.Element, name: str) -> float:
    return boxes(svg)[name][0]


def words(svg: ElementTree.Element, kind: str) -> list[tuple[float, float]]:
    return [
        (float(text.get("x", "")), float(text.get("y", "")))
        for text in svg.iter(f"{SVG}text")
        if text.get("class") == kind
    ]


@given(some.lists(some.tuples(some.integers(0, 9), some.integers(0, 9)), max_size=25))
def test_nothing_lies_on_anything_else(pairs: list[tuple[int, int]]) -> None:
    steps = {(f"n{one}", f"n{other}") for one, other in pairs if one != other}
    svg = drawn(*sorted(steps))
    found = boxes(svg)
    assert found.keys() == {"n0"} | {name for step in steps for name in step}
    assert len([path for path in svg.iter(f"{SVG}path") if path.get("class") == "edge"]) == len(steps)
    width, height = float(svg.get("width", "")), float(svg.get("height", ""))
    for left, top, right, bottom in found.values():
        assert left >= 0
        assert top >= 0
        assert right <= width
        assert bottom <= height
    for one, other in combinations(found.values(), 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def test_who_leads_to_it_is_on_the_left_and_whom_it_leads_to_on_the_right() -> None:
    svg = drawn(("a", "b"), ("b", "me"), ("a", "me"), ("me", "c"), ("c", "d"), about="me")
    places = [column(svg, name) for name in ("a", "b", "me", "c", "d")]
    assert places == sorted(set(places))


@pytest.mark.parametrize("turned", [False, True])
def test_every_arrow_of_a_fan_has_a_place_for_its_words(turned: bool) -> None:
    fan = [("n0", f"n{number}") for number in range(1, 13)]
    svg = drawn(*((target, source) if turned else (source, target) for source, target in fan))
    heads = words(svg, "head")
    assert len(heads) == 12
    for (one_x, one_y), (other_x, other_y) in combinations(heads, 2):
        assert one_x != other_x or abs(one_y - other_y) >= 24


@pytest.mark.parametrize(
    ("identity", "kind", "name"),
    [
        ("serviceAccount:ci@shop.iam.gserviceaccount.com", "service account", "ci@shop"),
        ("user:ada@example.com", "user", "ada@example.com"),
        ("serviceAccount:shop.svc.id.goog[pay/api]", "workload", "pay/api in shop"),
        ("//storage.googleapis.com/exports", "resource", "bucket exports"),
        ("allUsers", "", "allUsers"),
        ("user:\u202eada", "user", "\\u202eada"),
    ],
)
def test_names_in_short(identity: str, kind: str, name: str) -> None:
    assert short_name(identity) == (kind, name)


def test_long_words_are_cut_and_kept_whole_in_the_title() -> None:
    long = "user:" + "x" * 300 + "@example.com"
    svg = drawn((long, "n0"))
    assert long in boxes(svg)
    assert all(len(text.text or "") <= 45 for text in svg.iter(f"{SVG}text"))
    assert re.search("because", ElementTree.tostring(svg, encoding="unicode"))
