"""The Pareto plot as SVG: candidates by stage, the front, the budget and the reference networks."""

import json
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from nasjax.report.axes import Axis, Scale, fit, frame, place, tick_digits
from nasjax.report.candidates import Candidate
from nasjax.report.html import Html, join, tag
from nasjax.report.markers import Mark, mark_shape, marker
from nasjax.report.measures import measure
from nasjax.report.svg import label, px
from nasjax.report.units import count, fixed

NARROW = (340, 400)
WIDE = (1000, 470)
_LETTER = 7.5  # the widest a letter of a label is on average, in whatever font the reader has


class Plot(NamedTuple):
    """What one plot shows: candidates with a known `cost`, their front, marks, the bound on the cost, see `fence`."""

    cost: str
    score: str
    candidates: Sequence[Candidate]
    front: Sequence[Candidate]
    marks: Sequence[Mark]
    bound: float | None
    stages: Sequence[str]
    higher: bool
    fence: float


def scatter(plot: Plot, size: tuple[int, int], css: str) -> Html:
    """Return the plot as SVG of `size` (width, height); its scales are left in data-scale for the page's script."""
    x, y = _axes(plot, size)
    scale = json.dumps(
        {"x": [x.scale.low, x.scale.high, x.scale.start, x.scale.stop], "y": list(y.scale[:4]), "log": x.scale.log}
    )
    against = f"{measure(plot.score).label} against {measure(plot.cost).label}"
    name = f"Scatter plot of {len(plot.candidates)} candidates: {against}"
    attributes = {"viewBox": f"0 0 {size[0]} {size[1]}", "class": f"plot {css}", "role": "img", "aria-label": name}
    attributes |= {"data-scale": scale, "data-cost": plot.cost, "tabindex": "0"}
    layers = [
        frame(x, y),
        _budget(plot, x.scale, y.scale),
        _clouds(plot, x.scale, y.scale),
        _front(plot, x.scale, y.scale),
    ]
    cursor = tag("circle", {"class": "cursor", "r": "8", "visibility": "hidden"})
    return tag("svg", attributes, *layers, _marks(plot, x.scale, y.scale), cursor)


def is_outlier(plot: Plot, candidate: Candidate) -> bool:
    """Tell whether a score is worse than its quartile by more than 1.5 times the distance between the quartiles."""
    return candidate.score < plot.fence if plot.higher else candidate.score > plot.fence


def fence(scores: Sequence[float], *, higher: bool) -> float:
    """Return the score beyond which others are outliers on the bad side (Tukey's fence)."""
    if len(scores) < 4:
        return min(scores, default=0.0) if higher else max(scores, default=0.0)
    low, _, high = statistics.quantiles(scores, n=4)
    return low - 1.5 * (high - low) if higher else high + 1.5 * (high - low)


def _axes(plot: Plot, size: tuple[int, int]) -> tuple[Axis, Axis]:
    width, height = size
    costs = [c.costs[plot.cost] for c in plot.candidates] + [m.cost for m in plot.marks if m.cost is not None]
    if plot.bound is not None and costs and plot.bound <= 3 * max(costs):
        costs.append(plot.bound)
    x = fit(costs, 52, width - 12, log=True)
    y = fit(_worth_showing(plot), height - 46, 30, pad=0.06)
    shown, most = measure(plot.score), 6
    digits = tick_digits(y, most)
    x_axis = Axis(x, lambda v: count(v, short=True), f"{measure(plot.cost).label} (log scale)", max(4, width // 110))
    return x_axis, Axis(y, lambda v: fixed(v, digits), f"{shown.label}{f' ({shown.unit})' if shown.unit else ''}", most)


def _worth_showing(plot: Plot) -> list[float]:
    """Return the scores the plot must hold; outliers may lie on its edge, or they would flatten the rest."""
    held = [*(c.score for c in plot.front), *(m.score for m in plot.marks)]
    return [*held, *(c.score for c in plot.candidates if not is_outlier(plot, c))]


def _budget(plot: Plot, x: Scale, y: Scale) -> Html:
    if plot.bound is None or not x.low < plot.bound < x.high:
        return Html("")
    at = place(x, plot.bound)
    beyond = {"x": px(at), "y": px(y.stop), "width": px(x.stop - at), "height": px(y.start - y.stop), "class": "beyond"}
    name = f"budget {count(plot.bound, short=True)}"
    side = ("start", 6) if at + 6 + _LETTER * len(name) < x.stop else ("end", -6)
    words = label(at + side[1], y.stop + 12, name, anchor=side[0], css="budget")
    return join(
        [tag("rect", beyond), tag("path", {"d": f"M{px(at)} {px(y.stop)}V{px(y.start)}", "class": "budget"}), words]
    )


def _clouds(plot: Plot, x: Scale, y: Scale) -> Html:
    return join(_cloud(plot, x, y, index, stage) for index, stage in enumerate(plot.stages))


def _cloud(plot: Plot, x: Scale, y: Scale, index: int, stage: str) -> Html:
    members = [c for c in plot.candidates if c.stage == stage]
    kept = "".join(_point(plot, c, index, x, y) for c in members if c.feasible)
    over = "".join(_point(plot, c, index, x, y) for c in members if not c.feasible)
    colour = f"c{index % 8}"
    return join(
        [
            tag("path", {"class": f"cloud over {colour}", "d": over}),
            tag("path", {"class": f"cloud {colour}", "d": kept}),
        ]
    )


def _point(plot: Plot, candidate: Candidate, index: int, x: Scale, y: Scale) -> str:
    return marker(index, place(x, candidate.costs[plot.cost]), place(y, candidate.score))


def _front(plot: Plot, x: Scale, y: Scale) -> Html:
    at = [(place(x, c.costs[plot.cost]), place(y, c.score)) for c in plot.front]
    steps = "".join(f"H{px(cx)}V{px(cy)}" for cx, cy in at[1:])
    line = f"M{px(at[0][0])} {px(at[0][1])}{steps}" if at else ""
    dots = "".join(marker(_stage_index(plot, c), cx, cy) for c, (cx, cy) in zip(plot.front, at, strict=True))
    return join([tag("path", {"class": "front", "d": line}), tag("path", {"class": "members", "d": dots})])


def _stage_index(plot: Plot, candidate: Candidate) -> int:
    return list(plot.stages).index(candidate.stage) if candidate.stage in plot.stages else 0


def _marks(plot: Plot, x: Scale, y: Scale) -> Html:
    return join(_level(mark, x, y) if mark.cost is None else _spot(mark, x, y) for mark in plot.marks)


def _level(mark: Mark, x: Scale, y: Scale) -> Html:
    at = place(y, mark.score)
    line = tag("path", {"class": "level", "d": f"M{px(x.start)} {px(at)}H{px(x.stop)}"})
    return join([line, label(x.stop - 6, at - 6, mark.name, anchor="end", css="level")])


def _spot(mark: Mark, x: Scale, y: Scale) -> Html:
    shape = mark_shape(mark.kind, place(x, mark.cost or x.low), place(y, mark.score))
    return tag("g", None, tag("title", None, mark.name), shape)
