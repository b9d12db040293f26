"""The candidates as a chart: points by stage, the front, the budget, and the networks of the result table."""

import math
from collections.abc import Sequence
from typing import Any

from nasjax.report.front import View, archive_measures, is_outlier, thin
from nasjax.report.marks import Mark, budget_limits, marks
from nasjax.report.measures import Measure, inline, is_cost
from nasjax.report.palette import Palette
from nasjax.report.run import Run
from nasjax.report.spec import Spec, coloured, fact_of, hover, measured
from nasjax.report.system import measure
from nasjax.report.units import count
from nasjax.report.values import Real, text

DATA = "candidates"
_HEIGHT = 400
_POINTS = "points"
_STAGE_SHAPES = ("circle", "square", "triangle-up", "diamond")
_STAR = "M0,.5L.6,.8L.5,.1L1,-.3L.3,-.4L0,-1L-.3,-.4L-1,-.3L-.5,.1L-.6,.8L0,.5Z"
_RING = "M1,0A1,1,0,1,1,-1,0A1,1,0,1,1,1,0ZM.7,0A.7,.7,0,1,0,-.7,0A.7,.7,0,1,0,.7,0Z"
_MARK_SHAPES = {"found": _STAR, "seen": _RING, "finalist": "cross", "rival": "diamond", "reference": "triangle-down"}
_ONCE: Spec = {"data": {"values": [{}]}}


def front_chart(run: Run, view: View, colours: Palette) -> Spec:
    """Return a view as a chart over the dataset `candidates` (see `front_data`)."""
    known = marks(run, view)
    placed = [mark for mark in known if mark.x is not None]
    place = _axes(run, view, known)
    shown = _facts(run, view)
    ring = {"type": "point", "filled": False, "size": 220, "strokeWidth": 2.5, "color": colours.series[0]}
    ids = {id(row): i for i, row in enumerate(run.candidates)}
    opacity = {"condition": {"test": "datum.kept", "value": 0.6}, "value": 0.18}
    points = {"type": "point", "filled": True, "size": 38, "aria": False}
    others = [{"field": "what", "title": "stage"}, {"field": "generation"}, {"field": "arch", "title": "network"}]
    kinds = _kinds(run, placed, colours)
    pointer, discs = hover(_POINTS, place | {"color": kinds["color"]}, [*map(fact_of, shown), *others])
    return {
        "description": f"{len(view.candidates)} candidates: {inline(view.y)} against {inline(view.x)}",
        "height": _HEIGHT,
        "data": {"name": DATA},
        "params": [{"name": "picked", "value": -1}, pointer],
        "layer": [
            *_budget(place["x"], budget_limits(run).get(view.x.name), colours),
            *(_level(mark, place["y"], colours) for mark in known if mark.x is None),
            front_line(view, place, colours.ink),
            {"mark": points, "encoding": place | kinds | {"opacity": opacity}},
            {"transform": [{"filter": "datum.id === picked"}], "mark": ring | {"aria": False}, "encoding": place},
            *([_marked(view, place, placed)] if placed else []),
            discs,
        ],
        "usermeta": {
            "front": [ids[id(row)] for row in view.front],
            "facts": [fact_of(each) | {"name": each.name} for each in shown],
        },
    }


def front_data(run: Run, drawn: Sequence[View]) -> list[dict[str, Any]]:
    """Return the rows that the charts of these views draw: as many candidates as a page can hold, fronts whole.

    Members of a front come last: of points that lie upon one another, they are on top.
    """
    fronts = [row for view in drawn for row in view.front]
    members = {id(row) for row in fronts}
    known = sum(archive_measures(run), [])
    ids = {id(row): i for i, row in enumerate(run.candidates)}
    return [
        {
            "id": ids[id(row)],
            "what": text(row.get("stage")) or DATA,
            "generation": row.get("generation"),
            "kept": row.get("feasible", True),
            "arch": row.get("arch"),
            **{name: row.get(name) for name in known},
        }
        for row in sorted(thin(run.candidates, fronts), key=lambda row: id(row) in members)
    ]


def front_line(view: View, place: Spec, colour: str) -> Spec:
    """Return the steps of the front of a view, with a dot where a candidate is on it."""
    rows = [{name: row[name] for name in (view.x.name, view.y.name)} for row in view.front]
    dots = {"filled": True, "color": colour, "size": 90, "opacity": 1}
    steps = "step-before" if view.x.better == "higher" else "step-after"
    line = {"type": "line", "interpolate": steps, "color": colour, "strokeWidth": 1.5, "point": dots, "tooltip": None}
    return {"data": {"values": rows}, "mark": line, "encoding": place}


def _axes(run: Run, view: View, known: Sequence[Mark]) -> Spec:
    x, y = view.x.name, view.y.name
    across = [row[x] for row in view.candidates] + [mark.x for mark in known if mark.x is not None]
    bound = budget_limits(run).get(x)
    across += [bound] if bound is not None and bound <= 3 * max(across) else []
    # Outliers may lie on the edge, or they would flatten the rest; what a reader looks for may not.
    far = is_outlier(view)
    up = [row[y] for row in view.candidates if not far(row[y])]
    up += [row[y] for row in view.front] + [mark.y for mark in known]
    log = is_cost(x) and min(across) > 0
    return {"x": measured(view.x, _scale(across, log=log)), "y": measured(view.y, _scale(up, log=False))}


def _scale(values: Sequence[Real], *, log: bool) -> Spec:
    low, high = (limit(math.log(v) if log else v for v in values) for limit in (min, max))
    margin = (high - low) * 0.05 or abs(high) * 0.05 or 0.5
    ends = [math.exp(end) if log else end for end in (low - margin, high + margin)]
    return {"type": "log" if log else "linear", "domain": ends, "nice": False, "clamp": True}


def _budget(x: Spec, bound: float | None, colours: Palette) -> list[Spec]:
    low, high = x["scale"]["domain"]
    if bound is None or not low < bound < high:
        return []
    at = _at(x, bound)
    bend = math.log if x["scale"]["type"] == "log" else float
    crowded = (bend(high) - bend(bound)) < 0.3 * (bend(high) - bend(low))
    words = {
        "type": "text",
        "text": f"budget {count(bound, short=True)}",
        "y": "height",
        "dy": -8,
        "color": colours.bad,
    }
    side = {"align": "right", "dx": -6} if crowded else {"align": "left", "dx": 6}
    beyond = {"type": "rect", "color": colours.bad, "opacity": 0.05}
    return [
        _ONCE | {"mark": beyond, "encoding": {"x": at, "x2": {"datum": high}}},
        _ONCE | {"mark": {"type": "rule", "color": colours.bad}, "encoding": {"x": at}},
        _ONCE | {"mark": words | side, "encoding": {"x": at}},
    ]


def _level(mark: Mark, y: Spec, colours: Palette) -> Spec:
    rule = {"type": "rule", "color": colours.soft, "strokeDash": [5, 4]}
    words = {
        "type": "text",
        "text": mark.name,
        "align": "right",
        "dx": -4,
        "dy": -7,
        "x": "width",
        "color": colours.soft,
    }
    return _ONCE | {"layer": [{"mark": rule}, {"mark": words}], "encoding": {"y": _at(y, mark.y)}}


def _at(channel: Spec, value: Real) -> Spec:
    """Return one place on an axis."""
    return {key: entry for key, entry in channel.items() if key != "field"} | {"datum": value}


def _kinds(run: Run, placed: Sequence[Mark], colours: Palette) -> Spec:
    """Return colour and shape: stages differ by both, for those who cannot tell the colours apart."""
    drawn = {text(row.get("stage")) or DATA for row in run.candidates}
    stages = [(i, name) for i, name in enumerate((*run.stage_names, DATA)) if name in drawn]
    shades = [colours.series[i % len(colours.series)] for i, _ in stages] + [colours.ink] * len(placed)
    shapes = [_STAGE_SHAPES[i % len(_STAGE_SHAPES)] for i, _ in stages]
    shapes += [_MARK_SHAPES[mark.role] for mark in placed]
    colour = coloured("what", [*(name for _, name in stages), *(mark.name for mark in placed)], shades)
    return {"color": colour, "shape": colour | {"scale": colour["scale"] | {"range": shapes}}}


def _marked(view: View, place: Spec, placed: Sequence[Mark]) -> Spec:
    rows = [{"what": mark.name, view.x.name: mark.x, view.y.name: mark.y} for mark in placed]
    kind = {name: {"field": "what", "type": "nominal"} for name in ("color", "shape")}
    mark = {"type": "point", "filled": True, "size": 190, "opacity": 1}
    return {"data": {"values": rows}, "mark": mark, "encoding": place | kind}


def _facts(run: Run, view: View) -> list[Measure]:
    """Return what is said of a candidate: its figures, those of the axes first."""
    known = dict.fromkeys([view.y.name, view.x.name, *sum(archive_measures(run), [])])
    return [measure(run.system, name) for name in known]
