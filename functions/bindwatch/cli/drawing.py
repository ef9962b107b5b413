"""Chains of hops as a drawing: DOT for Graphviz, SVG for a browser."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bindwatch.access.graph import Hop
from bindwatch.cli.terminal import printable
from bindwatch.errors import ConfigError
from bindwatch.model.principal import PrincipalKind, parse_member
from bindwatch.model.resource import display

_BOX_WIDTH: Final = 214
_BOX_HEIGHT: Final = 44
_GAP_ACROSS: Final = 236
_GAP_DOWN: Final = 14
_MARGIN: Final = 14
_CURVE: Final = 44
_LANE: Final = 34
"""How much height an arrow and its two lines of words need."""
_TIP: Final = 8
_IN_BOX: Final = 34
_IN_LANE: Final = 35


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
        """The drawing as an SVG document: who leads to it on the left, whom it leads to on the right."""
        draw = _drawsvg()
        plan = _Plan(self)
        picture = draw.Drawing(plan.width, plan.height, font_family="sans-serif")
        picture.append(draw.Rectangle(0, 0, "100%", "100%", fill="white", class_="ground"))
        for step in self.steps.values():
            _draw_step(draw, picture, step, plan)
        for name, box in plan.boxes.items():
            weight = 2.5 if name == self.about else 1
            shape = draw.Rectangle(
                box.left, box.middle - box.height / 2, _BOX_WIDTH, box.height,
                rx=6, fill="#eef3fb", stroke="#33517e", stroke_width=weight, class_="node",
            )  # fmt: skip
            shape.append_title(printable(name))
            picture.append(shape)
            kind, short = short_name(name)
            middle = box.left + _BOX_WIDTH / 2
            centered = {"text_anchor": "middle", "dominant_baseline": "middle"}
            picture.append(draw.Text(kind, 10, middle, box.middle - 9, fill="#666", class_="detail", **centered))
            picture.append(draw.Text(_cut(short, _IN_BOX), 12, middle, box.middle + 7, **centered))
        return str(picture.as_svg()) + "\n"


def short_name(identity: str) -> tuple[str, str]:
    """What kind of thing an identity (or a resource) is, and its name without what the kind says already."""
    if identity.startswith("//"):
        return "resource", printable(display(identity))
    principal = parse_member(identity)
    match principal.kind:
        case PrincipalKind.SERVICE_ACCOUNT:
            kind, name = "service account", principal.email.removesuffix(".gserviceaccount.com").removesuffix(".iam")
        case PrincipalKind.WORKLOAD if principal.service_account:
            kind, name = (
                "workload",
                f"{principal.namespace}/{principal.service_account} in {principal.project or principal.pool}",
            )
        case PrincipalKind.FEDERATED_SET if principal.selector:
            kind, name = f"set of pool {principal.pool.rpartition('/')[2]}", principal.selector
        case PrincipalKind.FEDERATED if principal.subject:
            kind, name = f"from pool {principal.pool.rpartition('/')[2]}", principal.subject
        case _:
            kind, _, name = identity.partition(":")
            kind, name = (kind, name) if name else ("", identity)
    return printable(kind), printable(name)


@dataclass(frozen=True, slots=True)
class _Box:
    """Where a node is drawn."""

    left: float
    middle: float
    height: float

    @property
    def right(self) -> float:
        return self.left + _BOX_WIDTH


class _Plan:
    """Where everything goes: columns by how far a node is from what the drawing is about, rows without crossings
    where they can be had, and for each arrow the height at which its words have a lane of their own.
    """

    def __init__(self, drawing: Drawing) -> None:
        self.steps = list(drawing.steps.values())
        self._before: dict[str, list[str]] = {}
        self._after: dict[str, list[str]] = {}
        for step in self.steps:
            self._after.setdefault(step.source, []).append(step.target)
            self._before.setdefault(step.target, []).append(step.source)
        self._columns = self._in_columns(drawing.about)
        lanes = {name: self._lanes(name) for name in self._columns}
        heights = {name: max(_BOX_HEIGHT, max(lanes[name]) * _LANE + 8) for name in self._columns}
        ordered = self._in_order()
        tall = [sum(heights[name] + _GAP_DOWN for name in column) for column in ordered]
        self.width = 2 * _MARGIN + len(ordered) * (_BOX_WIDTH + _GAP_ACROSS) - _GAP_ACROSS
        self.height = 2 * _MARGIN + max(tall) - _GAP_DOWN
        self.boxes: dict[str, _Box] = {}
        for number, column in enumerate(ordered):
            top = (self.height - tall[number] + _GAP_DOWN) / 2
            for name in column:
                left = _MARGIN + number * (_BOX_WIDTH + _GAP_ACROSS)
                self.boxes[name] = _Box(left, top + heights[name] / 2, heights[name])
                top += heights[name] + _GAP_DOWN

    def is_ahead(self, step: Step) -> bool:
        """Whether an arrow goes to a column further right."""
        return self._columns[step.target] > self._columns[step.source]

    def has_lane_at_target(self, step: Step) -> bool:
        """Whether the words of an arrow stand before its target; else they stand behind its source."""
        return len(self._before[step.target]) == 1 or len(self._after[step.source]) > 1

    def height_at(self, name: str, step: Step) -> float:
        """The height at which an arrow meets a node: lanes of their own, or all in the middle."""
        at_target = name == step.target
        if self.has_lane_at_target(step) != at_target:
            return self.boxes[name].middle
        sharing = [
            one
            for one in self.steps
            if (one.target if at_target else one.source) == name and self.has_lane_at_target(one) == at_target
        ]
        return self.boxes[name].middle + (sharing.index(step) - (len(sharing) - 1) / 2) * _LANE

    def _lanes(self, name: str) -> tuple[int, int]:
        incoming = sum(one.target == name and self.has_lane_at_target(one) for one in self.steps)
        outgoing = sum(one.source == name and not self.has_lane_at_target(one) for one in self.steps)
        return incoming, outgoing

    def _in_columns(self, about: str) -> dict[str, int]:
        columns = {name: -depth for name, depth in _depths(about, self._before).items()}
        columns |= _depths(about, self._after)
        for name in (name for step in self.steps for name in (step.source, step.target)):
            columns.setdefault(name, min(columns.values()))
        first = min(columns.values())
        return {name: column - first for name, column in columns.items()}

    def _in_order(self) -> list[list[str]]:
        """The nodes of each column, each near those it is joined to."""
        ordered: list[list[str]] = [[] for _ in range(max(self._columns.values()) + 1)]
        for name, column in self._columns.items():
            ordered[column].append(name)
        for _ in range(4):
            places = {name: at / max(1, len(column)) for column in ordered for at, name in enumerate(column)}
            for names in ordered:
                names.sort(key=lambda name: self._pull(name, places))
        return ordered

    def _pull(self, name: str, places: dict[str, float]) -> float:
        joined = [places[other] for other in (*self._before.get(name, ()), *self._after.get(name, ()))]
        return sum(joined) / len(joined) if joined else places[name]


def _depths(start: str, following: dict[str, list[str]]) -> dict[str, int]:
    """The longest way to each node that can be reached, without going in circles."""
    done: list[str] = []
    entered: set[str] = set()
    kept: dict[str, list[str]] = {}
    way = [(start, iter(following.get(start, ())))]
    open_nodes = {start}
    entered.add(start)
    while way:
        node, rest = way[-1]
        target = next(rest, None)
        if target is None:
            way.pop()
            open_nodes.discard(node)
            done.append(node)
        elif target not in open_nodes:
            kept.setdefault(node, []).append(target)
            if target not in entered:
                entered.add(target)
                open_nodes.add(target)
                way.append((target, iter(following.get(target, ()))))
    depths = {start: 0}
    for node in reversed(done):
        for target in kept.get(node, ()):
            depths[target] = max(depths.get(target, 0), depths[node] + 1)
    return depths


def _draw_step(draw: Any, picture: Any, step: Step, plan: _Plan) -> None:
    source, target = plan.boxes[step.source], plan.boxes[step.target]
    begin, end = plan.height_at(step.source, step), plan.height_at(step.target, step)
    line = draw.Path(stroke="#555", stroke_width=1.3, fill="none", class_="edge")
    if plan.is_ahead(step):
        tip = target.left
        if plan.has_lane_at_target(step):
            bent = target.left - _GAP_ACROSS + _CURVE
            line.M(source.right, begin).C(source.right + _CURVE / 2, begin, bent - _CURVE / 2, end, bent, end)
            line.L(tip - _TIP, end)
            left, middle = bent, end
        else:
            bent = source.right + _GAP_ACROSS - _CURVE
            line.M(source.right, begin).L(tip - _CURVE, begin)
            line.C(tip - _CURVE / 2, begin, tip - _CURVE / 2, end, tip - _TIP, end)
            left, middle = source.right + 8, begin
    else:  # back, or within a column: around the left
        tip = target.left
        out = min(source.left, target.left) - _MARGIN
        line.M(source.left, begin).C(out, begin, out, end, tip - _TIP, end)
        left, middle = out + 4, (begin + end) / 2
    line.append_title(printable(f"{step.head}. {step.detail}" if step.detail else step.head))
    picture.append(line)
    picture.append(
        draw.Lines(
            tip - _TIP, end - 4, tip - _TIP, end + 4, tip, end, close=True, fill="#555", class_="tip"
        )
    )  # fmt: skip
    halo = {"stroke": "white", "stroke_width": 3, "paint_order": "stroke", "stroke_linejoin": "round"}
    picture.append(
        draw.Text(
            _begun(step.head.replace("roles/", ""), _IN_LANE),
            10.5,
            left,
            middle - 5,
            fill="#222",
            class_="head",
            **halo,
        )
    )
    if step.detail:
        detail = _begun(step.detail, _IN_LANE + 5)
        picture.append(draw.Text(detail, 9.5, left, middle + 12, fill="#666", class_="detail", **halo))


def _cut(text: str, longest: int) -> str:
    shown = printable(text)
    return shown if len(shown) <= longest else f"{shown[: longest // 2]}…{shown[-longest // 2 + 1 :]}"


def _begun(text: str, longest: int) -> str:
    shown = printable(text)
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


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
