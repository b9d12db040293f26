"""What a rule works with: one equation at a time, where the window lies, and statistics of the whole picture."""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

from nasjax.windows.traced import CALLS, Traced, opened
from nasjax.windows.values import Axis, Frame, NotWindowed, Spoilt, Value


class Statistic(NamedTuple):
    """Something of the whole picture: sums that merge, and what is made of them.

    `measure(mask, *arrays)` are the sums over where the mask (it broadcasts) is true; `use(sums, *arrays)` is the
    value, of the operation's shape.
    """

    measure: Callable[..., Any]
    merge: Callable[[Any, Any], Any]
    use: Callable[..., Any]


class Point(NamedTuple):
    """A statistic that was met: sums over the window's core, and how many others it depends on one after the other."""

    name: str
    level: int
    sums: Any
    merge: Callable[[Any, Any], Any]


class Site(NamedTuple):
    """One equation, as traced at the three sizes."""

    eqns: tuple[Any, Any, Any]
    run: "Run"

    @property
    def params(self) -> Mapping[str, Any]:
        """Its parameters at the window's size."""
        return self.eqns[0].params

    @property
    def name(self) -> str:
        """The primitive's name, or that of the function that is called."""
        eqn = self.eqns[0]
        return eqn.params["name"] if eqn.primitive.name in CALLS and "name" in eqn.params else eqn.primitive.name

    def bind(self, *arrays: Any) -> Any:
        """What the equation makes of arrays at the window's size."""
        eqn = self.eqns[0]
        if eqn.primitive.name not in CALLS:
            return eqn.primitive.bind(*arrays, **eqn.params)
        out = jaxpr_as_fun(ClosedJaxpr(*opened(eqn)))(*arrays)
        return out if len(out) > 1 else out[0]

    def axes(self, output: int = 0) -> tuple[Axis | None, ...]:
        """Which axes of an output grow with the picture."""
        return self.run.axes([eqn.outvars[output].aval.shape for eqn in self.eqns])

    def differing(self) -> list[str]:
        """The parameters that depend on the picture's size."""
        first = self.params
        return [name for name in first if any(not same(first[name], eqn.params[name]) for eqn in self.eqns[1:])]

    def refuse(self, why: str) -> NotWindowed:
        """The error that names this operation."""
        shapes = ", ".join("x".join(map(str, v.aval.shape)) or "a number" for v in self.eqns[0].invars)
        return NotWindowed(f"{self.name} of {shapes}: {why}")

    def statistic(self, values: Sequence[Value], found: Statistic) -> Value:
        """The value of a statistic: of the whole picture where it is known, else of the window's core."""
        return self.run.statistic(self.name, values, found)


Rule: TypeAlias = Callable[[Site, list[Value]], list[Value]]


class Run:
    """One walk: where the window lies, what is known of the picture, the rules, and the points that were met."""

    def __init__(self, traced: Traced, frame: Frame, *, known: Mapping[str, Any], rules: Mapping[str, Rule]):
        self.traced, self.frame, self.known, self.rules = traced, frame, known, rules
        self.points: list[Point] = []
        self.reach: dict[int, Fraction] = {}  # by level: how far, in pixels, what is measured there was spoilt
        self.scales: set[Fraction] = {Fraction(1)}
        self.placed = False  # whether places of the picture were counted

    def axes(self, shapes: Sequence[Sequence[int]]) -> tuple[Axis | None, ...]:
        """The axes that grow, of a value's shapes at the three sizes.

        NotWindowed for one that grows with both sides, or for two that grow with one.
        """
        found = tuple(self._axis(sizes) for sizes in zip(*shapes, strict=True))
        sides = [axis.side for axis in found if axis is not None]
        if len(set(sides)) < len(sides):
            shape = "x".join(map(str, shapes[0]))
            raise NotWindowed(f"a value of {shape} compares all places of the picture with one another")
        self.scales |= {axis.scale for axis in found if axis is not None}
        return found

    def statistic(self, name: str, values: Sequence[Value], found: Statistic) -> Value:
        """Meets a point; what it is measured on must be right in the core."""
        level = max(value.level for value in values)
        spoilt = [n / axis.scale for v in values for axis in filter(None, v.axes) for n in v.spoilt[axis.side]]
        self.reach[level] = max(self.reach.get(level, Fraction(0)), *spoilt)
        spread = max(values, key=lambda value: len([axis for axis in value.axes if axis is not None]))
        arrays = [value.array for value in values]
        sums, number = found.measure(self.frame.counted(spread), *arrays), len(self.points)
        self.points.append(Point(name, level, sums, found.merge))
        return Value(found.use(self.known.get(str(number), sums), *arrays), spoilt=joined(values), level=level + 1)

    def _axis(self, sizes: Sequence[int]) -> Axis | None:
        growth = [size - sizes[0] for size in sizes[1:]]
        if growth == [0, 0]:
            return None
        if all(growth):
            raise NotWindowed("rows and columns are laid out as one axis")
        side = 0 if growth[0] else 1
        return Axis(side, Fraction(growth[side], self.traced.more))


def joined(values: Sequence[Value]) -> Spoilt:
    """What is spoilt where values meet position by position."""
    rows, columns = ((max(v.spoilt[i][0] for v in values), max(v.spoilt[i][1] for v in values)) for i in (0, 1))
    return rows, columns


def same(a: Any, b: Any) -> bool:
    """Whether two parameters or constants are equal."""
    if isinstance(a, np.ndarray | jax.Array) or isinstance(b, np.ndarray | jax.Array):
        return np.shape(a) == np.shape(b) and bool(np.array_equal(np.asarray(a), np.asarray(b)))
    return a is b or bool(a == b)
