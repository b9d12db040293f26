"""Fixed layers as operations: plain convolutions, gates for optional edges, depth to space."""

import functools

import jax
import jax.numpy as jnp

from nasjax.ops.base import Op
from nasjax.ops.conv import conv, conv_params, depthwise, depthwise_params


def conv_op(kernel: int, *, gain: float = 0.6) -> Op:
    """A plain `kernel x kernel` convolution with bias."""
    return Op(
        f"conv{kernel}",
        lambda c, out, inner: conv_params(kernel, c, out, gain=gain),
        lambda p, x, out, inner: conv(p, x, out),
    )


def separable_op(kernel: int, *, gain: float = 0.6) -> Op:
    """A depthwise convolution followed by a 1x1 convolution."""

    def params(c, out, inner):
        return {"d": depthwise_params(kernel, c, bias=False), "z": conv_params(1, c, out, gain=gain)}

    return Op(f"separable-conv{kernel}", params, lambda p, x, out, inner: conv(p["z"], depthwise(p["d"], x), out))


def zero_op() -> Op:
    """An absent edge: zeros like its input."""

    return Op("zero", lambda c, out, inner: {}, lambda p, x, out, inner: jnp.zeros_like(x))


@functools.partial(jax.jit, static_argnums=1)
def pixel_shuffle(x: jax.Array, factor: int) -> jax.Array:
    """Depth to space, `[..., h, w, f*f*c]` -> `[..., f*h, f*w, c]`, channels ordered (row, column, c).

    Named, so that exporters recognise it. Source: ESPCN, arXiv 1609.05158, equation 4.
    """
    *lead, h, w, c = x.shape
    y = x.reshape(*lead, h, w, factor, factor, c // factor**2)
    order = (*range(len(lead)), *(len(lead) + i for i in (0, 2, 1, 3, 4)))
    return y.transpose(order).reshape(*lead, h * factor, w * factor, c // factor**2)
