"""Overlapping windows of one size over an image: what a network is run on, and which part of it counts."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

_GRAIN = 16  # windows are multiples of so many steps


class Tile(NamedTuple):
    """A window of an image (padded at the bottom and right to whole steps), and its core, which no other has."""

    top: int
    left: int
    height: int
    width: int
    core: tuple[int, int, int, int]  # top, left, bottom, right in the image

    def paste(self, out: Float[Array, "h w c"], y: Float[Array, "1 i j c"]) -> Float[Array, "h w c"]:
        """The image with the tile's core in its place."""
        top, left, bottom, right = self.core
        return out.at[top:bottom, left:right].set(
            y[0, top - self.top : bottom - self.top, left - self.left : right - self.left]
        )


class Window(NamedTuple):
    """Pixels, how much each belongs to each region, and how much it counts: 0 outside the tile's core."""

    x: Float[Array, "1 h w 3"]
    shares: Float[Array, "1 h w k"]
    core: Float[Array, "1 h w 1"]


def tiles_of(size: tuple[int, int], *, window: int | None, margin: int, step: int) -> list[Tile]:
    """Tiles that cover an image of `size`, with `margin` pixels around each core but at the image's borders.

    `window` is the largest side of a tile (None: the whole image is one); `step` divides all positions.
    """
    rows, columns = (_spans(length, window, margin, step) for length in size)
    return [Tile(y, x, h, w, (top, left, bottom, right)) for y, h, top, bottom in rows for x, w, left, right in columns]


def cut(
    tile: Tile,
    image: Float[Array, "h w 3"],
    shares: Float[Array, "h w k"] | None,
    *,
    step: int,
    counts: Float[Array, "h w"] | None = None,
) -> Window:
    """The window; how much each pixel belongs to each region (default: all to one); and how much it counts.

    Around the core that is 0, and in it `counts` (default: 1).
    """
    height, width = image.shape[:2]
    shares = jnp.ones((height, width, 1)) if shares is None else shares
    top, left, bottom, right = tile.core
    inside = 1.0 if counts is None else counts[top:bottom, left:right, None]
    core = jnp.zeros((height, width, 1)).at[top:bottom, left:right].set(inside)
    more = [max(-(-n // step) * step, 2 * step) - n for n in (height, width)]
    here = (slice(tile.top, tile.top + tile.height), slice(tile.left, tile.left + tile.width))
    # Mirrored as often as it takes: a picture may be narrower than what it is padded by.
    modes = ((image, "symmetric"), (shares, "symmetric"), (core, "constant"))
    x, shares, core = (jnp.pad(a, ((0, more[0]), (0, more[1]), (0, 0)), mode=mode)[here][None] for a, mode in modes)
    return Window(x, shares, core)


def _spans(length: int, window: int | None, margin: int, step: int) -> list[tuple[int, int, int, int]]:
    """(start, size, core start, core end) along one axis."""
    padded = max(-(-length // step) * step, 2 * step)
    if window is None or padded <= window:
        return [(0, padded, 0, length)]
    side = window // step * step
    # Windows at the borders need a margin on one side only.
    number = max(2, -(-(padded - 2 * margin) // (side - 2 * margin)))
    # Of one number of windows the smallest: they overlap less. In coarse steps, so that pictures share programs.
    least, grain = -(-(padded - 2 * margin) // number) + 2 * margin, _GRAIN * step
    side = min(side, -(-least // grain) * grain)
    core = side - 2 * margin
    edges = [margin + core * i for i in range(1, number)]
    edges = [0, *(e for e in edges if e < length), length]
    return [
        (min(max(start - margin, 0), padded - side), side, start, end)
        for start, end in zip(edges, edges[1:], strict=False)
    ]
