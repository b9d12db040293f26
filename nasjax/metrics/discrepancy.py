"""The distance of two sets of pictures as part of a program: what candidates of a search are compared by."""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float


def gaussian_discrepancy(
    x: Float[Array, "n d"], y: Float[Array, "m d"], *, bandwidth: Float[Array, ""]
) -> Float[Array, ""]:
    """`gaussian_distance` in float32 on the device, traceable: to compare candidates of a search, not for tables."""

    def kernel(a: Array, b: Array) -> Array:
        product = jnp.matmul(a, b.T, precision=lax.Precision.HIGHEST)
        squares = jnp.square(a).sum(1)[:, None] + jnp.square(b).sum(1)[None] - 2 * product
        return jnp.exp(squares.clip(0) / (-2 * bandwidth**2))

    # Centred first: the difference of squares loses what two nearly equal far-off vectors differ by.
    centre = y.mean(0, keepdims=True)
    x, y = x - centre, y - centre
    within = [(kernel(a, a).sum() - len(a)) / (len(a) * (len(a) - 1)) for a in (x, y)]
    return within[0] + within[1] - 2 * kernel(x, y).mean()
