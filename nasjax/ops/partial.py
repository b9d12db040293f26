"""Partial convolution: a 3x3 over the first quarter of the channels, the others pass."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nasjax.ops.base import Op, Width, keep
from nasjax.ops.blocks import activate
from nasjax.ops.conv import conv, conv_params
from nasjax.ops.params import Param
from nasjax.typing import Params

SHARE = 4  # one channel of so many is convolved


def partial_params(kernel: int, channels: int) -> dict[str, Param]:
    """Declaration of a convolution over a quarter of the channels, at least one."""
    return conv_params(kernel, max(channels // SHARE, 1), max(channels // SHARE, 1))


def partial(
    p: Params,
    x: Float[Array, "*d h w c"],
    width: Width,
    *,
    activate_fn: Callable[[jax.Array], jax.Array] = lambda x: x,
) -> Float[Array, "*d h w c"]:
    """The first quarter of the `width` channels convolved (and activated), beside the others as they are.

    Source: FasterNet, arXiv 2303.03667, section 3.2.
    """
    part = max(width // SHARE, 1) if isinstance(width, int) else jnp.maximum(width // SHARE, 1)
    most = max(x.shape[-1] // SHARE, 1)
    head, rest = x[..., :most], x[..., most:]
    seen = keep(head, part)
    changed = keep(activate_fn(conv(p, seen, most)), part)
    # Of a masked width, channels from its quarter on belong to those that pass.
    return jnp.concatenate([changed if isinstance(width, int) else changed + (head - seen), rest], -1)


def faster() -> Op:
    """Partial 3x3 convolution, 1x1 to `inner`, activation, 1x1 back; residual (FasterNet, figure 4)."""

    def params(c, out, inner):
        return {
            "d": partial_params(3, c),
            "a": conv_params(1, c, inner, gain=1.0),
            "z": conv_params(1, inner, out, gain=0.2),
        }

    def apply(p, x, out, inner):
        return x + conv(p["z"], activate(conv(p["a"], partial(p["d"], x, out), inner)), out)

    return Op("partial", params, apply)
