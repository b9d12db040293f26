"""The found architecture as a diagram: a column of blocks, long edges as arcs, costs beside each block."""

from typing import Any

from nasjax.report.figures import macs_at
from nasjax.report.html import Html, escape, join, note, scroller, tag
from nasjax.report.layout import Arc, Layout, arrange
from nasjax.report.run import Run
from nasjax.report.svg import label, px
from nasjax.report.units import count
from nasjax.report.values import Real, number, text

_MOST_NODES = 200
_BOX = (244, 42)
_ROW = 62
_LANE = 13
_TOP = 34
_BAR = 150
_COLUMN = _BAR + 66


def network_section(run: Run) -> Html:
    """Return the arch text and the diagram; empty until diagram.json has a node or the arch is known."""
    arch = text(run.results.get("arch"))
    line = tag("div", {"class": "code"}, tag("pre", None, tag("code", None, _breakable(arch)))) if arch else ""
    layout = arrange(run.diagram)
    if not layout.nodes or len(layout.nodes) > _MOST_NODES:
        return join([line])
    words = "Dashed blocks are switched off. Arcs are long edges; dotted ones carry a residual."
    return join([line, scroller(_diagram(layout, macs_at(run)), "diagram of the network"), note(words)])


def _breakable(arch: str) -> Html:
    """Let a long arch text break behind its commas, which leaves the text itself as it is."""
    return join(arch.split(","), Html(",<wbr>"))


def _diagram(layout: Layout, size: str) -> Html:
    words = {"params": "parameters", "macs": f"MACs at {size}" if size else "MACs"}
    left = 26 + _LANE * (1 + max((arc.lane for arc in layout.left), default=-1))
    right = left + _BOX[0] + 26 + _LANE * (1 + max((arc.lane for arc in layout.right), default=-1))
    costs = [name for name in ("params", "macs") if any(number(node.get(name)) for node in layout.nodes)]
    width, height = right + _COLUMN * len(costs), _TOP + _ROW * len(layout.nodes)
    names = ", ".join(text(node.get("label")) for node in layout.nodes)
    attributes = {"class": "diagram", "width": width, "height": height, "viewBox": f"0 0 {width} {height}"}
    parts = [
        *(_arc(arc, left, -1) for arc in layout.left),
        *(_arc(arc, left + _BOX[0], 1) for arc in layout.right),
        *(_straight(row, left) for row in layout.straight),
        *(_node(node, left, row) for row, node in enumerate(layout.nodes)),
        *(_costs(layout, name, words[name], right + _COLUMN * i) for i, name in enumerate(costs)),
    ]
    return tag("svg", {**attributes, "role": "img", "aria-label": f"Diagram, from top to bottom: {names}"}, *parts)


def _middle(row: int) -> float:
    return _TOP + _ROW * row + _BOX[1] / 2


def _straight(row: int, left: Real) -> Html:
    x, start, end = left + _BOX[0] / 2, _middle(row) + _BOX[1] / 2, _middle(row + 1) - _BOX[1] / 2
    return join([tag("path", {"class": "edge", "d": f"M{px(x)} {px(start)}V{px(end - 1)}"}), _head(x, end, "down")])


def _arc(arc: Arc, edge: Real, side: int) -> Html:
    """Return a bracket from row to row beside the column; `side` is -1 for the left and 1 for the right of it."""
    lane, r = edge + side * (18 + _LANE * arc.lane), 9
    # Starting below the middle and ending above it keeps edges apart that end and begin at the same block.
    start, end = _middle(arc.start) + 7, _middle(arc.end) - 7
    turn = lane - side * r
    path = f"M{px(edge)} {px(start)}H{px(turn)}Q{px(lane)} {px(start)} {px(lane)} {px(start + r)}V{px(end - r)}"
    path += f"Q{px(lane)} {px(end)} {px(turn)} {px(end)}H{px(edge + side)}"
    css = arc.kind if arc.kind in {"long", "residual"} else "main"
    return join(
        [tag("path", {"class": f"edge {css}", "d": path}), _head(edge, end, "right" if side < 0 else "left", css)]
    )


def _head(x: Real, y: Real, direction: str, css: str = "main") -> Html:
    shape = {"down": "l-4 -7h8z", "right": "l-7 -4v8z", "left": "l7 -4v8z"}[direction]
    return tag("path", {"class": f"head {css}", "d": f"M{px(x)} {px(y)}{shape}"})


def _node(node: dict[str, Any], left: Real, row: int) -> Html:
    kind, name, detail = (text(node.get(key)) for key in ("kind", "label", "detail"))
    kind = kind if kind in {"input", "layer", "block", "off", "merge", "output"} else "layer"
    y, middle = _TOP + _ROW * row, left + _BOX[0] / 2
    round_ends = _BOX[1] / 2 if kind in {"input", "output", "merge"} else 8
    box = {"x": px(left), "y": px(y), "width": _BOX[0], "height": _BOX[1], "rx": px(round_ends), "class": f"box {kind}"}
    title = tag("title", None, join([name, detail], ": "))
    first = label(middle, y + (18 if detail else 26), _cut(name, 31), anchor="middle", css="name")
    second = label(middle, y + 33, _cut(detail, 40), anchor="middle", css="detail") if detail else ""
    return tag("g", {"class": f"node {kind}"}, title, tag("rect", box), first, second)


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else words[: most - 1] + "…"


def _costs(layout: Layout, name: str, words: str, left: Real) -> Html:
    values = [number(node.get(name)) or 0.0 for node in layout.nodes]
    heading = label(left, _TOP - 14, words, css="axis")
    return join([heading, *(_bar(value, max(values), left, row) for row, value in enumerate(values) if value > 0)])


def _bar(value: Real, most: Real, left: Real, row: int) -> Html:
    width, y = max(1.5, _BAR * value / most), _middle(row)
    bar = tag("rect", {"class": "bar", "x": px(left), "y": px(y - 5), "width": px(width), "height": "10", "rx": "2"})
    return join([bar, label(left + width + 6, y + 4, escape(count(value)))])
