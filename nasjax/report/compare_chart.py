"""The fronts of several runs in one chart, and where each run's found network lies."""

from collections.abc import Sequence
from typing import Any

from nasjax.report.front import View, archive_measures, view_of
from nasjax.report.front_chart import front_line
from nasjax.report.marks import found_candidate
from nasjax.report.measures import Measure, is_cost
from nasjax.report.palette import Palette
from nasjax.report.run import Run, labels
from nasjax.report.spec import Spec, coloured, fact_of, measured

_HEIGHT = 380


def compare_chart(runs: Sequence[Run], axes: tuple[str, str] | None, colours: Palette) -> Spec:
    """Return the fronts of runs over two measures `axes` (x, y), else the first run's cost and what decides there.

    Raises ValueError for fewer than two runs, and naming a run whose archive does not have both measures.
    """
    if len(runs) < 2:
        raise ValueError(f"compare takes at least two runs, got {len(runs)}")
    x, y = axes or _axes(runs[0])
    looks = [_look(run, x, y) for run in runs]
    place = {"x": _channel(looks[0].x, looks), "y": _channel(looks[0].y, looks)}
    tooltip = [{"field": "run"}, *map(fact_of, (looks[0].x, looks[0].y))]
    tooltip += [{"field": "arch", "title": "network"}]
    fronts = [_row(look, name, row) for look, name in zip(looks, labels(runs), strict=True) for row in look.front]
    found = zip(looks, labels(runs), map(found_candidate, runs), strict=True)
    stars = [_row(look, name, row) for look, name, row in found if any(row is each for each in look.candidates)]
    star = {"type": "point", "filled": True, "shape": "diamond", "size": 240, "opacity": 1, "stroke": colours.ink}
    lines = [
        front_line(look, place, colours.series[i % len(colours.series)]) | {"encoding": place}
        for i, look in enumerate(looks)
    ]
    colour = {"color": coloured("run", labels(runs), colours.series), "tooltip": tooltip}
    dots = {"type": "point", "filled": True, "size": 90, "opacity": 1}
    return {
        "description": f"Fronts of {', '.join(labels(runs))}: {y} against {x}",
        "height": _HEIGHT,
        "layer": [
            *lines,
            {"data": {"values": fronts}, "mark": dots, "encoding": place | colour},
            {"data": {"values": stars}, "mark": star, "encoding": place | colour},
        ],
    }


def _axes(run: Run) -> tuple[str, str]:
    scores, costs = archive_measures(run)
    if not scores or not costs:
        raise ValueError(f"{run.folder} has no candidates with a score and a cost")
    wanted = [name for name in run.system.objectives if name in costs]
    return (wanted or costs)[0], scores[0]


def _look(run: Run, x: str, y: str) -> View:
    look = view_of(run, x, y)
    if not look.candidates:
        known = ", ".join(sum(archive_measures(run), [])) or "no figures"
        raise ValueError(f"{run.folder} has no candidate with both {x!r} and {y!r}; it has: {known}")
    return look


def _channel(shown: Measure, looks: Sequence[View]) -> Spec:
    log = is_cost(shown.name) and all(row[shown.name] > 0 for look in looks for row in look.candidates)
    return measured(shown, {"type": "log", "nice": False} if log else {"zero": False, "nice": False})


def _row(look: View, name: str, row: Any) -> dict[str, Any]:
    return {"run": name, look.x.name: row[look.x.name], look.y.name: row[look.y.name], "arch": row.get("arch")}
