"""Mean and variance of channels over places of a picture, as sums that merge."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import export
from jaxtyping import Array, Bool, Float


class Sums(NamedTuple):
    """How much was counted, the mean by channel, and the weighted sum of squares about it; each `[..., 1, 1, c]`."""

    count: Float[Array, "*d 1 1 1"]
    mean: Float[Array, "*d 1 1 c"]
    squares: Float[Array, "*d 1 1 c"]


export.register_namedtuple_serialization(Sums, serialized_name="nasjax.Sums")


def channel_sums(weights: Float[Array, "..."] | Bool[Array, "..."], x: Float[Array, "*d h w c"]) -> Sums:
    """Sums over height and width in float32; `weights` broadcast to `[..., h, w, 1]`, and 0 leaves a place out.

    About a mean that is first guessed from the same places: sums of differences keep their digits.
    """
    wide, weights = x.astype(jnp.float32), jnp.broadcast_to(weights, (*x.shape[:-1], 1)).astype(jnp.float32)
    count = weights.sum((-3, -2), keepdims=True)

    def total(values: Array) -> Array:
        return jnp.where(weights > 0, weights * values, 0.0).sum((-3, -2), keepdims=True)

    guess = total(wide) / jnp.maximum(count, 1e-6)
    mean = guess + total(wide - guess) / jnp.maximum(count, 1e-6)
    return Sums(count, mean, total(jnp.square(wide - mean)))


def merge_sums(a: Sums, b: Sums) -> Sums:
    """The sums over the places of both. Source: Chan, Golub and LeVeque 1979, section 2 (pairwise update)."""
    count, step = a.count + b.count, b.mean - a.mean
    share = b.count / jnp.maximum(count, 1e-6)
    return Sums(count, a.mean + step * share, a.squares + b.squares + step * step * a.count * share)


def normalised(sums: Sums, x: Float[Array, "*d h w c"], epsilon: float) -> Float[Array, "*d h w c"]:
    """Zero mean and unit variance, as `ops.norm.normalise` of the places that were counted."""
    variance = sums.squares / jnp.maximum(sums.count, 1e-6)
    return ((x.astype(jnp.float32) - sums.mean) * jax.lax.rsqrt(variance + epsilon)).astype(x.dtype)
