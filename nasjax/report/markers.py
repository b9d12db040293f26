"""The signs of the Pareto plot: candidates by stage, and the networks of the result table."""

from typing import NamedTuple

from nasjax.report.html import Html, tag
from nasjax.report.svg import px
from nasjax.report.values import Real

_R, _D = 3.2, 4.5
# Circle, square, triangle, diamond: where the pen starts, seen from the middle, and its way from there.
_SHAPES = (
    (-_R, 0.0, f"a{_R} {_R} 0 1 0 {2 * _R} 0a{_R} {_R} 0 1 0 {-2 * _R} 0"),
    (-_R, -_R, f"h{2 * _R}v{2 * _R}h{-2 * _R}"),
    (0.0, -1.3 * _R, f"l{1.2 * _R:.1f} {2.1 * _R:.1f}h{-2.4 * _R:.1f}"),
    (0.0, -_D, f"l{_D} {_D}l{-_D} {_D}l{-_D} {-_D}"),
)

_STAR = "l2.3 5.8l6.3 .4l-4.9 4l1.6 6.1l-5.3 -3.4l-5.3 3.4l1.6 -6.1l-4.9 -4l6.3 -.4z"


class Mark(NamedTuple):
    """A network of the result table in the plot: `kind` is found, tuned, handmade, everything, or bicubic (no cost)."""

    kind: str
    name: str
    cost: float | None
    score: float


def marker(kind: int, x: Real, y: Real) -> str:
    """Return the path of a point: stages differ by shape too, for those who cannot tell the colours apart."""
    dx, dy, shape = _SHAPES[kind % len(_SHAPES)]
    return f"M{px(x + dx)} {px(y + dy)}{shape}z"


def mark_shape(kind: str, x: Real, y: Real) -> Html:
    """Return the sign of a reference network: a ring for the found one, a star once it is tuned, else a diamond."""
    if kind == "found":
        return tag("circle", {"class": "mark found", "cx": px(x), "cy": px(y), "r": "7"})
    shape = _STAR if kind == "tuned" else "l7 8l-7 8l-7 -8z"
    return tag("path", {"class": f"mark {kind}", "d": f"M{px(x)} {px(y - (9 if kind == 'tuned' else 8))}{shape}"})
