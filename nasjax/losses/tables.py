"""Penalties of look-up tables: how rough they are, and where they turn the order of colours around.

Tables are changes: what is looked up is added to the colour. Source: image-adaptive 3D LUTs, arXiv 2009.14468,
equations 6 to 8.
"""

import functools
from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float


def roughness(table: Float[Array, "*d"], axes: Sequence[int]) -> Float[Array, ""]:
    """The mean squared difference of neighbours along each of the axes, summed over the axes; 0 for a constant."""
    return functools.reduce(jnp.add, [jnp.square(jnp.diff(table, axis=axis)).mean() for axis in axes])


def reversals(
    table: Float[Array, "*d c"], axes: Sequence[tuple[int, int]], *, step: float | None = None
) -> Float[Array, ""]:
    """How far a colour with the table's change falls where it should rise, as a mean over places, summed over `axes`.

    `axes` are pairs (axis, channel): along the axis that channel's colour rises by `step`, by default from -1 to 1.
    """
    falls = []
    for axis, channel in axes:
        change = table[..., channel]
        rise = jnp.diff(change, axis=axis) + (step or 2 / (change.shape[axis] - 1))
        falls.append(jnp.maximum(-rise, 0).mean())
    return functools.reduce(jnp.add, falls)
