"""What up-sampling leaves on a picture: a pattern that repeats itself by as many pixels as one of the input became."""

import jax.numpy as jnp
from jaxtyping import Array, Float

# Squared second differences of less than a level of 8-bit pixels: where a picture is as flat, nothing is seen.
_UNSEEN = (2 / 255) ** 2

CELLS = 6
"""Squares of a period that a window has a side: of a pixel shuffle so many low-resolution pixels, and one more."""


def repetition(x: Float[Array, "b h w c"], period: int, *, cells: int = CELLS) -> Float[Array, "b i j"]:
    """How much each window of pictures in [-1, 1] repeats itself by `period` pixels, 0 to `cells`^2.

    Of second differences, so that slopes and edges are no patterns: the energy of the mean over a window's `cells` x
    `cells` squares of `period` pixels, as a multiple of what it would be if the squares had nothing in common. So it is
    about 1 where they have not, `cells`^2 where they are equal, and less than 1 where they are each other's opposite.
    Raises ValueError where no window fits into the pictures.
    """
    curved = 4 * x[:, 1:-1, 1:-1] - x[:, :-2, 1:-1] - x[:, 2:, 1:-1] - x[:, 1:-1, :-2] - x[:, 1:-1, 2:]
    rows, columns = (size // (cells * period) for size in curved.shape[1:3])
    if not rows or not columns:
        size = f"{x.shape[1]}x{x.shape[2]}"
        raise ValueError(f"repetition: windows of {cells * period + 2} pixels do not fit into {size}")
    whole = curved[:, : rows * cells * period, : columns * cells * period]
    cut = whole.reshape(x.shape[0], rows, cells, period, columns, cells, period, x.shape[3])
    common = jnp.square(cut.mean((2, 5))).mean((2, 4, 5))
    return cells**2 * common / (jnp.square(cut).mean((2, 3, 5, 6, 7)) + _UNSEEN)


def repetition_loss(y: Float[Array, "b h w c"], target: Float[Array, "b h w c"], period: int) -> Float[Array, ""]:
    """By how much windows of `y` repeat themselves more than those of the target: 0 where none does."""
    return jnp.maximum(repetition(y, period) - repetition(target, period), 0).mean()
