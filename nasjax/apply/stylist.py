"""Style transfer with a found network: a style's statistics once, then any content, whole or tile by tile.

Every point of transfer, and of instance normalisation, needs statistics of the whole image. Whole, they are taken as
the network runs. In tiles the network runs several times over all tiles, each time as far as the next group of points
whose statistics are not known yet; with them known every tile is independent of the others, and there are no seams.
"""

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, final

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nasjax.apply.tiles import Tile, Window, cut, tiles_of
from nasjax.export.stylist import StyleNetwork
from nasjax.linalg import Moments, apply_transfer, merge, moments, transfer
from nasjax.spaces.photonet import Points
from nasjax.supernet.extract import Static

Record = dict[str, Moments]  # by point: statistics of each region, [labels, ...]
_EPSILON = 1e-5  # of instance normalisation, as in `ops.norm`
_REACH = 9  # bottleneck pixels that a network sees to each side: see `tests/apply/test_stylist.py`


class Style(NamedTuple):
    """What a content needs of a style: the statistics at every point of transfer, region by region."""

    record: Record
    labels: int


@final
class Stylist:
    """A loaded network that stylises; compiles once for each size of image or tile.

    `method` is how statistics are moved (`linalg.transfer`). Images larger than `tile` pixels a side are worked on in
    tiles, with the same result to rounding. Images are float32 `[h, w, 3]` in [-1, 1], of any sizes.
    """

    def __init__(self, network: StyleNetwork, *, method: str = "newton-schulz", tile: int = 1024):
        self.network, self.tile = network, tile
        self._step = 2 ** (network.levels - 1)
        if tile < 8 * self._step * _REACH // 2:
            raise ValueError(f"tile must be {8 * self._step * _REACH // 2} pixels or more for this network, got {tile}")
        self._run = functools.partial(_run, network, method)
        self._orders: dict[int | None, list[str]] = {}
        # Apart, so that statistics compute no more of the network than they need.
        self._output = jax.jit(lambda *inputs: self._run(*inputs)[0])
        self._measure = jax.jit(lambda points, *inputs: _only(points, self._run(*inputs)[1]), static_argnums=0)

    def style(
        self,
        image: Float[Array, "h w 3"],
        weights: Float[Array, "h w k"] | None = None,
        counts: Float[Array, "h w"] | None = None,
    ) -> Style:
        """The statistics of a style; `weights` say how much each pixel belongs to each of k regions (default: one).

        `counts` say how much each pixel counts in them at all (default: once), as its opacity does.
        """
        transfers = tuple(filter(_is_transfer, self._points(None)))
        record = _only(transfers, self._statistics(image, weights, counts, None))
        return Style(record, 1 if weights is None else weights.shape[-1])

    def __call__(
        self,
        content: Float[Array, "h w 3"],
        style: Style,
        *,
        alpha: float = 1.0,
        weights: Float[Array, "h w k"] | None = None,
        counts: Float[Array, "h w"] | None = None,
    ) -> Float[Array, "h w 3"]:
        """The content in the style's light and colour, clipped; `alpha` 0 transfers nothing, 1 everything.

        `weights` as of `style`, both or neither; `counts` too, and pixels that do not count are moved all the same.
        Raises ValueError where the numbers of regions differ.
        """
        found = 1 if weights is None else weights.shape[-1]
        if found != style.labels:
            raise ValueError(f"stylize: the content has {found} regions, the style {style.labels}; they must match")
        target = _Target(style.record, jnp.float32(alpha))
        known = {} if self._fits(content) else self._statistics(content, weights, counts, target)
        out = jnp.zeros(content.shape, jnp.float32)
        for tile in self._tiles(content):
            window = cut(tile, content, weights, step=self._step, counts=counts)
            out = tile.paste(out, self._output(self.network.params, window, known, target))
        return out.clip(-1, 1)

    def _statistics(
        self, image: Array, weights: Array | None, counts: Array | None, target: "_Target | None"
    ) -> Record:
        """Statistics at the points that matter: one group of points after the other, each over all tiles."""
        known: Record = {}
        groups = _groups(self._points(target), self.network.levels, styled=target is not None)
        if target is None and self._fits(image):
            groups = [[name for group in groups for name in group]]  # a style is not moved: the whole is one pass
        for group in map(tuple, groups):
            windows = (cut(tile, image, weights, step=self._step, counts=counts) for tile in self._tiles(image))
            parts = (self._measure(group, self.network.params, window, known, target) for window in windows)
            known |= functools.reduce(_merge, parts)
        return known

    def _points(self, target: "_Target | None") -> list[str]:
        """Names of the points of this arch, in the order in which the network comes to them."""
        labels = None if target is None else next((len(m.count) for m in target.record.values()), 1)
        if labels not in self._orders:
            side = 2 * self._step
            shapes: list[Any] = [jax.ShapeDtypeStruct((1, side, side, n), jnp.float32) for n in (3, labels or 1, 1)]
            traced = jax.eval_shape(self._run, self.network.params, Window(*shapes), {}, target)
            self._orders[labels] = list(traced[1])
        return self._orders[labels]

    def _fits(self, image: Array) -> bool:
        return max(image.shape[:2]) <= self.tile

    def _tiles(self, image: Array) -> list[Tile]:
        window = self.tile if not self._fits(image) else None
        height, width = image.shape[:2]
        return tiles_of((height, width), window=window, margin=_REACH * self._step, step=self._step)


class _Target(NamedTuple):
    record: Record
    alpha: Array


def _run(
    network: StyleNetwork,
    method: str,
    params: Any,
    window: Window,
    known: Record,
    target: _Target | None,
) -> tuple[Array, Record]:
    """The output, and the statistics of what counts at every point whose own are not `known`."""
    record: Record = {}

    def own(name: str, h: Array) -> tuple[Moments, Array]:
        weights = _at(window.shares, h)
        if name not in known:
            record[name] = _regions(h, weights * _at(window.core, h))
        return known[name] if name in known else record[name], weights

    def move(name: str, h: Array) -> Array:
        content, weights = own(name, h)
        if target is None or name not in target.record:
            return h
        return _blend(h, weights, content, target.record[name], target.alpha, method)

    def normalise(name: str, h: Array) -> Array:
        whole, _ = own(name, h)
        whole = functools.reduce(merge, [jax.tree.map(operator.itemgetter(i), whole) for i in range(len(whole.count))])
        variance = jnp.diagonal(whole.scatter) / jnp.maximum(whole.count, 1)
        shape = (1,) * (h.ndim - 1) + (-1,)
        return (h - whole.mean.reshape(shape)) * jax.lax.rsqrt(variance + _EPSILON).reshape(shape)

    forward = network.forward._replace(points=Points(move, normalise))
    return forward(Static(network.net.space, params, network.arch), window.x), record


def _blend(h: Array, weights: Array, content: Moments, style: Moments, alpha: Array, method: str) -> Array:
    """Each region after its own map; where regions meet, their mixture. A region that either lacks stays as it is."""
    flat, mix = h.reshape(-1, h.shape[-1]), weights.reshape(-1, weights.shape[-1])
    moved = flat
    for label in range(mix.shape[-1]):
        mine, theirs = (jax.tree.map(operator.itemgetter(label), m) for m in (content, style))
        y = apply_transfer(transfer(mine, theirs, method=method), flat, alpha)
        there = (mine.count > 0) & (theirs.count > 0)
        moved = moved + mix[:, label : label + 1] * jnp.where(there, y - flat, 0.0)
    return moved.reshape(h.shape)


def _regions(h: Array, weights: Array) -> Moments:
    """Statistics of each region: `[labels, ...]`."""
    flat = h.reshape(-1, h.shape[-1])
    return jax.lax.map(lambda w: moments(flat, w), jnp.moveaxis(weights.reshape(-1, weights.shape[-1]), -1, 0))


def _at(shares: Array, h: Array) -> Array:
    """Shares at a feature's resolution: means over the pixels that each position covers."""
    factor = shares.shape[1] // h.shape[-3]
    batch, height, width, labels = shares.shape
    return shares.reshape(batch, height // factor, factor, width // factor, factor, labels).mean((2, 4))


def _groups(points: list[str], levels: int, *, styled: bool) -> list[list[str]]:
    """Points whose inputs depend only on points before their group: skips, then norms, then stage after stage."""
    skips = [n for n in points if n.endswith(".skip") or n == "bn.wct"]
    norms = [n for n in points if not _is_transfer(n)]
    stages = [[f"d{stage}.wct"] for stage in range(levels, 0, -1) if f"d{stage}.wct" in points]
    # A style is not moved, so what is behind a transfer does not wait for it, and norms matter to later stages only.
    behind = [n for group in stages for n in group]
    groups = [skips, norms, *stages] if styled else [skips + norms if behind else skips, behind]
    return [group for group in groups if group]


def _only(points: Sequence[str], record: Record) -> Record:
    return {name: record[name] for name in points}


def _is_transfer(name: str) -> bool:
    return name.endswith((".wct", ".skip"))


def _merge(a: Record, b: Record) -> Record:
    return {name: _merge_moments(a[name], b[name]) for name in a}


_merge_moments: Callable[[Moments, Moments], Moments] = jax.jit(jax.vmap(merge))
