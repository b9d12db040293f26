"""What is known of a value inside a window: which axes grow with the picture, and how far the window's edge reaches in.

A function of an image is traced at the size of a window and run on windows of a picture. Position i of an axis that
grows with the picture is position `i + start * scale` of the value that the whole picture would give; where that lies
beyond the picture's end, an operation that pads must see its own padding instead of what the window holds there.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Int

Spoilt: TypeAlias = tuple[tuple[int, int], tuple[int, int]]
CLEAN: Spoilt = ((0, 0), (0, 0))


class NotWindowed(ValueError):
    """The function cannot be run window by window; the message says which of its operations is why."""


class Halved(NotWindowed):
    """The function halves pictures to parts of pixels unless their sizes are multiples of `multiple`."""

    def __init__(self, multiple: int, given: int):
        super().__init__(f"it halves the picture to multiples of {multiple} pixels, and takes sizes of {given}")
        self.multiple = multiple


class Axis(NamedTuple):
    """An axis that grows with the picture: with its rows (side 0) or columns (1), `scale` positions a pixel."""

    side: int
    scale: Fraction


class Value(NamedTuple):
    """An array at the size of the window.

    `spoilt`: by side, how many positions from each end of the axis are not what the whole picture gives where that end
    is not the picture's. `level`: how many statistics of the whole picture it takes one after the other.
    """

    array: Any
    axes: tuple[Axis | None, ...] = ()
    spoilt: Spoilt = CLEAN
    level: int = 0

    def axis(self, side: int) -> int | None:
        """Which axis of the array runs along a side; None where it has none."""
        found = [i for i, axis in enumerate(self.axes) if axis is not None and axis.side == side]
        return found[0] if found else None

    @property
    def spatial(self) -> bool:
        """Whether any axis grows with the picture."""
        return any(axis is not None for axis in self.axes)


class Frame(NamedTuple):
    """Where a window lies. All but `window` and `open_ended` may be traced; pixels of the picture, rows and columns.

    `start` is the window's first pixel, `size` the picture's, `core` the part of the window (first and last + 1, in its
    own pixels) that counts in statistics. `open_ended`: whether the window may reach beyond the picture's end, by side.
    """

    window: tuple[int, int]
    start: Int[Array, "2"]
    size: Int[Array, "2"]
    core: Int[Array, "2 2"]
    open_ended: tuple[bool, bool]
    masks: dict[Any, Any]  # those that were made already: one value after the other has the same places

    def end(self, axis: Axis, length: int) -> Int[Array, ""]:
        """The position of an axis of `length` in the window at which the picture's value ends."""
        beyond = self.size[axis.side] - self.window[axis.side] - self.start[axis.side]
        return length + _scaled(beyond, axis.scale)

    def position(self, axis: Axis) -> Int[Array, ""]:
        """The position in the whole value of an axis' first position in the window."""
        return _scaled(self.start[axis.side], axis.scale)

    def inside(self, value: Value) -> Bool[Array, "..."] | None:
        """True where the picture's value is, in a shape that broadcasts; None where all of the window is."""
        return self._masked(value, lambda axis, at: at < self.end(axis, len(at)), self.open_ended)

    def counted(self, value: Value) -> Bool[Array, "..."]:
        """True in the core, in a shape that broadcasts."""

        def within(axis: Axis, at: Array) -> Array:
            first, last = (_scaled(edge, axis.scale) for edge in self.core[axis.side])
            return (at >= first) & (at < last)

        found = self._masked(value, within, (True, True))
        assert found is not None
        return found

    def _masked(
        self, value: Value, test: Callable[[Axis, Array], Array], sides: tuple[bool, bool]
    ) -> Bool[Array, "..."] | None:
        """A test of positions along each axis of some sides; made once for each shape and kind of axes."""
        axes = tuple(axis if axis is not None and sides[axis.side] else None for axis in value.axes)
        lengths = tuple(n if axis is not None else 1 for axis, n in zip(axes, value.array.shape, strict=True))
        key = (test.__qualname__, axes, lengths)
        if key not in self.masks:
            found = None
            for i, axis in enumerate(axes):
                if axis is not None:
                    mask = test(axis, jnp.arange(lengths[i])).reshape([-1 if j == i else 1 for j in range(len(axes))])
                    found = mask if found is None else found & mask
            self.masks[key] = None if found is None else found.reshape(lengths)
        return self.masks[key]


def filled(frame: Frame, value: Value, content: Any) -> Any:
    """The array with `content` beyond the picture's end."""
    inside, array = frame.inside(value), value.array
    if inside is None:
        return array
    # Of bare operations: many of them are traced.
    whole = lax.broadcast_in_dim(inside, array.shape, range(array.ndim))
    return lax.select_n(whole, lax.broadcast(jnp.asarray(content, array.dtype), array.shape), array)


def _scaled(pixels: Any, scale: Fraction) -> Any:
    return pixels * scale.numerator // scale.denominator
