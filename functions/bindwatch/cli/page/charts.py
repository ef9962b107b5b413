"""The charts of the report: pygal draws them, the page's own style colors them, and each is a table too."""

import xml.etree.ElementTree as ElementTree
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import pygal
from pygal.style import Style

from bindwatch.cli.page.contents import CATEGORIES, SEVERITIES, Card, DayCount, Minter

_WIDTH: Final = 540
_WIDE: Final = 1130
_SVG: Final = "{http://www.w3.org/2000/svg}"
_LABEL: Final = 34
_MOST_COLUMNS: Final = 30
_AGES: Final = (("under a day", 1), ("1 to 7 days", 7), ("7 to 30 days", 30), ("30 to 90 days", 90))
_OLDEST: Final = "over 90 days"


@dataclass(frozen=True, slots=True)
class Series:
    """One colored part of every bar; `style` is the class that colors it."""

    name: str
    style: str
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: what it shows, the drawing, and the same as a table. A wide one takes a row of its own."""

    title: str
    note: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    svg: str
    is_wide: bool = False


def standing_over_time(history: Sequence[DayCount], until: datetime) -> Chart | None:
    """What was open at the end of each day (week, month, where it is long); None for a single day."""
    if len({count.day for count in history}) < 2:
        return None
    days = {count.day: count.counts for count in history}
    moments = _moments(min(days), until)
    counts: list[Mapping[str, int]] = []
    known: Mapping[str, int] = {}
    upcoming = iter(sorted(days))
    following = next(upcoming, None)
    for end in moments:
        while following is not None and following <= end:
            known = days[following]
            following = next(upcoming, None)
        counts.append(known)
    labels = tuple(f"{end:%d %b}".lstrip("0") for end in moments)
    return _stacked(
        "Open findings over time",
        f"at the end of each {_unit(min(days), until)}",
        labels,
        _by_severity([count.get(name, 0) for count in counts] for name in SEVERITIES),
        upright=True,
    )


def by_category_and_severity(cards: Sequence[Card]) -> Chart | None:
    """How many findings of each category, by severity."""
    found = Counter((card["category"], card["severity"]) for card in cards)
    present = [category for category in CATEGORIES if any(found[category, name] for name in SEVERITIES)]
    if not present:
        return None
    series = _by_severity([found[category, name] for category in present] for name in SEVERITIES)
    return _stacked("Open findings by category", "and severity", [CATEGORIES[one] for one in present], series)


def by_category_and_age(cards: Sequence[Card]) -> Chart | None:
    """How many findings of each category, by how long they have been open."""
    found = Counter((card["category"], _age_of(card["days"])) for card in cards)
    present = [category for category in CATEGORIES if any(card["category"] == category for card in cards)]
    if not present:
        return None
    names = [name for name, _ in _AGES] + [_OLDEST]
    series = [
        Series(name, f"age-{number}", tuple(found[category, name] for category in present))
        for number, name in enumerate(names)
    ]
    labels = [CATEGORIES[one] for one in present]
    return _stacked("Open findings by category and age", "how long they have been open", labels, series)


def minting(minters: Sequence[Minter]) -> Chart | None:
    """Who got tokens of service accounts, and who was refused."""
    if not minters:
        return None
    series = [
        Series("got", "minted", tuple(one.minted for one in minters)),
        Series("refused", "refused", tuple(one.refused for one in minters)),
    ]
    callers = Counter(one.caller for one in minters)
    labels = [f"{one.caller} ({one.how})" if callers[one.caller] > 1 else one.caller for one in minters]
    return _stacked("Tokens minted, by workload or person", "those who minted most", labels, series)


def _by_severity(values: Any) -> list[Series]:
    named = zip(SEVERITIES, values, strict=True)
    return [Series(name.capitalize(), f"severity-{name.lower()}", tuple(counts)) for name, counts in named]


def _age_of(days: int) -> str:
    return next((name for name, limit in _AGES if days < limit), _OLDEST)


def _unit(first: datetime, until: datetime) -> str:
    days = (until - first).days
    return "day" if days < _MOST_COLUMNS else "week" if days < 7 * _MOST_COLUMNS else "month"


def _moments(first: datetime, until: datetime) -> list[datetime]:
    """The ends of the days, weeks or months up to the present; the last is now."""
    step = timedelta(days={"day": 1, "week": 7, "month": 30.4}[_unit(first, until)])
    found = [until]
    while found[-1] - step >= first and len(found) < _MOST_COLUMNS:
        found.append(found[-1] - step)
    return found[::-1]


def _stacked(title: str, note: str, labels: Sequence[str], series: Sequence[Series], *, upright: bool = False) -> Chart:
    make: Callable[..., Any] = pygal.StackedBar if upright else pygal.HorizontalStackedBar
    series = [one for one in series if any(one.values)]
    chart = make(
        width=_WIDE if upright else _WIDTH,
        height=230 if upright else 60 + 34 * max(2, len(labels)),
        js=[],
        css=[],
        show_legend=False,
        margin=4,
        spacing=4,
        print_values=False,
        include_x_axis=True,
        formatter=_whole,
        style=Style(label_font_size=13, major_label_font_size=13),  # to reserve the room; the page's style draws
        max_scale=5,
        min_scale=2,
        x_labels_major_count=8 if upright else None,
        show_minor_x_labels=not upright or len(labels) <= 12,
        truncate_label=_LABEL,
    )
    ordered = labels if upright else labels[::-1]  # pygal counts rows from below
    chart.x_labels = [_short(label) for label in ordered]
    for one in series:
        values = one.values if upright else one.values[::-1]
        chart.add(one.name, [value or None for value in values])
    root = chart.render_tree()
    if hasattr(root, "getroot"):
        root = root.getroot()
    return Chart(title, note, tuple(labels), tuple(series), _bare(root, title, series), upright)


def _whole(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else ""


def _short(label: str) -> str:
    return label if len(label) <= _LABEL else f"{label[: _LABEL - 1]}…"


def _bare(root: ElementTree.Element, title: str, series: Sequence[Series]) -> str:
    """The drawing without scripts, styles and tooltips of its own: a strict policy would refuse them."""
    for parent in list(root.iter()):
        for child in list(parent):
            tag = child.tag if isinstance(child.tag, str) else ""  # a comment has none
            classes = set((child.get("class") or "").split())
            overlay = classes & {"overlay", "text-overlay", "tooltip-overlay", "titles", "legends"}
            if not tag or tag.removeprefix(_SVG) in ("defs", "title", "script", "style") or overlay:
                parent.remove(child)
    for bar in root.iter(f"{_SVG}g"):
        _tell(bar)
    for node in root.iter():
        for name in ("style", "id"):
            node.attrib.pop(name, None)
        classes_of = (node.get("class") or "").split()
        for number, one in enumerate(series):
            if f"serie-{number}" in classes_of:
                node.set("class", f"series {one.style}")
    root.set("role", "img")
    root.set("aria-label", f"Chart: {title}. The table below holds its numbers.")
    root.attrib.pop(f"{_SVG}xlink", None)
    ElementTree.register_namespace("", "http://www.w3.org/2000/svg")
    return ElementTree.tostring(root, encoding="unicode")


def _tell(bar: ElementTree.Element) -> None:
    """Give a bar its value as the title that browsers show; pygal keeps it for its own script."""
    told = {node.get("class"): node.text or "" for node in bar.findall(f"{_SVG}desc")}
    for node in bar.findall(f"{_SVG}desc"):
        bar.remove(node)
    if "value" in told:
        title = ElementTree.SubElement(bar, f"{_SVG}title")
        title.text = ": ".join(filter(None, (told.get("x_label"), told["value"])))


_Rows = list[tuple[str, tuple[int, ...]]]


def rows(chart: Chart) -> _Rows:
    """The table of a chart: a label, and its number in each series."""
    columns: defaultdict[int, list[int]] = defaultdict(list)
    for series in chart.series:
        for at, value in enumerate(series.values):
            columns[at].append(value)
    return [(label, tuple(columns[at])) for at, label in enumerate(chart.labels)]
