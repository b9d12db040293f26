"""Scales, ticks and frames of the small SVG charts."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from nasjax.report.html import Html, join, tag
from nasjax.report.svg import label, px
from nasjax.report.values import Real


class Scale(NamedTuple):
    """A map from [low, high] in data to [start, stop] in pixels, linear or logarithmic."""

    low: float
    high: float
    start: float
    stop: float
    log: bool = False


class Axis(NamedTuple):
    """A scale with its ticks' wording and its title."""

    scale: Scale
    write_fn: Callable[[float], str]
    title: str
    most: int = 6


def fit(values: Sequence[Real], start: Real, stop: Real, *, log: bool = False, pad: Real = 0.04) -> Scale:
    """Return a scale that holds all values with a relative margin; logarithmic only if all values are positive."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    log = log and low > 0
    low, high = (math.log(low), math.log(high)) if log else (low, high)
    margin = (high - low) * pad if high > low else abs(high) * 0.05 or 0.5
    low, high = low - margin, high + margin
    return Scale(math.exp(low), math.exp(high), start, stop, True) if log else Scale(low, high, start, stop)


def place(scale: Scale, value: Real) -> float:
    """Return the pixel of a value; values outside of the scale lie on its end."""
    inside = min(max(value, scale.low), scale.high)
    if scale.log:
        share = math.log(inside / scale.low) / math.log(scale.high / scale.low)
    else:
        share = (inside - scale.low) / (scale.high - scale.low)
    return scale.start + share * (scale.stop - scale.start)


def ticks(scale: Scale, most: int) -> list[float]:
    """Return at most about `most` round values inside of the scale."""
    if not scale.log:
        return _linear_ticks(scale.low, scale.high, most)
    # The ends have been through exp and log: a round one may come back a hair too large or too small.
    low, high = scale.low * (1 - 1e-9), scale.high * (1 + 1e-9)
    for mantissas in ((1, 1.5, 2, 3, 4, 5, 6, 8), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        found = [m * 10.0**p for p in range(*_decades(scale)) for m in mantissas if low <= m * 10.0**p <= high]
        if 3 <= len(found) <= most:
            return found
    return _linear_ticks(scale.low, scale.high, most)


def tick_digits(scale: Scale, most: int) -> int:
    """Return the digits behind the point that tell the ticks of a linear scale apart."""
    return max(0, -math.floor(math.log10(_step(scale.low, scale.high, most)) + 1e-9))


def frame(x: Axis, y: Axis) -> Html:
    """Return grid lines, tick labels and titles; `y` starts at the bottom, its larger pixel."""
    return join([*_rows(x, y), *_columns(x, y), *_titles(x, y)])


def _decades(scale: Scale) -> tuple[int, int]:
    return math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high)) + 1


def _step(low: Real, high: Real, most: int) -> float:
    rough = (high - low) / max(1, most)
    power = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)


def _linear_ticks(low: Real, high: Real, most: int) -> list[float]:
    step = _step(low, high, most)
    return [i * step for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def _rows(x: Axis, y: Axis) -> list[Html]:
    left, right = x.scale.start, x.scale.stop
    parts = []
    for value in ticks(y.scale, y.most):
        at = place(y.scale, value)
        parts.append(tag("path", {"d": f"M{px(left)} {px(at)}H{px(right)}", "class": "grid"}))
        parts.append(label(left - 8, at + 4, y.write_fn(value), anchor="end"))
    return parts


def _columns(x: Axis, y: Axis) -> list[Html]:
    bottom = y.scale.start
    parts = [tag("path", {"d": f"M{px(x.scale.start)} {px(bottom)}H{px(x.scale.stop)}", "class": "base"})]
    for value in ticks(x.scale, x.most):
        at = place(x.scale, value)
        parts.append(tag("path", {"d": f"M{px(at)} {px(bottom)}v5", "class": "base"}))
        parts.append(label(at, bottom + 19, x.write_fn(value), anchor="middle"))
    return parts


def _titles(x: Axis, y: Axis) -> list[Html]:
    return [
        label(x.scale.stop, y.scale.start + 38, x.title, anchor="end", css="axis"),
        label(0, y.scale.stop - 12, y.title, css="axis"),
    ]
