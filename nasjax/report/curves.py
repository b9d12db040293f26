"""Training and search over time: loss and scores by step, best score and hypervolume by generation."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nasjax.report.measures import Measure, inline, is_cost
from nasjax.report.palette import Palette
from nasjax.report.phases import head_label, phase_label
from nasjax.report.run import Run
from nasjax.report.spec import Spec, coloured, fact, hover, quantity
from nasjax.report.system import measure
from nasjax.report.tables import Cell, Column, Table
from nasjax.report.values import number, text

_MOST_POINTS = 240
_PROGRESS = {"time", "step", "steps", "steps_per_s", "eta_s", "generation", "evaluated", "front", "best"}
_NOT_CURVES = frozenset({*_PROGRESS, "phase", "lr", "grad_norm"})
_CHAINED = ("supernet", "search")  # one after the other, stage by stage
_ALONE, _BEST = "alone", "best"
_ORDER = ("supernet", "confirm", _ALONE, "search")
_HEIGHT = 190

Points = list[tuple[float, float]]


class Line(NamedTuple):
    """One phase's values of one quantity, at steps or generations."""

    label: str
    points: Points


class Curve(NamedTuple):
    """One chart: a quantity over the phases of one group; `noisy` values are those of single batches."""

    title: str
    shown: Measure
    across: str
    lines: Sequence[Line]
    noisy: bool


def curves_view(run: Run) -> list[Curve]:
    """Return one chart a quantity and group of phases; none until a metric was logged twice."""
    series = _series(run)
    kinds = dict.fromkeys((_group(phase), name) for phase, name in series)
    order = sorted(kinds, key=lambda kind: (_ORDER.index(kind[0]), not _is_noisy(kind[1])))
    return [curve for kind in order if (curve := _curve(run, series, *kind)) is not None]


def warnings_view(run: Run) -> list[str]:
    """Return what trainings were warned of while they ran, as "phase: warning", each once."""
    told = ((text(row.get("phase")), row.get("warning")) for row in run.readings)
    return list(dict.fromkeys(f"{phase_label(phase)}: {said}" for phase, said in told if isinstance(said, str)))


def curve_chart(run: Run, curve: Curve, colours: Palette, *, layer: str = "points") -> Spec:
    """Return a curve as a chart; of noisy values thin lines and, thick, their running mean over an eighth of the line.

    `layer` names its points: charts that become parts of one need names of their own.
    """
    every = [y for line in curve.lines for _, y in line.points]
    log = min(every) > 0 and max(every) > 8 * min(every)
    scale = {"type": "log", "nice": False} if log else {"zero": False, "nice": False}
    x = quantity("x", curve.across, {"nice": False}, format=".3~s")
    raw, mean = (quantity(name, curve.shown.unit or None, scale, format=".3~g") for name in ("y", "mean"))
    lines = [line.label for line in curve.lines]
    colour = coloured("line", lines, _colours(run, curve, colours), keyed=len(lines) > 1)
    tooltip = [{"field": "line", "title": "phase"}, fact("x", curve.across, ",.0f")]
    pointer, discs = hover(layer, {"y": raw}, [*tooltip, fact("y", curve.shown.label, ".4~g")])
    reach = max(len(line.points) for line in curve.lines) // 16 if curve.noisy else 0
    smooth = {"window": [{"op": "mean", "field": "y", "as": "mean"}], "groupby": ["line"], "frame": [-reach, reach]}
    rows = [{"line": line.label, "x": _short(a), "y": _short(b)} for line in curve.lines for a, b in line.points]
    return {
        "description": f"{curve.title}: " + "; ".join(f"{line.label} ends at {_written(line)}" for line in curve.lines),
        "height": _HEIGHT,
        "params": [pointer],
        "data": {"values": rows},
        "transform": [smooth],
        "encoding": {"x": x, "color": colour},
        "layer": [
            {"mark": {"type": "line", "strokeWidth": 1, "opacity": 0.35}, "encoding": {"y": raw}},
            {"mark": {"type": "line", "strokeWidth": 2}, "encoding": {"y": mean}},
            discs,
        ][0 if curve.noisy else 1 :],
    }


def curves_table(curves: Sequence[Curve]) -> Table:
    """Return where each line begins and ends, for those who do not see the charts."""
    head = [Column("Quantity"), Column("Phase"), Column("Points", True), Column("First", True), Column("Last", True)]
    rows = [
        [
            Cell(each)
            for each in (curve.title, line.label, str(len(line.points)), _write(line.points[0][1]), _written(line))
        ]
        for curve in curves
        for line in curve.lines
    ]
    return Table("curves", head, rows)


def thin_line(points: Sequence[tuple[float, float]], most: int = _MOST_POINTS) -> Points:
    """Return at most `most` points, each the mean of a run of neighbours; the last value ends the line unaveraged."""
    if len(points) <= most:
        return list(points)
    size = -(-len(points) // (most - 1))
    bins = [points[i : i + size] for i in range(0, len(points), size)]
    return [*(_mean(part) for part in bins), points[-1]]


def _series(run: Run) -> dict[tuple[str, str], Points]:
    """Return the points of each (phase, quantity), in order of first mention."""
    found: dict[tuple[str, str], Points] = {}
    for row in run.readings:
        if (at := _position(row)) is None:
            continue
        for key, value in _figures(row).items():
            points = found.setdefault((text(row.get("phase")), key), [])
            # A phase that was interrupted goes back to its last checkpoint: what was logged beyond counts no more.
            while points and points[-1][0] >= at:
                points.pop()
            points.append((at, value))
    return found | _best(run)


def _best(run: Run) -> dict[tuple[str, str], Points]:
    """Return what decides of the best feasible candidate so far, generation by generation of each stage."""
    found: dict[tuple[str, str], Points] = {}
    if (decides := run.decides) is None:
        return found
    better = max if decides.better == "higher" else min
    for row in run.candidates:
        value, generation = number(row.get(decides.name)), number(row.get("generation"))
        if value is None or generation is None or not row.get("feasible", True):
            continue
        points = found.setdefault((f"search/{row.get('stage')}", _BEST), [])
        best = better(points[-1][1], value) if points else value
        if points and points[-1][0] >= generation + 1:
            points[-1] = (points[-1][0], best)
        else:
            points.append((generation + 1, best))
    return found


def _position(row: Mapping[str, Any]) -> float | None:
    generation = number(row.get("generation"))
    return generation if generation is not None else number(row.get("step"))


def _figures(row: Mapping[str, Any]) -> dict[str, float]:
    kept = {key: number(raw) for key, raw in row.items() if key not in _NOT_CURVES and not is_cost(key)}
    return {key: value for key, value in kept.items() if value is not None}


def _group(phase: str) -> str:
    """Phases that are stages of one thing share a chart, confirmations another, all other networks a third."""
    head, slash, _ = phase.partition("/")
    return head if slash and head in (*_CHAINED, "confirm") else _ALONE


def _curve(run: Run, series: Mapping[tuple[str, str], Points], group: str, name: str) -> Curve | None:
    found = {phase: points for (phase, key), points in series.items() if _group(phase) == group and key == name}
    lines = [Line(_label(p, group), thin_line(sorted(points))) for p, points in found.items() if len(points) > 1]
    if not lines:
        return None
    if name == "hypervolume":
        lines = [_relative(line) for line in lines]
    lines = _chained(lines) if group in _CHAINED else lines
    shown = _measure(run, name)
    title = f"{'Single networks' if group == _ALONE else head_label(group)}: {inline(shown)}"
    return Curve(
        title, shown, "generation" if group == "search" else "step", lines, _is_noisy(name) and group != "search"
    )


def _is_noisy(name: str) -> bool:
    """A loss as it is logged is that of one batch."""
    return name.startswith("loss")


def _measure(run: Run, name: str) -> Measure:
    if name == "hypervolume":
        return Measure(name, "hypervolume (last = 1)", digits=4)
    if name == _BEST and run.decides is not None:
        return run.decides._replace(label=f"best {inline(run.decides)}")
    return measure(run.system, name)


def _label(phase: str, group: str) -> str:
    if group in _CHAINED:
        return phase.partition("/")[2]
    return phase_label(phase).partition(", ")[2] if group == "confirm" else phase_label(phase)


def _relative(line: Line) -> Line:
    """Hypervolumes of different stages have different reference points, so that only their course can be compared."""
    last = line.points[-1][1]
    return line._replace(points=[(x, y / last) for x, y in line.points]) if last > 0 else line


def _chained(lines: Sequence[Line]) -> list[Line]:
    """Put the stages of a chain one after the other: each continues where the one before ended."""
    shifted, offset = [], 0.0
    for line in lines:
        shifted.append(line._replace(points=[(x + offset, y) for x, y in line.points]))
        offset = shifted[-1].points[-1][0]
    return shifted


def _colours(run: Run, curve: Curve, colours: Palette) -> list[str]:
    """Return the colours of the lines: those of their stages where they are stages."""
    stages = list(run.stage_names)
    labels = [line.label for line in curve.lines]
    places = [stages.index(name) if name in stages else i for i, name in enumerate(labels)]
    return [colours.series[place % len(colours.series)] for place in places]


def _short(value: float) -> float:
    return float(f"{value:.6g}")


def _written(line: Line) -> str:
    return _write(line.points[-1][1])


def _write(value: float) -> str:
    return f"{value:.4g}"


def _mean(part: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part)
