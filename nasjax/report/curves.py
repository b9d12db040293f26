"""Training and search over time: loss and score by step, hypervolume by generation."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from nasjax.report.axes import Axis, Scale, fit, frame, place, tick_digits
from nasjax.report.html import Html, join, note, tag
from nasjax.report.measures import is_cost, measure
from nasjax.report.phases import colour_of, phase_label, swatch
from nasjax.report.run import SINGLE, Run
from nasjax.report.svg import polyline, px
from nasjax.report.units import count, fixed
from nasjax.report.values import Real, number, text

_SIZE = (360, 236)
_MOST_POINTS = 240
_PROGRESS = {"time", "step", "steps", "steps_per_s", "eta_s", "generation", "evaluated", "front"}
_NOT_CURVES = frozenset({*_PROGRESS, "phase", "lr", "grad_norm"})
_ORDER = {"supernet": 0, "": 1, "search": 2}


class Line(NamedTuple):
    """One phase's values of one quantity, at steps or generations."""

    phase: str
    points: list[tuple[float, float]]


def curves_section(run: Run) -> Html:
    """Return one small chart a quantity and group of phases; empty until a metric was logged twice."""
    series = _series(run)
    kinds = dict.fromkeys((_group(phase), name) for phase, name in series)
    order = sorted(kinds, key=lambda kind: (_ORDER.get(kind[0], 1), not kind[1].startswith("loss")))
    charts = [_chart(run, lines, *kind) for kind in order if (lines := _lines(series, *kind))]
    words = note("Thin lines are single batches, which differ in difficulty; thick ones are their running mean.")
    noisy = any(_is_noisy(name) and _group(phase) != "search" for phase, name in series)
    return join([tag("div", {"class": "charts"}, *charts), words if noisy else ""]) if charts else Html("")


def thin_line(points: Sequence[tuple[float, float]], most: int = _MOST_POINTS) -> list[tuple[float, float]]:
    """Return at most `most` points, each the mean of a run of neighbours; the last value ends the line unaveraged."""
    if len(points) <= most:
        return list(points)
    size = -(-len(points) // (most - 1))
    bins = [points[i : i + size] for i in range(0, len(points), size)]
    return [*(_mean(part) for part in bins), points[-1]]


def running_mean(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return each point's mean with its neighbours, an eighth of the line in all, fewer towards the ends."""
    reach = len(points) // 16
    parts = [points[max(0, i - reach) : i + reach + 1] for i in range(len(points))]
    return [(x, _mean(part)[1]) for (x, _), part in zip(points, parts, strict=True)]


def _is_noisy(name: str) -> bool:
    """A loss as it is logged is that of one batch."""
    return name.startswith("loss")


def _group(phase: str) -> str:
    """Phases that are stages of one thing share a chart, confirmations another, the rest of single networks a third."""
    head, slash, _ = phase.partition("/")
    return head if slash and head != "finalist" else ""


def _is_curve(key: str) -> bool:
    return key not in _NOT_CURVES and not is_cost(key)


def _readings(row: dict[str, Any]) -> dict[str, float]:
    return {key: value for key, raw in row.items() if _is_curve(key) and (value := number(raw)) is not None}


def _series(run: Run) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """Return the points of each (phase, quantity), in order of first mention."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for row in run.metrics:
        if (at := _position(row)) is None:
            continue
        for key, value in _readings(row).items():
            points = found.setdefault((text(row.get("phase")), key), [])
            # A phase that was interrupted goes back to its last checkpoint: what was logged beyond counts no more.
            while points and points[-1][0] >= at:
                points.pop()
            points.append((at, value))
    return found


def _lines(series: dict[tuple[str, str], list[tuple[float, float]]], group: str, name: str) -> list[Line]:
    found = [(phase, points) for (phase, key), points in series.items() if _group(phase) == group and key == name]
    lines = [Line(phase, thin_line(sorted(points))) for phase, points in found if len(points) > 1]
    if name == "hypervolume":
        lines = [_relative(line) for line in lines]
    return _chained(lines) if group and group not in SINGLE else lines


def _relative(line: Line) -> Line:
    """Hypervolumes of different stages have different reference points, so that only their course can be compared."""
    last = line.points[-1][1]
    return Line(line.phase, [(x, y / last) for x, y in line.points]) if last > 0 else line


def _position(row: dict[str, Any]) -> float | None:
    generation = number(row.get("generation"))
    return generation if generation is not None else number(row.get("step"))


def _chained(lines: list[Line]) -> list[Line]:
    """Put the stages of a chain one after the other: each continues where the one before ended."""
    shifted, offset = [], 0.0
    for line in lines:
        shifted.append(Line(line.phase, [(x + offset, y) for x, y in line.points]))
        offset = shifted[-1].points[-1][0]
    return shifted


def _chart(run: Run, lines: list[Line], group: str, name: str) -> Html:
    x, y = _axes(lines, name, "generation" if group == "search" else "step")
    thin = [_curve(run, line, (x, y), " thin") for line in lines] if _is_noisy(name) else []
    lines = [Line(line.phase, running_mean(line.points)) for line in lines] if _is_noisy(name) else lines
    drawn = [*thin, *(_curve(run, line, (x, y), "") for line in lines)]
    ends = [_end(line, x.scale, y.scale, colour_of(run, line.phase)) for line in lines]
    title = _title(group, name)
    words = f"{title}: " + "; ".join(
        f"{phase_label(line.phase)} ends at {_write(line.points[-1][1])}" for line in lines
    )
    svg = tag(
        "svg",
        {"viewBox": f"0 0 {_SIZE[0]} {_SIZE[1]}", "role": "img", "aria-label": words, "class": "chart"},
        frame(x, y),
        *drawn,
        *ends,
    )
    return tag("figure", None, tag("figcaption", None, tag("b", None, title), _legend(run, lines, group)), svg)


def _curve(run: Run, line: Line, axes: tuple[Axis, Axis], css: str) -> Html:
    x, y = axes
    at = ((place(x.scale, a), place(y.scale, b)) for a, b in line.points)
    return polyline(at, f"curve {colour_of(run, line.phase)}{css}")


def _axes(lines: list[Line], name: str, unit: str) -> tuple[Axis, Axis]:
    xs = [a for line in lines for a, _ in line.points]
    ys = [b for line in lines for _, b in line.points]
    spread = min(ys) > 0 and max(ys) > 8 * min(ys)
    x = fit([0.0, *xs], 46, _SIZE[0] - 8, pad=0.0)
    y = fit(ys, _SIZE[1] - 42, 22, log=spread, pad=0.05)
    digits = 0 if y.log else tick_digits(y, 5)
    write = _log_tick if y.log else (lambda v: fixed(v, digits))
    title = measure(name).unit + (" (log scale)" if y.log else "")
    return Axis(x, lambda v: count(v, short=True), unit, 5), Axis(y, write, title.strip(), 5)


def _end(line: Line, x: Scale, y: Scale, colour: str) -> Html:
    at, value = line.points[-1]
    dot = {"class": f"dot {colour}", "cx": px(place(x, at)), "cy": px(place(y, value)), "r": "2.6"}
    return tag("circle", dot, tag("title", None, f"{phase_label(line.phase)}: {_write(value)}"))


def _log_tick(value: Real) -> str:
    return count(value, short=True) if value >= 1000 else f"{value:.3g}"


def _title(group: str, name: str) -> str:
    what = {"supernet": "Supernet", "search": "Search", "confirm": "Confirmation", "": "Single networks"}.get(
        group, group
    )
    return f"{what}: {'loss' if name == 'loss' else measure(name).label}"


def _legend(run: Run, lines: list[Line], group: str) -> Html:
    names = [_short(line.phase, group) for line in lines]
    return tag(
        "span",
        {"class": "legend"},
        *(tag("span", None, swatch(colour_of(run, x.phase)), n) for x, n in zip(lines, names, strict=True)),
    )


def _short(phase: str, group: str) -> str:
    if group in SINGLE:
        return phase_label(phase).partition(", ")[2]
    return phase.partition("/")[2] if group else phase_label(phase)


def _write(value: float) -> str:
    return f"{value:.4g}"


def _mean(part: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part)
