"""Where the nodes and edges of a network diagram go: one column of nodes, bypassing edges in lanes beside it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from nasjax.report.values import records, text


class Arc(NamedTuple):
    """An edge past other nodes, between rows `start` and `end`, in a lane counted from the column outwards."""

    start: int
    end: int
    lane: int
    kind: str


class Layout(NamedTuple):
    """Nodes from top to bottom, the rows joined to the next one by a straight edge, and arcs on either side."""

    nodes: list[dict[str, Any]]
    straight: list[int]
    left: list[Arc]
    right: list[Arc]


def arrange(diagram: dict[str, Any]) -> Layout:
    """Return the layout of a diagram; edges to unknown nodes are left out, residual edges go to the right."""
    nodes = {text(node.get("id")): node for node in reversed(records(diagram.get("nodes"))) if text(node.get("id"))}
    edges = [edge for edge in _edges(diagram) if edge[0] in nodes and edge[1] in nodes and edge[0] != edge[1]]
    order = _topological(list(reversed(nodes)), edges)
    rows = {name: row for row, name in enumerate(order)}
    spans = [(min(rows[a], rows[b]), max(rows[a], rows[b]), kind) for a, b, kind in edges]
    past = [span for span in dict.fromkeys(spans) if span[1] - span[0] > 1 or span[2] == "residual"]
    straight = sorted({span[0] for span in spans if span not in past})
    left, right = ([span for span in past if (span[2] == "residual") is side] for side in (False, True))
    return Layout([nodes[name] for name in order], straight, in_lanes(left), in_lanes(right))


def in_lanes(spans: Sequence[tuple[int, int, str]]) -> list[Arc]:
    """Give each (start, end, kind) the innermost lane in which it meets no other: short edges first."""
    arcs: list[Arc] = []
    for start, end, kind in sorted(spans, key=lambda span: (span[1] - span[0], span[0])):
        # Edges that only touch at a node may share a lane: the one ends where the other begins.
        taken = {arc.lane for arc in arcs if arc.start < end and start < arc.end}
        # An edge must also lie outside of those that it encloses, or it would cross them.
        inside = [arc.lane + 1 for arc in arcs if start <= arc.start and arc.end <= end]
        lane = next(lane for lane in range(max(inside, default=0), len(arcs) + 1) if lane not in taken)
        arcs.append(Arc(start, end, lane, kind))
    return arcs


def _edges(diagram: dict[str, Any]) -> list[tuple[str, str, str]]:
    raw = diagram.get("edges")
    listed = [edge for edge in raw if isinstance(edge, list) and len(edge) >= 2] if isinstance(raw, list) else []
    return [(text(edge[0]), text(edge[1]), text(edge[2]) if len(edge) > 2 else "main") for edge in listed]


def _topological(names: list[str], edges: Sequence[tuple[str, str, str]]) -> list[str]:
    """Return names so that edges point downwards, in the given order where edges allow it (and where they cycle)."""
    order: list[str] = []
    waiting = list(names)
    while waiting:
        blocked = {end for start, end, _ in edges if start in waiting and end in waiting}
        ready = next((name for name in waiting if name not in blocked), waiting[0])
        order.append(ready)
        waiting.remove(ready)
    return order
