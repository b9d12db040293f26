"""The found architecture as a diagram: a column of blocks, long edges as arcs, costs beside each block."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nasjax.report.layout import Arc, Layout, arrange
from nasjax.report.measures import inline
from nasjax.report.run import Run
from nasjax.report.system import measure, stated_at
from nasjax.report.units import count
from nasjax.report.values import Real, number, text

_MOST_NODES = 200
_BOX = (244, 42)
_ROW = 62
_LANE = 13
_TOP = 34
_BAR = 150
_COLUMN = _BAR + 66
_KINDS = ("input", "layer", "block", "off", "merge", "output")
_HEADS = {"down": "l-4 -7h8z", "right": "l-7 -4v8z", "left": "l7 -4v8z"}


class Edge(NamedTuple):
    """A line of class `kind` along `path`, with the path of its arrow head."""

    kind: str
    path: str
    head: str


class Box(NamedTuple):
    """A block: upper left corner, roundness, and what is written in it and shown on pointing."""

    kind: str
    x: float
    y: float
    round: float
    name: str
    detail: str
    full: str


class Bars(NamedTuple):
    """A cost: its heading at `x`, and of each block that has it (y of its middle, width, what is written)."""

    heading: str
    x: float
    bars: Sequence[tuple[float, float, str]]


class Diagram(NamedTuple):
    """A drawing of `size` (width, height): edges, boxes, costs, and what it shows in words."""

    size: tuple[float, float]
    box: tuple[int, int]
    edges: Sequence[Edge]
    boxes: Sequence[Box]
    costs: Sequence[Bars]
    words: str


def diagram_view(run: Run) -> Diagram | None:
    """Return the diagram of the found network; None until there is one that can be drawn."""
    layout = arrange(run.diagram)
    if not 0 < len(layout.nodes) <= _MOST_NODES:
        return None
    left = 26 + _LANE * (1 + max((arc.lane for arc in layout.left), default=-1))
    right = left + _BOX[0] + 26 + _LANE * (1 + max((arc.lane for arc in layout.right), default=-1))
    costs = [name for name in ("params", "macs") if any(number(node.get(name)) for node in layout.nodes)]
    edges = [
        *(_arc(arc, left, -1) for arc in layout.left),
        *(_arc(arc, left + _BOX[0], 1) for arc in layout.right),
        *(_straight(row, left) for row in layout.straight),
    ]
    return Diagram(
        (right + _COLUMN * len(costs), _TOP + _ROW * len(layout.nodes)),
        _BOX,
        edges,
        [_node(node, left, row) for row, node in enumerate(layout.nodes)],
        [_costs(run, layout, name, right + _COLUMN * i) for i, name in enumerate(costs)],
        ", ".join(text(node.get("label")) for node in layout.nodes),
    )


def _middle(row: int) -> float:
    return _TOP + _ROW * row + _BOX[1] / 2


def _straight(row: int, left: Real) -> Edge:
    x, start, end = left + _BOX[0] / 2, _middle(row) + _BOX[1] / 2, _middle(row + 1) - _BOX[1] / 2
    return Edge("main", f"M{_px(x)} {_px(start)}V{_px(end - 1)}", _head(x, end, "down"))


def _arc(arc: Arc, edge: Real, side: int) -> Edge:
    """Return a bracket from row to row beside the column; `side` is -1 for the left and 1 for the right of it."""
    lane, r = edge + side * (18 + _LANE * arc.lane), 9
    # Starting below the middle and ending above it keeps edges apart that end and begin at the same block.
    start, end = _middle(arc.start) + 7, _middle(arc.end) - 7
    turn = lane - side * r
    path = f"M{_px(edge)} {_px(start)}H{_px(turn)}Q{_px(lane)} {_px(start)} {_px(lane)} {_px(start + r)}V{_px(end - r)}"
    path += f"Q{_px(lane)} {_px(end)} {_px(turn)} {_px(end)}H{_px(edge + side)}"
    kind = arc.kind if arc.kind in {"long", "residual"} else "main"
    return Edge(kind, path, _head(edge, end, "right" if side < 0 else "left"))


def _head(x: Real, y: Real, direction: str) -> str:
    return f"M{_px(x)} {_px(y)}{_HEADS[direction]}"


def _node(node: Mapping[str, Any], left: Real, row: int) -> Box:
    kind, name, detail = (text(node.get(key)) for key in ("kind", "label", "detail"))
    round_ends = _BOX[1] / 2 if kind in {"input", "output", "merge"} else 8
    full = ": ".join(filter(None, (name, detail)))
    kind = kind if kind in _KINDS else "layer"
    return Box(kind, left, _TOP + _ROW * row, round_ends, _cut(name, 31), _cut(detail, 40), full)


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else words[: most - 1] + "…"


def _costs(run: Run, layout: Layout, name: str, x: Real) -> Bars:
    values = [number(node.get(name)) or 0.0 for node in layout.nodes]
    bars = [(_middle(row), max(1.5, _BAR * v / max(values)), count(v)) for row, v in enumerate(values) if v > 0]
    return Bars(inline(measure(run.system, name)) + stated_at(run.system, name), x, bars)


def _px(value: Real) -> str:
    return f"{value:.1f}".removesuffix(".0")
