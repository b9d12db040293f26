"""Perceptual losses: distances between features of a fixed encoder, which is given as a function."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nasjax.losses.pixel import mse
from nasjax.metrics.lpips import lpips
from nasjax.typing import Params

# (params, images [*d, h, w, 3] in [-1, 1]) -> features of level 1, 2, ..., each [*d, h', w', c].
EncodeFn = Callable[[Params, Any], Sequence[Array]]


def feature_loss(
    encode_fn: EncodeFn,
    params: Params,
    y: Float[Array, "*d h w 3"],
    *,
    target: Float[Array, "*d h w 3"],
    levels: Sequence[int],
) -> Float[Array, ""]:
    """How far images are from their targets in an encoder's features: `feature_distance` of `y` and `target`.

    `encode_fn` is `Encoder.apply`. Gradients flow to `y` alone: encoder and target are fixed (perceptual loss,
    arXiv 1603.08155, equation 2, on features after ReLU).
    """
    params, target = jax.lax.stop_gradient((params, target))
    return feature_distance(encode_fn(params, y), encode_fn(params, target), levels=levels)


def feature_distance(
    features: Sequence[Float[Array, "..."]], target: Sequence[Float[Array, "..."]], *, levels: Sequence[int]
) -> Float[Array, ""]:
    """The mean over levels (1 is relu1_1) of the mean squared difference of features, in float32.

    With an encoder of unit mean activation all levels count alike. ValueError on a level that is not there.
    """
    there = range(1, min(len(features), len(target)) + 1)
    if not levels or not set(levels) <= set(there):
        raise ValueError(f"feature_distance: levels must be among {[*there]}, got {levels}")
    return jnp.stack([mse(features[level - 1], target[level - 1]) for level in levels]).mean()


def lpips_loss(
    encode_fn: EncodeFn, params: Params, y: Float[Array, "*d h w 3"], *, target: Float[Array, "*d h w 3"]
) -> Float[Array, ""]:
    """The mean of `metrics.lpips` over images; gradients flow to `y` alone (arXiv 1801.03924, used as a loss)."""
    params, target = jax.lax.stop_gradient((params, target))
    return lpips(encode_fn, params, y, target=target).mean()
