"""Style transfer with a found network: a style's statistics once, then any content, window by window.

What is written is the content, plus what the network makes of it in the style, less what it makes of it in its own:
the network's own error, of a decoder that is not perfect, never shows. That change follows the content's edges
(`ops.guided`), and its colours are matched to the style's (`export.finish`).

Every point of transfer, of instance normalisation, and the match of colours, needs statistics of the whole picture.
Small pictures are one window; of larger ones statistics are gathered first, window by window, point after point
(`windows.windowed`), and with them known there are no seams.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num, Shaped

from nasjax.apply.canvas import canvas, release
from nasjax.apply.levels import to_floats
from nasjax.apply.parts import lanes
from nasjax.apply.passes import Passes
from nasjax.apply.points import at_feature, marked, point_rules
from nasjax.apply.tiles import Packed, Tile, cut
from nasjax.export.finish import Match, colour_match, corrected, matched, soft_limit
from nasjax.export.stylist import StyleNetwork
from nasjax.linalg import Moments, merge
from nasjax.ops.guided import keep_detail
from nasjax.spaces.photonet import Points
from nasjax.supernet.extract import Static
from nasjax.windows.store import Store
from nasjax.windows.windowed import Plan, Windowed

Pixels: TypeAlias = Num[np.ndarray, "h w 3"] | Num[Array, "h w 3"]
Shares: TypeAlias = Shaped[np.ndarray, "h w k"] | Shaped[Array, "h w k"]
Counts: TypeAlias = Float[np.ndarray, "h w"] | Float[Array, "h w"]
Record: TypeAlias = dict[str, Moments]  # by point: statistics of each region, [labels, ...]
SIDES = (256, 512)  # of windows, in pixels: what there are programs for
_AT_ONCE = 2  # windows, at most: one takes some 130 MB
_COLOURS = "colours"
_SQUARE = 4  # pixels of a square of `ops.guided.keep_detail`
_AT_ONCE = 1 << 18  # pixels, where they do not depend on one another


class Style(NamedTuple):
    """What a content needs of a style: the statistics at every point of transfer, region by region, and of colours."""

    record: Record
    colours: Moments
    labels: int


class _Inputs(NamedTuple):
    """A picture as windows are cut from it: pixels, shares of regions `[h, w, k]`, and how much each pixel counts."""

    pixels: np.ndarray
    shares: np.ndarray
    counts: np.ndarray
    multiple: int
    reach: int = 0  # by how many columns of the other side it is continued on the left and on the right

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, filled up to multiples, of which there are two or more, and continued."""
        height, width = (self.multiple * max(2, -(-n // self.multiple)) for n in self.pixels.shape[:2])
        return height, width + 2 * self.reach

    def cut(self, tile: Tile) -> list[np.ndarray]:
        """The windows of all three; what only fills the picture up, or continues it, counts for nothing."""
        counts = cut(self.counts, tile, reach=self.reach).copy()  # it may be a view
        columns = np.arange(tile.width) + tile.left - self.reach
        counts[:, max(self.pixels.shape[0] - tile.top, 0) :] = 0
        counts[:, :, (columns < 0) | (columns >= self.pixels.shape[1])] = 0
        shares = cut(self.shares, tile, mirrored=True, levels=False, reach=self.reach)
        return [cut(self.pixels, tile, mirrored=True, reach=self.reach), shares.astype(np.float32), counts]


@final
class Stylist:
    """A loaded network that stylises; programs are compiled for windows of the sides `sides` only.

    `method` is how statistics are moved (`linalg.transfer`); `smooth` filters the change along the content's edges,
    `match` brings its colours to the style's. Pictures are `[h, w, 3]`, float in [-1, 1], uint8 or uint16.
    """

    def __init__(
        self,
        network: StyleNetwork,
        *,
        method: str = "newton-schulz",
        smooth: bool = True,
        match: bool = True,
        sides: tuple[int, ...] = SIDES,
        programs: Path | None = None,
    ):
        self.network, self.match, self.sides = network, match, sides
        self.multiple = max(2 ** (network.levels - 1), _SQUARE)
        names = [*(choice.name for choice in network.net.space.choices), _COLOURS]
        rules = point_rules(names, method=method)
        forward = network.forward
        settings = (network.net.space.to_json(), network.arch, forward.encoder.widths, forward.ops, method, smooth)
        kinds = {"content": _content(network, smooth), "style": _style(network)}
        self._content, self._style = (
            Windowed(
                fn,
                multiple=self.multiple,
                named=rules,
                store=None if programs is None else Store(programs, f"stylist {kind} {settings}"),
            )
            for kind, fn in kinds.items()
        )
        self._plans: dict[Any, Plan] = {}

    def style(self, image: Pixels, weights: Shares | None = None, counts: Counts | None = None) -> Style:
        """The statistics of a style; `weights` say how much each pixel belongs to each of k regions (default: one).

        `counts` say how much each pixel counts in them at all, from 0 to 1 (default: 1), as its opacity does.
        """
        inputs = _inputs(image, weights, counts, self.multiple)
        passes = self._passes(self._style, self.network.params, inputs)
        known = passes.gather(inputs, passes.plan.levels)
        if not known:
            ((_, _, known),) = passes.outputs(inputs, known)
        record = {
            name.removeprefix("note "): jax.tree.map(np.asarray, known[str(number)])
            for number, (name, _) in enumerate(passes.plan.points)
            if name.startswith("note ")
        }
        return Style(record, record.pop(_COLOURS), inputs.shares.shape[-1])

    def __call__(
        self,
        content: Pixels,
        style: Style,
        *,
        alpha: float = 1.0,
        weights: Shares | None = None,
        counts: Counts | None = None,
        dtype: Any = np.float32,
        wrap: bool = False,
    ) -> np.ndarray:
        """The content in the style's light and colour, `[h, w, 3]`; `alpha` 0 transfers nothing, 1 everything.

        With alpha 0, and where a picture is its own style, it is the content. `weights` and `counts` as of `style`;
        what does not count is moved all the same. `dtype` is float32 (in [-1, 1]), uint8 or uint16. `wrap`: left and
        right borders belong together. Raises ValueError where the numbers of regions differ.
        """
        inputs = _inputs(content, weights, counts, self.multiple)
        if (found := inputs.shares.shape[-1]) != style.labels:
            raise ValueError(f"stylize: the content has {found} regions, the style {style.labels}; they must match")
        given = {"net": self.network.params, "style": style.record, "alpha": np.float32(alpha)}
        passes = self._passes(self._content, given, inputs)
        inputs = inputs._replace(reach=max(passes.plan.margins) if wrap else 0)
        # The last level is that of the output's colours: they are measured as it is made.
        known = passes.gather(inputs, passes.plan.levels - 1)
        y, own = Packed.of(inputs.pixels.shape[:2], exact=dtype == np.float32), None
        for tile, made, sums in passes.outputs(inputs, known):
            y.paste(tile, np.asarray(made)[0])
            part = sums[str(len(passes.plan.points) - 1)]
            own = part if own is None else _merge(own, part)
        match = _match(own, style.colours, np.float32(alpha if self.match else 0))
        return _finished(y, inputs, match, dtype)

    def _passes(self, windowed: Windowed, parameters: Any, inputs: _Inputs) -> Passes:
        side = min(side for side in self.sides if side >= min(max(inputs.size), self.sides[-1]))
        labels = inputs.shares.shape[-1]
        key = (id(windowed), side, labels)
        if key not in self._plans:
            self._plans[key] = windowed.plan(parameters, (3, labels, 1), side=side)
        return Passes(windowed, parameters, self._plans[key], self.sides, lanes=min(lanes(), _AT_ONCE))


def _content(network: StyleNetwork, smooth: bool) -> Callable[..., Array]:
    """What is run on a content's windows: its pixels with the change that the network makes, measured at the end."""

    def run(given: Any, x: Array, shares: Array, counts: Array) -> Array:
        normalise = _normaliser(counts)

        def move(name: str, h: Array) -> Array:
            if name not in given["style"]:
                return h
            target = given["style"][name]
            return marked("move", name)(h, at_feature(shares, h), at_feature(counts, h), *target, given["alpha"])

        moved = _forward(network, given["net"], x, Points(move, normalise))
        # The same to the last bit where nothing is moved; what both begin with is computed once.
        y = corrected(x, moved, _forward(network, given["net"], x, Points(normalise=normalise)))
        y = keep_detail(x, y) if smooth else y
        return marked("note", _COLOURS)(y, shares, counts)

    return run


def _style(network: StyleNetwork) -> Callable[..., Array]:
    """What is run on a style's windows: the network as far as its points of transfer, which only measure."""

    def run(params: Any, x: Array, shares: Array, counts: Array) -> Array:
        def note(name: str, h: Array) -> Array:
            return marked("note", name)(h, at_feature(shares, h), at_feature(counts, h))

        _forward(network, params, x, Points(note, _normaliser(counts)))
        return marked("note", _COLOURS)(x, shares, counts)

    return run


def _normaliser(counts: Array) -> Callable[[str, Array], Array]:
    return lambda name, h: marked("normalise", name)(h, at_feature(counts, h))


def _forward(network: StyleNetwork, params: Any, x: Array, points: Points) -> Array:
    return network.forward._replace(points=points)(Static(network.net.space, params, network.arch), x)


def _inputs(image: Pixels, shares: Shares | None, counts: Counts | None, multiple: int) -> _Inputs:
    pixels = np.asarray(image)
    one = np.broadcast_to(np.float32(1), (*pixels.shape[:2], 1))
    shares = one if shares is None else np.asarray(shares)
    return _Inputs(pixels, shares, one if counts is None else np.asarray(counts, np.float32)[..., None], multiple)


@jax.jit
def _match(own: Moments, style: Moments, alpha: Array) -> Match:
    """The match of each region's colours, of no strength where the content or the style has none of it."""
    found = colour_match(own, style, alpha)
    there = (own.count > 0) & (style.count > 0)
    return found._replace(strength=jnp.where(there, found.strength, 0.0))


@functools.partial(jax.jit, static_argnums=0)
def _finish(dtype: Any, y: Array, content: Array, shares: Array, match: Match) -> Array:
    """Pixels `[n, 3]` after the match of their regions, as levels of `dtype` or in [-1, 1]."""
    labels = shares.shape[-1]
    each = matched(match, jnp.broadcast_to(y, (labels, *y.shape)))
    y = soft_limit(y + (shares.T[..., None] * (each - y[None])).sum(0), content)
    if dtype == jnp.float32:
        return y
    highest = jnp.iinfo(dtype).max
    return jnp.round((y + 1) * (highest / 2)).astype(dtype)


def _finished(y: Packed, inputs: _Inputs, match: Match, dtype: Any) -> np.ndarray:
    """The picture after the match, some rows at a time, each time as many pixels."""
    height, width = inputs.pixels.shape[:2]
    out = y.array if dtype == np.float32 else canvas((height, width), deep=dtype == np.uint16)
    rows = max(1, _AT_ONCE // width)
    length = _AT_ONCE * -(-width // _AT_ONCE)
    for top in range(0, height, rows):
        part = slice(top, min(top + rows, height))
        given = (y.rows(part), to_floats(inputs.pixels[part]), inputs.shares[part].astype(np.float32))
        flat = [_filled(array, length) for array in given]
        count = (part.stop - part.start) * width
        out[part] = np.asarray(_finish(np.dtype(dtype), *flat, match))[:count].reshape(out[part].shape)
        release(out)
    return out


def _filled(array: np.ndarray, length: int) -> np.ndarray:
    flat = array.reshape(-1, array.shape[-1])
    return np.concatenate([flat, np.zeros((length - len(flat), flat.shape[-1]), flat.dtype)])


_merge = jax.jit(jax.vmap(merge))
