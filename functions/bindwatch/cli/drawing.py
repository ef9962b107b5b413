"""Chains of hops as a drawing: DOT for Graphviz, SVG for a browser."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bindwatch.access.graph import Hop
from bindwatch.cli.terminal import printable
from bindwatch.errors import ConfigError
from bindwatch.model.resource import display

_BOX_WIDTH: Final = 340
_BOX_HEIGHT: Final = 44
_GAP_ACROSS: Final = 300
_GAP_DOWN: Final = 56
_MARGIN: Final = 20
_CHARACTERS: Final = 46


@dataclass(frozen=True, slots=True)
class Step:
    """One arrow: from one identity (or holder) to another (or to a resource), and what is written on it."""

    source: str
    target: str
    label: str
    detail: str = ""
    others: int = 0
    """How many more ways there are between the two."""

    @property
    def head(self) -> str:
        """The first line on the arrow."""
        return f"{self.label}, and {self.others} more" if self.others else self.label


@dataclass(slots=True)
class Drawing:
    """What is to be drawn: the arrows, each once, and the node all of it is about."""

    about: str
    steps: dict[tuple[str, str], Step] = field(default_factory=dict)

    def add(self, hops: Iterable[Hop]) -> None:
        """Draw the hops of a chain."""
        for hop in hops:
            roles = " + ".join(dict.fromkeys(grant.role for grant in hop.grants))
            detail = f"{hop.path.id}: {hop.path.why}"
            self.arrow(hop.source, hop.target, f"{roles} on {display(hop.resource)}", detail)

    def arrow(self, source: str, target: str, label: str, detail: str = "") -> None:
        """Draw one arrow; of several between the same two the first is written out."""
        drawn = self.steps.get((source, target))
        if drawn is None:
            self.steps[source, target] = Step(source, target, label, detail)
        elif drawn.label != label:
            self.steps[source, target] = replace(drawn, others=drawn.others + 1)

    def dot(self) -> str:
        """The drawing in the language of Graphviz (`dot -Tsvg`)."""
        lines = ["digraph bindwatch {", "  rankdir=LR;", '  node [shape=box, fontname="sans-serif"];']
        lines.append(f"  {_quoted(self.about)} [style=bold];")
        for step in self.steps.values():
            label = f"{step.head}\n{step.detail}" if step.detail else step.head
            lines.append(f"  {_quoted(step.source)} -> {_quoted(step.target)} [label={_quoted(label)}];")
        return "\n".join([*lines, "}"]) + "\n"

    def svg(self) -> str:
        """The drawing as an SVG document: one column for each hop, left to right."""
        draw = _drawsvg()
        places = self._places()
        columns = max((column for column, _ in places.values()), default=0) + 1
        rows = max((row for _, row in places.values()), default=0) + 1
        width = 2 * _MARGIN + columns * _BOX_WIDTH + (columns - 1) * _GAP_ACROSS
        picture = draw.Drawing(width, 2 * _MARGIN + rows * (_BOX_HEIGHT + _GAP_DOWN), font_family="sans-serif")
        picture.append(draw.Rectangle(0, 0, "100%", "100%", fill="white"))
        tip = draw.Marker(-0.1, -0.5, 1.0, 0.5, scale=9, orient="auto")
        tip.append(draw.Lines(-0.1, -0.5, -0.1, 0.5, 1.0, 0, fill="#555", close=True))
        for step in self.steps.values():
            self._arrow(draw, picture, tip, step, places)
        for name, (column, row) in places.items():
            left, top = _corner(column, row)
            weight = 2.5 if name == self.about else 1
            box = draw.Rectangle(
                left, top, _BOX_WIDTH, _BOX_HEIGHT, rx=6, fill="#eef3fb", stroke="#33517e", stroke_width=weight
            )
            box.append_title(printable(name))
            picture.append(box)
            middle = left + _BOX_WIDTH / 2, top + _BOX_HEIGHT / 2
            picture.append(draw.Text(_short(name), 12, *middle, text_anchor="middle", dominant_baseline="middle"))
        return str(picture.as_svg()) + "\n"

    def _arrow(self, draw: Any, picture: Any, tip: Any, step: Step, places: dict[str, tuple[int, int]]) -> None:
        left, top = _corner(*places[step.source])
        right, bottom = _corner(*places[step.target])
        ahead = places[step.target][0] > places[step.source][0]
        start = left + (_BOX_WIDTH if ahead else _BOX_WIDTH / 2), top + (_BOX_HEIGHT / 2 if ahead else _BOX_HEIGHT)
        end = right - 10 if ahead else right + _BOX_WIDTH / 2, bottom + (_BOX_HEIGHT / 2 if ahead else _BOX_HEIGHT + 10)
        line = draw.Line(*start, *end, stroke="#555", stroke_width=1.3, marker_end=tip)
        line.append_title(printable(f"{step.head} {step.detail}"))
        picture.append(line)
        middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
        picture.append(draw.Text(_short(step.head), 11, middle[0], middle[1] - 6, text_anchor="middle", fill="#333"))
        if step.detail:
            picture.append(
                draw.Text(_short(step.detail), 10, middle[0], middle[1] + 12, text_anchor="middle", fill="#777")
            )

    def _places(self) -> dict[str, tuple[int, int]]:
        """The column and row of each node: after all that lead to it, as far as there are no circles."""
        nodes = list(dict.fromkeys(name for step in self.steps.values() for name in (step.source, step.target)))
        if self.about not in nodes:
            nodes.insert(0, self.about)
        columns = _columns(nodes, list(self.steps.values()))
        filled: dict[int, int] = {}
        places = {}
        for name in nodes:
            column = columns[name]
            places[name] = (column, filled.get(column, 0))
            filled[column] = filled.get(column, 0) + 1
        return places


def _columns(nodes: Sequence[str], steps: Sequence[Step]) -> dict[str, int]:
    """How many steps lead to each node at least; where only a circle leads to one, it starts a chain of its own."""
    entered = {step.target for step in steps if step.source != step.target}
    columns = {name: 0 for name in nodes if name not in entered}
    _grow(columns, steps)
    for name in nodes:
        if name not in columns:
            columns[name] = 0
            _grow(columns, steps)
    return columns


def _grow(columns: dict[str, int], steps: Sequence[Step]) -> None:
    while todo := [step for step in steps if step.source in columns and step.target not in columns]:
        for step in todo:
            columns.setdefault(step.target, columns[step.source] + 1)


def _corner(column: int, row: int) -> tuple[float, float]:
    return _MARGIN + column * (_BOX_WIDTH + _GAP_ACROSS), _MARGIN + row * (_BOX_HEIGHT + _GAP_DOWN)


def _short(text: str) -> str:
    shown = printable(text)
    return shown if len(shown) <= _CHARACTERS else f"{shown[: _CHARACTERS // 2]}…{shown[-_CHARACTERS // 2 + 1 :]}"


def _quoted(text: str) -> str:
    """A quoted identifier of DOT: only the quote and the backslash mean anything in it."""
    lines = (printable(line).replace("\\", "\\\\").replace('"', '\\"') for line in text.split("\n"))
    return '"' + "\\n".join(lines) + '"'


def _drawsvg() -> Any:
    try:
        import drawsvg
    except ImportError as error:
        raise ConfigError(["--format svg needs the package drawsvg: pip install 'bindwatch[cli]'"]) from error
    return drawsvg
