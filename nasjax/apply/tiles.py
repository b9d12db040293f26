"""Overlapping windows of few shapes over a picture: what a network is run on, and which part of it counts."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

from nasjax.apply.canvas import mapped, release
from nasjax.apply.levels import to_floats
from nasjax.windows.windowed import Place


class Tile(NamedTuple):
    """A window of a picture, and its core (top, left, bottom, right in the picture), which no other window has.

    `open_ended`: whether the window may reach beyond the picture's last row, and column.
    """

    top: int
    left: int
    height: int
    width: int
    core: tuple[int, int, int, int]
    open_ended: tuple[bool, bool] = (False, False)


def tiles_of(size: tuple[int, int], *, sides: Sequence[int], margin: int, exact: int = 0) -> list[Tile]:
    """Tiles that cover a picture of `size`, row by row, with `margin` pixels around each core but at the borders.

    `sides` are the sides that windows may have, ascending. Where a side of the picture is no longer than the last, one
    window of the least that holds it is all there is; else windows of the last side lie inside the picture. Margin and
    sides are multiples of what divides the size. `exact`: no window reaches beyond the picture, whatever its size; they
    begin at multiples of that number, and the last one ends where the picture does. ValueError where several are needed
    and the last side is no longer than two margins.
    """
    rows, columns = (spans(length, sides, margin, exact=exact) for length in size)
    loose = (exact == 0 and size[0] <= sides[-1], exact == 0 and size[1] <= sides[-1])
    return [
        Tile(y, x, h, w, (top, left, bottom, right), loose)
        for y, h, top, bottom in rows
        for x, w, left, right in columns
    ]


def cut(
    pixels: Shaped[np.ndarray, "h w c"], tile: Tile, *, mirrored: bool = False, levels: bool = True, reach: int = 0
) -> Shaped[np.ndarray, "1 i j c"]:
    """The tile's window; beyond the picture the last pixel again, or the picture mirrored, border included.

    With `reach` a picture is continued to the left and right by its own columns, from the other side, and the tile's
    columns count from so many before the picture's first. uint8 and uint16 are `levels`, which become float32 in
    [-1, 1], or other integers, which stay what they are. Floats may be a view of the picture's.
    """
    for axis, (start, length) in enumerate(((tile.top, tile.height), (tile.left - reach, tile.width))):
        at, end = np.arange(start, start + length), pixels.shape[axis]
        if at[0] >= 0 and at[-1] < end:
            pixels = pixels[(slice(None),) * axis + (slice(start, start + length),)]
            continue
        if axis == 1 and reach:
            at = at % end
        else:
            at = np.minimum(at % (2 * end), 2 * end - 1 - at % (2 * end)) if mirrored else np.minimum(at, end - 1)
        pixels = np.take(pixels, at, axis)
    return (to_floats(pixels) if levels else pixels)[None]


def counting(tiles: Sequence[Tile], size: tuple[int, int], reach: int) -> list[Tile]:
    """The tiles of a picture that is continued by `reach` columns on either side to `size`: only it itself counts."""
    cores = [(t.core[0], max(t.core[1], reach), t.core[2], min(t.core[3], size[1] - reach)) for t in tiles]
    return [tile._replace(core=core) for tile, core in zip(tiles, cores, strict=True) if core[1] < core[3]]


def moved(tile: Tile, columns: int) -> Tile:
    """The tile so many columns to the right."""
    top, left, bottom, right = tile.core
    return tile._replace(left=tile.left + columns, core=(top, left + columns, bottom, right + columns))


def place_of(tile: Tile, size: tuple[int, int]) -> Place:
    """The tile in a picture of `size`, as programs take it."""
    start = np.array([tile.top, tile.left], np.int32)
    core = np.array(tile.core, np.int32).reshape(2, 2).T - start[:, None]
    return Place(start, np.array(size, np.int32), core, tile.open_ended)


class Packed(NamedTuple):
    """A picture that is put together from tiles: float32, or half of that, in steps of 6e-5 from -2 to 2."""

    array: np.ndarray

    @classmethod
    def of(cls, size: tuple[int, int], *, exact: bool) -> "Packed":
        """An empty one."""
        return cls(np.empty((*size, 3), np.float32) if exact else mapped((*size, 3), np.uint16))

    def paste(self, tile: Tile, y: Float[np.ndarray, "i j 3"]) -> None:
        """Puts the tile's core in its place, as much of it as the picture has."""
        top, left, bottom, right = tile.core
        place = self.array[top:bottom, left:right]
        core = y[top - tile.top :, left - tile.left :][: place.shape[0], : place.shape[1]]
        place[...] = core if place.dtype == np.float32 else np.round((core.clip(-2, 2) + 2) * (65535 / 4))
        release(self.array)

    def rows(self, part: slice) -> Float[np.ndarray, "i w 3"]:
        """Some rows as float32."""
        rows = self.array[part].astype(np.float32)
        release(self.array)
        return rows if self.array.dtype == np.float32 else rows * np.float32(4 / 65535) - 2


def spans(length: int, sides: Sequence[int], margin: int, *, exact: int) -> list[tuple[int, int, int, int]]:
    """The tiles of one axis as in `tiles_of`: (start, size, core start, core end)."""
    if length <= sides[-1]:
        return [(0, length if exact else min(side for side in sides if side >= length), 0, length)]
    side = sides[-1]
    inner = side - 2 * margin
    if inner <= 0:
        raise ValueError(f"tiles of {side} pixels are no larger than the {margin} on each side that are only seen")
    # Windows at the borders need a margin on one side only.
    number = max(2, -(-(length - 2 * margin) // inner))
    edges, step = [0, *(margin + inner * i for i in range(1, number)), length], max(exact, 1)
    starts = [min(max(edge - margin, 0), length - side) // step * step for edge in edges[:-1]]
    ends = [*(start + side for start in starts[:-1]), length]
    return [
        (start, end - start, first, last)
        for start, end, first, last in zip(starts, ends, edges[:-1], edges[1:], strict=True)
    ]
