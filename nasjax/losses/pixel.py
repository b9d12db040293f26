"""Pixel losses: means over every axis, in float32."""

import jax.numpy as jnp
from jaxtyping import Array, Float

Values = Float[Array, "*d"]
_EPSILON = 1e-3  # Charbonnier's bend, in units of the [-1, 1] range: an eighth of a grey level


def l1(x: Values, y: Values) -> Float[Array, ""]:
    """Mean absolute difference."""
    return jnp.abs(_difference(x, y)).mean()


def mse(x: Values, y: Values) -> Float[Array, ""]:
    """Mean squared difference."""
    return jnp.square(_difference(x, y)).mean()


def charbonnier(x: Values, y: Values) -> Float[Array, ""]:
    """Mean of sqrt(d^2 + 0.001^2), an L1 that is smooth at zero (LapSRN, arXiv 1704.03915, equation 2)."""
    return jnp.sqrt(jnp.square(_difference(x, y)) + _EPSILON**2).mean()


PIXEL_LOSSES = {"l1": l1, "charbonnier": charbonnier, "mse": mse}


def _difference(x: Values, y: Values) -> Values:
    return x.astype(jnp.float32) - y.astype(jnp.float32)
