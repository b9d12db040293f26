"""Blocks that weigh features by what lies around them: large-kernel pixel attention and self-modulation.

As in `ops.blocks`, `out` and the input are trunk channels and `inner` is the block's own width; sizes are kept.
"""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nasjax.ops.base import Op, Width
from nasjax.ops.blocks import global_mean
from nasjax.ops.conv import conv, conv_params, depthwise, depthwise_params
from nasjax.ops.norm import instance_norm_params, pixel_norm
from nasjax.ops.params import Param
from nasjax.typing import Params

_QUIET = 0.2  # as in `ops.blocks`
_WINDOW = 8  # side of the window whose maximum self-modulation looks at


def large_kernel() -> Op:
    """Large-kernel pixel attention: 1x1, GELU, times its own context, 1x1; residual; pixel norm.

    The context is 1x1, depthwise 5x5 and depthwise 5x5 of dilation 3: it reaches 17x17 pixels. The biases of the 1x1
    before them are left out but for the first, which the activation needs.
    Source: VapSR, arXiv 2210.05960, figure 3 (b) and section 3.2.
    """

    def params(c, out, inner):
        return {
            "a": conv_params(1, c, inner, gain=1.0),
            "p": conv_params(1, inner, inner, gain=1.0, bias=False),
            "d": depthwise_params(5, inner, bias=False),
            "e": depthwise_params(5, inner),
            "z": conv_params(1, inner, out, gain=1.0),
            "norm": instance_norm_params(out),
        }

    def apply(p, x, out, inner):
        h = jax.nn.gelu(conv(p["a"], x, inner), approximate=False)
        context = depthwise(p["e"], depthwise(p["d"], conv(p["p"], h, inner)), inner, dilation=3)
        return pixel_norm(p["norm"], x + conv(p["z"], h * context, out), out)

    return Op("large-kernel", params, apply)


def self_modulation() -> Op:
    """Self-modulation beside local detail, then a partial-convolution mixer; both residual.

    Source: SMFANet, ECCV 2024, equations 1-8 and figure 2. The image is norm'd by pixel, split by two 1x1
    into y and x. Non-local: x * GELU(1x1(alpha * depthwise(max(x)) + beta * var(x))), where the paper takes
    the maximum of each eighth and enlarges it, and we of a window of 8x8 around each pixel: so it has no blocks, moves
    with the image, and takes any size. Local: depthwise 3x3 to y, 1x1, GELU, 1x1.
    """

    def params(c, out, inner):
        return {
            "before": instance_norm_params(c),
            "x": conv_params(1, c, inner, gain=1.0),
            "y": conv_params(1, c, inner, gain=1.0),
            "d": depthwise_params(3, inner, bias=False),
            "alpha": Param((inner,), mean=1.0),
            "beta": Param((inner,)),
            "m": conv_params(1, inner, inner, gain=1.0),
            "l": depthwise_params(3, inner, bias=False),
            "u": conv_params(1, inner, inner, gain=1.0),
            "v": conv_params(1, inner, inner, gain=1.0),
            "z": conv_params(1, inner, out, gain=_QUIET),
            "between": instance_norm_params(out),
            "f": conv_params(1, out, inner, gain=1.0),
            "g": conv_params(3, inner // 4, inner // 4),
            "h": conv_params(1, inner, out, gain=_QUIET),
        }

    def apply(p, x, out, inner):
        normed = pixel_norm(p["before"], x, out)
        x = x + conv(p["z"], _modulated(p, normed, inner) + _local(p, normed, inner), out)
        h = gelu(conv(p["f"], pixel_norm(p["between"], x, out), inner))
        return x + conv(p["h"], partial(p["g"], h, inner, activate=gelu), out)

    return Op("self-modulation", params, apply)
