"""Blocks that weigh features by what lies around them: large-kernel pixel attention and self-modulation.

As in `ops.blocks`, `out` and the input are trunk channels, `inner` is the block's own width, and sizes are kept.
"""

import functools

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
_BLOCK = 8  # pixels a side of the blocks whose maxima SMFANet takes


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
    depthwise 3x3 of the maxima of x, and the detail is 1x1(GELU(1x1(depthwise 3x3 of y))); detail and mixer are twice
    `inner` wide inside. The authors take the maxima of blocks of 8x8 pixels, convolve those and repeat the result over
    each block; we do for each pixel what they do for a block, the window of 8x8 around the pixel being one: so the
    network takes any size and moves with the image. It sees from 11 pixels before to 12 behind, three blocks.
    Source: SMFANet (ECCV 2024), section 3.2, equations 1 to 8, and the authors' code (Zheng-MJ/SMFANet).
    """

    def params(c, out, inner):
        features = {
            "x": conv_params(1, c, inner, gain=1.0),
            "d": depthwise_params(3, inner, bias=False),
            "alpha": Param((inner,), mean=1.0),
            "beta": Param((inner,)),
            "m": conv_params(1, inner, inner, gain=1.0),
            "z": conv_params(1, inner, out, gain=_QUIET),
        }
        mixer = {
            "f": conv_params(1, out, 2 * inner, gain=1.0),
            "g": partial_params(3, 2 * inner),
            "h": conv_params(1, 2 * inner, out, gain=_QUIET),
        }
        return features | _detail_params(c, inner) | mixer

    def apply(p, x, out, inner):
        normed = unit_pixels(x)
        both = modulated(p, conv(p["x"], normed, inner), inner) + _detail(p, conv(p["y"], normed, inner), inner)
        x = x + conv(p["z"], both, out)
        h = gelu(conv(p["f"], unit_pixels(x), 2 * inner))
        return x + conv(p["h"], partial(p["g"], h, 2 * inner, activate_fn=gelu), out)

    return Op("self-modulation", params, apply)


def _detail_params(c: int, inner: int) -> dict:
    return {
        "y": conv_params(1, c, inner, gain=1.0),
        "l1": depthwise_params(3, inner, bias=False),
        "l2": depthwise_params(3, inner, bias=False),
        "u1": conv_params(1, inner, 2 * inner, gain=0.7),
        "u2": conv_params(1, inner, 2 * inner, gain=0.7, bias=False),
        "v": conv_params(1, 2 * inner, inner, gain=1.0),
    }


def _detail(p: Params, y: jax.Array, inner: Width) -> jax.Array:
    """Local detail (SMFANet's LDE), of two depthwise kernels a channel.

    The 1x1 over both results is a sum of two, so that the weights of narrower blocks are leading slices.
    """
    seen = (conv(p[f"u{n}"], depthwise(p[f"l{n}"], y), 2 * inner) for n in (1, 2))
    return conv(p["v"], gelu(functools.reduce(jnp.add, seen)), inner)


def modulated(p: Params, x: Float[Array, "*d h w c"], width: Width) -> Float[Array, "*d h w c"]:
    """x times the GELU of a 1x1 of its local maxima and its variance over the image (SMFANet, equations 2 to 5)."""
    shape = (1,) * (x.ndim - 1) + (-1,)
    alpha, beta = (p[n][: x.shape[-1]].astype(x.dtype).reshape(shape) for n in ("alpha", "beta"))
    mean = global_mean(x)
    variance = global_mean((x - mean) * (x - mean))
    structure = depthwise(p["d"], local_maxima(x, _BLOCK), dilation=_BLOCK)
    return x * gelu(conv(p["m"], alpha * structure + beta * variance, width))


def local_maxima(x: Float[Array, "*d h w c"], window: int, *, dilation: int = 1) -> Float[Array, "*d h w c"]:
    """The maximum of each channel over the window around each pixel, of `window` pixels a side, `dilation` apart.

    As many lie before as behind the pixel, and one more behind where their number is even; those beyond the image do
    not count.
    """
    for axis in (x.ndim - 3, x.ndim - 2):
        seen, reach = 1, dilation * (window - 1)
        widths = [(reach // 2, reach - reach // 2) if a == axis else (0, 0) for a in range(x.ndim)]
        x = jnp.pad(x, widths, constant_values=-jnp.inf)
        while seen < window:
            # The maxima of `seen` places, and the same moved on, are those of up to twice as many.
            more = min(seen, window - seen)
            size = x.shape[axis] - dilation * more
            here, ahead = (jax.lax.slice_in_dim(x, i, i + size, axis=axis) for i in (0, dilation * more))
            x, seen = jnp.maximum(here, ahead), seen + more
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
