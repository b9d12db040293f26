"""Normalisation by statistics of each image and channel, or of each pixel over its channels; exact under masks."""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nasjax.ops.base import Width, keep
from nasjax.ops.params import Param
from nasjax.typing import Params


def instance_norm_params(channels: int) -> dict[str, Param]:
    """Declaration of the affine part: a scale of one and a bias of zero a channel."""
    return {"scale": Param((channels,), mean=1.0), "bias": Param((channels,))}


def instance_norm(p: Params, x: Float[Array, "*d h w c"], width: Width) -> Float[Array, "*d h w c"]:
    """Normalise each image and channel over height and width, then scale and shift; statistics in float32.

    An empty `p` skips the affine part. Source: arXiv 1607.08022, equation 2; epsilon 1e-5.
    """
    y = normalise(x)
    if not p:
        return y
    shape = (1,) * (x.ndim - 1) + (-1,)
    scale, bias = (p[n][: x.shape[-1]].astype(x.dtype).reshape(shape) for n in ("scale", "bias"))
    return keep(y * scale + bias, width)


@functools.partial(jax.jit, static_argnums=1)
def normalise(x: Float[Array, "*d h w c"], epsilon: float = 1e-5) -> Float[Array, "*d h w c"]:
    """Zero mean, unit variance over height and width; named, so that exporters recognise it."""
    wide = x.astype(jnp.float32)
    mean = wide.mean((-3, -2), keepdims=True)
    centred = wide - mean
    variance = (centred * centred).mean((-3, -2), keepdims=True)
    return (centred * jax.lax.rsqrt(variance + epsilon)).astype(x.dtype)


def pixel_norm(p: Params, x: Float[Array, "*d h w c"], width: Width) -> Float[Array, "*d h w c"]:
    """Normalise each pixel over its first `width` channels, then scale and shift (`instance_norm_params`).

    Source: layer normalisation over channels as in VapSR, arXiv 2210.05960, section 3.3; epsilon 1e-5.
    """
    wide = x.astype(jnp.float32)
    number = width if isinstance(width, int) else width.reshape(*width.shape, *(1,) * (x.ndim - width.ndim))
    centred = keep(wide - wide.sum(-1, keepdims=True) / number, width)
    variance = (centred * centred).sum(-1, keepdims=True) / number
    y = (centred * jax.lax.rsqrt(variance + 1e-5)).astype(x.dtype)
    shape = (1,) * (x.ndim - 1) + (-1,)
    scale, bias = (p[n][: x.shape[-1]].astype(x.dtype).reshape(shape) for n in ("scale", "bias"))
    return keep(y * scale + bias, width)


def unit_pixels(x: Float[Array, "*d h w c"]) -> Float[Array, "*d h w c"]:
    """Divide each pixel by its Euclidean norm over the channels; pixels of zeros stay zeros."""
    square = (x.astype(jnp.float32) ** 2).sum(-1, keepdims=True)
    return (x * jax.lax.rsqrt(jnp.maximum(square, 1e-24))).astype(x.dtype)
