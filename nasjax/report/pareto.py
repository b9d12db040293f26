"""The section on quality against cost: plot, legend, tooltip data and the front as a table."""

import json
from collections.abc import Sequence

from nasjax.report.candidates import Candidate, budget_limits, pareto_front, read_candidates, thin
from nasjax.report.figures import archive_columns
from nasjax.report.html import Column, Html, escape, join, note, table, tag
from nasjax.report.markers import mark_shape, marker
from nasjax.report.marks import comparison, found_candidate, reference_marks, score_text
from nasjax.report.measures import better_is_higher, measure
from nasjax.report.phases import swatch
from nasjax.report.run import STYLE_SUM, Run
from nasjax.report.scatter import NARROW, WIDE, Plot, fence, is_outlier, scatter
from nasjax.report.units import count, exact
from nasjax.report.values import text

_MOST_ROWS = 40
_MARKS = ("found", "tuned", "handmade", "everything")


def pareto_section(run: Run) -> Html:
    """Return plot and table of the candidates; empty until one candidate has a score and a cost."""
    candidates = read_candidates(run)
    costs = [name for name in _costs_first(run) if any(name in c.costs for c in candidates)]
    plots = [_plot(run, candidates, name) for name in costs]
    if not plots:
        return Html("")
    shown = thin(candidates, [c for plot in plots for c in plot.front])
    drawn = [
        scatter(plot, size, f"{css} {plot.cost}")
        for plot in plots
        for size, css in ((WIDE, "wide"), (NARROW, "narrow"))
    ]
    tip = tag("div", {"class": "tip", "hidden": True, "role": "status"})
    data = tag("script", {"type": "application/json", "id": "candidates"}, _json(shown, plots))
    head = tag("div", {"class": "plothead"}, _legend(plots[0]), _switch(plots))
    figure = tag("figure", {"class": "pareto", "id": "plot", "data-cost": plots[0].cost}, head, *drawn, tip, data)
    return join([figure, _words(run, candidates, len(shown), plots[0]), _front_table(run, candidates, plots[0])])


def _costs_first(run: Run) -> tuple[str, ...]:
    """Of a style run, nearly all parameters are the encoder's, which every candidate has: its MACs tell more."""
    scores = archive_columns(run)[1]
    return ("macs", "params") if scores and scores[0] == STYLE_SUM else ("params", "macs")


def _plot(run: Run, candidates: Sequence[Candidate], cost: str) -> Plot:
    score = archive_columns(run)[1][0]
    higher = better_is_higher(run.results, score)
    front = pareto_front(candidates, cost, higher=higher)
    shown = [c for c in thin(candidates, front) if cost in c.costs]
    stages = list(dict.fromkeys([*run.stage_names, *(c.stage for c in candidates)]))
    marks = reference_marks(run, candidates, cost)
    limit = fence([c.score for c in candidates], higher=higher)
    return Plot(cost, score, shown, front, marks, budget_limits(run).get(cost), stages, higher, limit)


def _json(shown: Sequence[Candidate], plots: Sequence[Plot]) -> Html:
    fronts = {plot.cost: {id(c) for c in plot.front} for plot in plots}
    rows = [
        {
            "x": {cost: c.costs[cost] for cost in fronts if cost in c.costs},
            "y": c.score,
            "arch": c.arch,
            "front": [cost for cost, members in fronts.items() if id(c) in members],
            "facts": _facts(plots[0].score, c),
        }
        for c in shown
    ]
    # Inside a script element nothing is unescaped, so "</script>" must not appear at all.
    written = json.dumps(rows, separators=(",", ":"))
    return Html(written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _facts(score: str, candidate: Candidate) -> list[list[str]]:
    costs = [[measure(name).label, count(value, measure(name).unit)] for name, value in candidate.costs.items()]
    stage = candidate.stage + (f", generation {candidate.generation}" if candidate.generation else "")
    value = f"{score_text(score, candidate.score)} {measure(score).unit}".strip()
    kept = [] if candidate.feasible else [["Budget", "exceeded"]]
    return [[measure(score).label, value], *costs, ["Stage", stage], *kept]


def _switch(plots: Sequence[Plot]) -> Html:
    if len(plots) < 2:
        return Html("")
    buttons = [
        tag(
            "button",
            {"type": "button", "data-show": plot.cost, "aria-pressed": "false" if i else "true"},
            measure(plot.cost).label,
        )
        for i, plot in enumerate(plots)
    ]
    return tag("div", {"class": "switch script", "role": "group", "aria-label": "horizontal axis"}, *buttons)


def _legend(plot: Plot) -> Html:
    drawn = {c.stage for c in plot.candidates}
    numbered = [(i, name) for i, name in enumerate(plot.stages) if name in drawn]
    stages = [_legend_entry(_point_sign(i), name or "candidates") for i, name in numbered]
    marks = sorted((mark for mark in plot.marks if mark.cost is not None), key=lambda mark: _MARKS.index(mark.kind))
    entries = [_legend_entry(_mark_sign(mark.kind), mark.name) for mark in marks]
    return tag("div", {"class": "legend"}, *stages, _legend_entry(swatch("line"), "front"), *entries)


def _legend_entry(sign: Html, words: str) -> Html:
    return tag("span", None, sign, escape(words))


def _point_sign(index: int) -> Html:
    return _sign(14, tag("path", {"class": f"cloud c{index % 8}", "d": marker(index, 7, 7)}))


def _mark_sign(kind: str) -> Html:
    return _sign(18, mark_shape(kind, 9, 9))


def _sign(size: int, shape: Html) -> Html:
    return tag("svg", {"viewBox": f"0 0 {size} {size}", "width": size, "height": size, "aria-hidden": "true"}, shape)


def _words(run: Run, candidates: Sequence[Candidate], num_shown: int, plot: Plot) -> Html:
    over = sum(not c.feasible for c in candidates)
    far = sum(is_outlier(plot, c) for c in plot.candidates)
    patches = text(run.results.get("search_protocol"))
    on = f" on {patches}" if patches else ""
    parts = [
        f"{exact(len(candidates))} candidates, scored with the shared weights of the supernet{on}.",
        f"{exact(num_shown)} of them are drawn; archive.csv has all." if num_shown < len(candidates) else "",
        "" if plot.higher else "Smaller is better.",
        f"{exact(over)} exceed the budget and are drawn faint." if over else "",
        f"{exact(far)} with far worse scores lie on the edge of the plot." if far else "",
        "Scores of different stages stem from differently trained weights." if len(plot.stages) > 1 else "",
        comparison(run, candidates, plot.marks),
        tag("span", {"class": "script"}, "Point at a candidate or tap it to see its network; click to copy it."),
    ]
    return note(join(parts, " "))


def _front_table(run: Run, candidates: Sequence[Candidate], plot: Plot) -> Html:
    front = plot.front
    if not front:
        return Html("")
    costs, scores = archive_columns(run)
    quantities = [Column(measure(name).label, True) for name in [scores[0], *costs]]
    found = found_candidate(run, candidates)
    rows = [_front_row(c, scores[0], costs, found) for c in front[:_MOST_ROWS]]
    most = f", the cheapest {_MOST_ROWS} shown" if len(front) > _MOST_ROWS else ""
    summary = tag(
        "summary", None, f"The front as a table ({len(front)} {'network' if len(front) == 1 else 'networks'}{most})"
    )
    return tag("details", None, summary, table("archs", [Column("Stage"), *quantities, Column("Network")], rows))


def _front_row(candidate: Candidate, score: str, costs: Sequence[str], found: Candidate | None) -> list[object]:
    prices = [count(candidate.costs.get(name), measure(name).unit) for name in costs]
    is_found = found is not None and candidate.arch == found.arch
    stage = join([candidate.stage, tag("b", None, "found") if is_found else ""], ", ")
    return [stage, score_text(score, candidate.score), *prices, tag("code", None, candidate.arch)]
