"""The charts of the report as objects of Vega-Altair, for notebooks: `nasjax.plots.front("runs/quickstart")`.

Each takes a run as `nasjax.load_run` returns it, or the path of its folder, and returns a chart that can be changed and
saved as Altair's can. They need the extra `plots`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasjax.report import Run, load_run
from nasjax.report.compare_chart import compare_chart
from nasjax.report.curves import curve_chart, curves_view
from nasjax.report.fairness import fairness_chart, fairness_view
from nasjax.report.front import archive_measures, view_of, views
from nasjax.report.front_chart import DATA, front_chart, front_data
from nasjax.report.ledger import ledger_chart, read_ledger
from nasjax.report.palette import DAYLIGHT
from nasjax.report.spec import Spec

if TYPE_CHECKING:
    import altair

_WIDE, _NARROW = 640, 300
_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"


def front(run: Run | str | Path, x: str | None = None, y: str | None = None) -> "altair.LayerChart":
    """Draw the candidates of a run with their front, budget and the networks of the result table, by two measures.

    Without `x` or `y` it is the first cost of the search and what decides. Raises ValueError, naming those that there
    are, for a measure that the archive does not have.
    """
    run = _run(run)
    looks = views(run)
    if not looks:
        raise ValueError(f"{run.folder} has no candidates with a score and a cost to draw")
    view = view_of(run, x or looks[0].x.name, y or looks[0].y.name)
    if not view.candidates:
        known = ", ".join(sum(archive_measures(run), []))
        raise ValueError(
            f"{run.folder} has no candidate with both {view.x.name!r} and {view.y.name!r}; it has: {known}"
        )
    spec = front_chart(run, view, DAYLIGHT) | {"width": _WIDE, "datasets": {DATA: front_data(run, [view])}}
    return _chart(_altair().LayerChart, spec)


def curves(run: Run | str | Path, columns: int = 2) -> "altair.ConcatChart":
    """Draw every quantity that was logged, one small chart each; raises ValueError where nothing was logged twice."""
    run = _run(run)
    charts = [
        {"title": curve.title, "width": _NARROW, **curve_chart(run, curve, DAYLIGHT, layer=f"points_{i}")}
        for i, curve in enumerate(curves_view(run))
    ]
    if not charts:
        raise ValueError(f"{run.folder} has no metrics to draw")
    pointers = [pointer for chart in charts for pointer in chart.pop("params")]
    colours = {"scale": {"color": "independent"}}
    spec = {"concat": charts, "columns": columns, "resolve": colours, "params": pointers}
    return _chart(_altair().ConcatChart, spec)


def ledger(run: Run | str | Path) -> "altair.Chart":
    """Draw where the time of a run went; raises ValueError where its ledger is empty."""
    run = _run(run)
    if not (entries := read_ledger(run)):
        raise ValueError(f"{run.folder} has no phase with a time")
    return _chart(_altair().Chart, ledger_chart(entries, DAYLIGHT) | {"width": _WIDE})


def fairness(run: Run | str | Path) -> "altair.VConcatChart":
    """Draw how often each option was trained, a chart a stage; raises ValueError where nothing was counted."""
    run = _run(run)
    stages = [stage for stage in fairness_view(run) if stage.counts]
    if not stages:
        raise ValueError(f"{run.folder} has no counts of trained options")
    charts = [{"title": stage.title, "width": _WIDE, **fairness_chart(stage, DAYLIGHT)} for stage in stages]
    return _chart(_altair().VConcatChart, {"vconcat": charts})


def compare(*runs: Run | str | Path, axes: tuple[str, str] | None = None) -> "altair.LayerChart":
    """Draw the fronts of several runs in one chart, by the two measures `axes` (x, y), else as `front` chooses them.

    Raises ValueError for fewer than two runs, or when one of them lacks a measure.
    """
    return _chart(_altair().LayerChart, compare_chart([_run(run) for run in runs], axes, DAYLIGHT) | {"width": _WIDE})


def _run(run: Run | str | Path) -> Run:
    return run if isinstance(run, Run) else load_run(run)


def _altair() -> Any:
    try:
        import altair
    except ImportError as error:
        raise ImportError("charts as objects need the extra: pip install 'nasjax[plots]'") from error
    return altair


def _chart(kind: Any, spec: Spec) -> Any:
    # Altair checks a chart against its schema when it is shown; here it would try one kind of chart after another.
    return kind.from_dict({"$schema": _SCHEMA, **spec}, validate=False)
