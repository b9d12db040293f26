"""Blocks that weigh features by what lies around them: large-kernel pixel attention and self-modulation.

As in `ops.blocks`, `out` and the input are trunk channels, `inner` is the block's own width, and sizes are kept.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nasjax.ops.base import Op, Width, keep
from nasjax.ops.blocks import global_mean
from nasjax.ops.conv import conv, conv_params, depthwise, depthwise_params
from nasjax.ops.norm import instance_norm_params, pixel_norm, unit_pixels
from nasjax.ops.params import Param
from nasjax.ops.partial import partial, partial_params
from nasjax.typing import Params

_QUIET = 0.2  # as in `ops.blocks`
_SHIFTS = (1, 2, 4)  # maxima of an image and itself moved so far are maxima of windows of eight


def large_kernel() -> Op:
    """Large-kernel pixel attention: 1x1, GELU, times its own context, 1x1; residual; norm over channels.

    The context is 1x1, depthwise 5x5 and depthwise 5x5 of dilation 3, which reaches 17x17 pixels.
    Source: VapSR, arXiv 2210.05960, figure 3 (b) and section 3.2.
    """

    def params(c, out, inner):
        return {
            "a": conv_params(1, c, inner, gain=1.0),
            "p": conv_params(1, inner, inner, gain=1.0),
            "d": depthwise_params(5, inner, bias=False),
            "e": depthwise_params(5, inner),
            "z": conv_params(1, inner, out, gain=1.0),
            "norm": instance_norm_params(out),
        }

    def apply(p, x, out, inner):
        h = gelu(conv(p["a"], x, inner))
        context = depthwise(p["e"], depthwise(p["d"], conv(p["p"], h, inner)), inner, dilation=3)
        return pixel_norm(p["norm"], x + conv(p["z"], h * context, out), out)

    return Op("large-kernel", params, apply)


def self_modulation() -> Op:
    """Self-modulated features plus local detail, then a mixer with a partial convolution; both residual.

    With x and y two 1x1 of the normalised input, the features are x * GELU(1x1(alpha * d + beta * var(x))), d a
    depthwise 3x3 of the maxima of x, and the detail is 1x1(GELU(1x1(depthwise 3x3 of y))). The paper takes the maxima
    of blocks of 8x8 pixels and enlarges the result; we take those of a window of 8x8 at each pixel, so that the
    network takes any size and moves with the image. Source: SMFANet (ECCV 2024), section 3.2, equations 1 to 8.
    """

    def params(c, out, inner):
        features = {
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
        }
        mixer = {
            "f": conv_params(1, out, inner, gain=1.0),
            "g": partial_params(3, inner),
            "h": conv_params(1, inner, out, gain=_QUIET),
        }
        return features | mixer

    def apply(p, x, out, inner):
        normed = unit_pixels(x)
        detail = gelu(conv(p["u"], depthwise(p["l"], conv(p["y"], normed, inner)), inner))
        both = modulated(p, conv(p["x"], normed, inner), inner) + conv(p["v"], detail, inner)
        x = x + conv(p["z"], both, out)
        h = partial(p["g"], gelu(conv(p["f"], unit_pixels(x), inner)), inner, activate_fn=gelu)
        return x + conv(p["h"], h, out)

    return Op("self-modulation", params, apply)


def modulated(p: Params, x: Float[Array, "*d h w c"], width: Width) -> Float[Array, "*d h w c"]:
    """x times the GELU of a 1x1 of its local maxima and its variance over the image (SMFANet, equations 2 to 5)."""
    shape = (1,) * (x.ndim - 1) + (-1,)
    alpha, beta = (p[n][: x.shape[-1]].astype(x.dtype).reshape(shape) for n in ("alpha", "beta"))
    mean = global_mean(x)
    variance = global_mean((x - mean) * (x - mean))
    structure = depthwise(p["d"], local_maxima(x))
    return x * gelu(conv(p["m"], alpha * structure + beta * variance, width))


def local_maxima(x: Float[Array, "*d h w c"]) -> Float[Array, "*d h w c"]:
    """The maximum of each channel over the window of 8x8 pixels from 3 before to 4 behind each pixel, in the image."""
    for axis in (x.ndim - 3, x.ndim - 2):
        widths = [(3, 4) if a == axis else (0, 0) for a in range(x.ndim)]
        x = jnp.pad(x, widths, constant_values=-jnp.inf)
        for shift in _SHIFTS:
            size = x.shape[axis] - shift
            here, ahead = (jax.lax.slice_in_dim(x, first, first + size, axis=axis) for first in (0, shift))
            x = jnp.maximum(here, ahead)
    return x


def gelu(x: jax.Array) -> jax.Array:
    """x times the standard normal distribution function of x, exactly."""
    return jax.nn.gelu(x, approximate=False)


def contrast_attention(reduced: int = 8) -> Op:
    """Scale channels by a gate from the sum of their means and standard deviations over the image.

    Source: contrast-aware channel attention, IMDN, arXiv 1909.11856, equation 5.
    """

    def params(c, out, inner):
        return {"a": conv_params(1, c, reduced, gain=1.0), "z": conv_params(1, reduced, out, gain=1.0)}

    def apply(p, x, out, inner):
        mean = global_mean(x)
        # The floor keeps the gradient of the root finite where a channel is flat; masked ones must stay zero.
        deviation = jnp.sqrt(global_mean((x - mean) * (x - mean)) + 1e-6)
        pooled = jax.nn.relu(conv(p["a"], mean + keep(deviation, out), reduced))
        return x * jax.nn.sigmoid(conv(p["z"], pooled, out))

    return Op("contrast-attention", params, apply)
