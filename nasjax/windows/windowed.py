"""A function of images as programs for windows of few shapes, whatever the size of the picture."""

import functools
import json
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, final

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

from nasjax.files import to_json
from nasjax.windows.named import NAMED
from nasjax.windows.primitives import PRIMITIVES
from nasjax.windows.site import Rule, Run
from nasjax.windows.store import Store
from nasjax.windows.traced import trace
from nasjax.windows.values import Frame, Halved, NotWindowed, Value
from nasjax.windows.walk import walk

_TRIED = 32  # pixels a side or more, of a picture that is tried: borders reflect several
Known: TypeAlias = Mapping[str, Any]  # statistics of the whole picture, by number of the point


class Plan(NamedTuple):
    """What it takes to run a function in windows.

    `margins`: pixels around a window's core that it must hold, for the statistics of level 0, 1, ... and last for the
    output. `multiple` divides windows, cores and pictures. `points`: name and level of each statistic of the whole, in
    the order in which they are met. `scale`: size of the output over that of the picture. `placed`: the function counts
    the picture's rows or columns. `mirrored`: it takes other sizes too, and fills them up to multiples as
    `ops.reflect.fill_up` does.
    """

    margins: tuple[int, ...]
    multiple: int
    points: tuple[tuple[str, int], ...]
    scale: int
    placed: bool = False
    mirrored: bool = False

    @property
    def levels(self) -> int:
        """Passes over the picture before its output can be computed."""
        return len(self.margins) - 1


class Place(NamedTuple):
    """Where a window lies, in pixels, as in `Frame`; traced, so that all windows of a shape share a program.

    `open_ended` is static: whether a window may reach beyond the picture's last row or column.
    """

    start: Any
    size: Any
    core: Any
    open_ended: tuple[bool, bool]


@final
class Windowed:
    """`fn(parameters, *images)` on windows of pictures; images are float32 `[1, h, w, c]`, and so are the outputs.

    `multiple` divides the sizes of all pictures. `named` are rules for jitted functions of the caller's own, by name,
    beside those of `ops`. With a `store` programs are kept on disk.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        *,
        multiple: int = 1,
        named: Mapping[str, Rule] | None = None,
        store: Store | None = None,
    ):
        self.multiple, self._store = multiple, store
        self._trace = functools.lru_cache(64)(functools.partial(_traced, fn, multiple))
        self._rules = PRIMITIVES | NAMED | dict(named or {})
        self._merges: dict[str, Callable[[Any, Any], Any]] = {}
        self._seen: tuple[Any, ...] = ()
        self._made: dict[Any, Callable[..., Any]] = {}
        self._making = threading.RLock()

    def plan(self, parameters: Any, channels: Sequence[int] = (3,), *, side: int = 256) -> Plan:
        """Studies the function at windows of `side`, a multiple of `multiple` that its borders are small against.

        Raises NotWindowed with the operation that needs the picture as a whole.
        """
        images = [jax.ShapeDtypeStruct((1, side, side, c), jnp.float32) for c in channels]
        path = None if self._store is None else self._store.path("plan", (parameters, images))
        if path is not None and (kept := _read_plan(path)) is not None:
            return kept
        found = self._study(parameters, images)
        if self._store is not None and path is not None:
            self._store.write(path, to_json(found).encode())
        return found

    def output(
        self, parameters: Any, images: Sequence[Any], *, place: Place, known: Known
    ) -> tuple[Any, dict[str, Any]]:
        """The function's result on a window, and all statistics that are not `known`: those of the window's core.

        Where nothing is known, the core is taken for the whole picture.
        """
        make = functools.partial(self._make_output, place.open_ended)
        return self._program(f"output {place.open_ended}", make, parameters, list(images), *place[:3], dict(known))

    def sums(self, level: int, parameters: Any, images: Sequence[Any], *, place: Place, known: Known) -> dict[str, Any]:
        """The statistics of the core at the points of a level, those of the levels before being `known`."""
        # Apart from the output, so that a pass for statistics computes no more of the function than it needs.
        make = functools.partial(self._make_sums, place.open_ended, level)
        kind, self._seen = f"sums {level} {place.open_ended}", (parameters, list(images))
        return self._program(kind, make, parameters, list(images), *place[:3], dict(known))

    def merge(self, a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
        """The statistics of two cores together."""

        def make(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
            if not a.keys() <= self._merges.keys():  # all else was in the store
                self._study(*self._seen)
            return {name: self._merges[name](a[name], b[name]) for name in a}

        return self._program("merge", make, a, b)

    @property
    def programs(self) -> int:
        """How many programs there are in this process."""
        return len(self._made)

    def _study(self, parameters: Any, images: Any) -> Plan:
        found: list[Plan] = []

        def study(*given: Any) -> list[Any]:
            run, outputs = self._walk((True, True), *given, {})
            found.append(_planned(run, outputs, self.multiple))
            return []

        shapes = [jax.ShapeDtypeStruct(shape, jnp.int32) for shape in ((2,), (2,), (2, 2))]
        jax.eval_shape(study, parameters, images, *shapes)
        return found[0]

    def _program(self, kind: str, make: Callable[..., Any], *given: Any) -> Any:
        """Runs what `make` makes of such arguments: traced now, or found in the store."""
        leaves, tree = jax.tree.flatten(given)
        key = (kind, tree, tuple((tuple(leaf.shape), str(leaf.dtype)) for leaf in leaves))
        if key in self._made:
            return self._made[key](*given)
        with self._making:  # of several threads that need a program, one makes it
            made = self._made.get(key)
            if made is None:
                made = jax.jit(make) if self._store is None else self._kept(self._store, kind, make, given)
            found = made(*given)  # compiles it
            self._made[key] = made
        return found

    def _kept(self, store: Store, kind: str, make: Callable[..., Any], given: Any) -> Callable[..., Any]:
        path = store.path(kind, given)
        found = store.read(path)
        if found is None:
            found = export.export(jax.jit(make))(*given)
            store.write(path, bytes(found.serialize()))
        # What was exported is compiled in this process too, so that the next one finds what was compiled.
        return jax.jit(found.call)

    def _make_output(self, open_ended: tuple[bool, bool], *given: Any) -> tuple[Any, dict[str, Any]]:
        run, outputs = self._walk(open_ended, *given)
        known = given[-1]
        measured = {str(i): point.sums for i, point in enumerate(run.points) if str(i) not in known}
        return jax.tree.unflatten(run.traced.tree, [value.array for value in outputs]), measured

    def _make_sums(self, open_ended: tuple[bool, bool], level: int, *given: Any) -> dict[str, Any]:
        run, _ = self._walk(open_ended, *given)
        return {str(i): point.sums for i, point in enumerate(run.points) if point.level == level}

    def _walk(
        self, open_ended: tuple[bool, bool], parameters: Any, images: Any, *place: Any
    ) -> tuple[Run, list[Value]]:
        start, size, core, known = place
        window = (images[0].shape[1], images[0].shape[2])
        shapes = tuple((tuple(leaf.shape), leaf.dtype) for leaf in jax.tree.leaves(parameters))
        channels = tuple(image.shape[-1] for image in images)
        traced = self._trace(window, jax.tree.structure(parameters), shapes, channels)
        run = Run(traced, Frame(window, start, size, core, open_ended, {}), known=known, rules=self._rules)
        outputs = walk(run, parameters, images)
        self._merges |= {str(i): point.merge for i, point in enumerate(run.points)}
        return run, outputs


def fitted(
    fn: Callable[..., Any],
    parameters: Any,
    *,
    multiple: int,
    channels: int = 3,
    side: int = 256,
    store: Store | None = None,
) -> tuple[Windowed, Plan]:
    """A function of one image with its plan; one that fills sizes up itself runs in windows of those it fills up to.

    `multiple`, `side` and `store` as of `Windowed` and its `plan`, whose NotWindowed is raised.
    """
    windowed, x = (
        Windowed(fn, multiple=multiple, store=store),
        jax.ShapeDtypeStruct((1, side, side, channels), jnp.float32),
    )
    path = None if store is None else store.path(f"fitted {multiple}", (parameters, x))
    if path is not None and (kept := _read_plan(path)) is not None:
        return Windowed(fn, multiple=kept.multiple, store=store), kept
    try:
        plan = windowed.plan(parameters, (channels,), side=side)
    except Halved as error:
        if not _fills_up(fn, parameters, channels, steps=(multiple, error.multiple)):
            raise
        windowed = Windowed(fn, multiple=error.multiple, store=store)
        side = error.multiple * -(-side // error.multiple)
        plan = windowed.plan(parameters, (channels,), side=side)._replace(mirrored=True)
    if store is not None and path is not None:
        store.write(path, to_json(plan).encode())
    return windowed, plan


def _fills_up(fn: Callable[..., Any], parameters: Any, channels: int, *, steps: tuple[int, int]) -> bool:
    """Whether a function of pictures of any multiple of the first step mirrors them up to the second, by trying."""
    step, needed = steps
    number = -(-_TRIED // needed)
    height, width = number * needed + step, (number + 1) * needed - step
    x = np.random.default_rng(0).uniform(-1, 1, (1, height, width, channels)).astype(np.float32)
    top = [(0, 0), (0, -height % needed), (0, -width % needed), (0, 0)]
    own, filled = (np.asarray(jax.jit(fn)(parameters, image)) for image in (x, np.pad(x, top, mode="symmetric")))
    return bool(np.allclose(own, filled[:, : own.shape[1], : own.shape[2]], atol=1e-5))


def _traced(fn: Callable[..., Any], multiple: int, window: tuple[int, int], tree: Any, shapes: Any, channels: Any):
    leaves = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in shapes]
    return trace(fn, jax.tree.unflatten(tree, leaves), channels, window=window, multiple=multiple)


def _planned(run: Run, outputs: Sequence[Value], multiple: int) -> Plan:
    needed = math.lcm(*(scale.denominator for scale in run.scales))
    if multiple % needed:
        raise Halved(math.lcm(needed, multiple), multiple)
    scales = {axis.scale for value in outputs for axis in value.axes if axis is not None}
    if len(scales) != 1 or (scale := scales.pop()).denominator != 1:
        raise NotWindowed(f"its output is {' and '.join(map(str, scales))} times as large as the picture")
    spoilt = [Fraction(n) / scale for value in outputs for ends in value.spoilt for n in ends]
    levels = 1 + max((point.level for point in run.points), default=-1)
    reaches = [run.reach.get(level, Fraction(0)) for level in range(levels)] + [max(spoilt, default=Fraction(0))]
    margins = tuple(multiple * math.ceil(reach / multiple) for reach in reaches)
    points = tuple((point.name, point.level) for point in run.points)
    return Plan(margins, multiple, points, scale.numerator, run.placed)


def _read_plan(path: Path) -> Plan | None:
    """A plan that was kept; None where there is none that can be read."""
    try:
        margins, multiple, points, *rest = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return Plan(tuple(margins), multiple, tuple((name, level) for name, level in points), *rest)
