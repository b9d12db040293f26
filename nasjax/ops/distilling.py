"""Blocks that distil features: after each convolution a part is set aside, and at the end the parts are fused.

As in `ops.blocks`, `out` and the input are trunk channels, `inner` is the width that goes on from step to step, and
half as many channels are set aside at each. A 1x1 over the concatenated parts is written as a sum of 1x1 over each:
so the weights of narrower blocks are leading slices.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nasjax.ops.attentive import contrast_attention, gelu, local_maxima
from nasjax.ops.base import Op, Width
from nasjax.ops.blocks import activate
from nasjax.ops.conv import conv, conv_params, depthwise, depthwise_params
from nasjax.ops.params import Param
from nasjax.typing import Params

_STEPS = ("1", "2", "3")
_CONTRAST = contrast_attention()
_HALVED, _POOLED = 2, 3  # strides of the convolution and of the pooling of enhanced spatial attention


def residual_distillation() -> Op:
    """Three steps of a 1x1 that distils and a residual 3x3, a last 3x3, fusion, enhanced spatial attention; residual.

    Source: the residual feature distillation block, RFDN, arXiv 2009.11551, figure 2 (c); IMDN (arXiv 1909.11856)
    splits channels where this has a 1x1. The first 3x3 brings the trunk to `inner` channels, so it alone has no
    residual; the residual around the block is ours, as in BSRN.
    """

    def params(c, out, inner):
        return {**_distilling_params(c, out, inner, _dense_params), "attend": _attention_params(out, _dense_params)}

    def apply(p, x, out, inner):
        fused = _distilled(p, x, out, inner=inner, conv_fn=conv, activate_fn=activate)
        return x + enhanced_attention(p["attend"], fused, out, conv_fn=conv, activate_fn=jax.nn.relu)

    return Op("residual-distillation", params, apply)


def blueprint_distillation() -> Op:
    """The same with blueprint separable convolutions and GELU, then contrast-aware channel attention; residual.

    A blueprint separable convolution is a 1x1 without bias followed by a depthwise 3x3 (arXiv 2003.13549, section 3).
    Source: the efficient separable distillation block, BSRN, arXiv 2205.05996, figure 2 (b). The first of its
    convolutions alone has no residual, as above.
    """

    def params(c, out, inner):
        attentions = {"attend": _attention_params(out, _blueprint_params), "contrast": _CONTRAST.params(out, out, out)}
        return {**_distilling_params(c, out, inner, _blueprint_params), **attentions}

    def apply(p, x, out, inner):
        fused = _distilled(p, x, out, inner=inner, conv_fn=blueprint, activate_fn=gelu)
        attended = enhanced_attention(p["attend"], fused, out, conv_fn=blueprint, activate_fn=gelu)
        return x + _CONTRAST.apply(p["contrast"], attended, out, out)

    return Op("blueprint-distillation", params, apply)


def enhanced_attention(
    p: Params,
    x: Float[Array, "*d h w c"],
    width: Width,
    *,
    conv_fn: Callable[..., jax.Array],
    activate_fn: Callable[[jax.Array], jax.Array],
) -> Float[Array, "*d h w c"]:
    """x times a gate by place and channel, made of what lies up to 25 pixels around: enhanced spatial attention.

    A 1x1 to a quarter of the channels; of it a 3x3, the maxima of 7x7 and three 3x3, plus another 1x1 of it; a 1x1
    back, and a sigmoid. `conv_fn(p, x, width, dilation=...)` are the 3x3. Source: ESA, RFANet (CVPR 2020), as in
    the code of RFDN and BSRN.

    There the first 3x3 has stride 2 and the pooling stride 3, and the result is enlarged by bilinear interpolation.
    Here nothing is left out: later steps see pixels 2, and then 6, apart, so each pixel gets what theirs computes at
    the points of its grid, and there is nothing to interpolate. Their grid lies by the picture's corner and size, and
    a window of a picture would have another one; this takes any size, and moves with the image. Small steps at full
    resolution are what it costs: of the products of a block as wide as the trunk 7 % instead of 2 % (RFDN), and 12 %
    instead of 7 % (BSRN). The first 3x3 and the maxima keep the size (what is beyond the image is zero for the one and
    does not count for the others), where theirs cut off the border.
    """
    quarter, grid = _share(width, 4), _HALVED * _POOLED
    reduced = conv(p["a"], x, quarter)
    h = local_maxima(conv_fn(p["s"], reduced, quarter), 7, dilation=_HALVED)
    h = activate_fn(conv_fn(p["m1"], h, quarter, dilation=grid))
    h = activate_fn(conv_fn(p["m2"], h, quarter, dilation=grid))
    h = conv_fn(p["m3"], h, quarter, dilation=grid) + conv(p["f"], reduced, quarter)
    return x * jax.nn.sigmoid(conv(p["z"], h, width))


def blueprint(p: Params, x: jax.Array, out: Width, *, dilation: int = 1) -> jax.Array:
    """Blueprint separable convolution (BSConv-U, arXiv 2003.13549, section 3): 1x1 without bias, depthwise 3x3."""
    return depthwise(p["d"], conv(p["p"], x, out), out, dilation=dilation)


def _attention_params(c: int, conv_params_fn: Callable[..., dict]) -> dict:
    quarter = max(c // 4, 1)
    wide = {name: conv_params_fn(quarter, quarter) for name in ("s", "m1", "m2", "m3")}
    inner = {"a": conv_params(1, c, quarter, gain=1.0), "f": conv_params(1, quarter, quarter, gain=1.0)}
    return {**inner, **wide, "z": conv_params(1, quarter, c, gain=1.0)}


def _blueprint_params(c: int, out: int, gain: float = 1.0) -> dict:
    return {"p": conv_params(1, c, out, gain=gain, bias=False), "d": depthwise_params(3, out)}


def _dense_params(c: int, out: int, gain: float = 0.6) -> dict[str, Param]:
    return conv_params(3, c, out, gain=gain)


def _distilling_params(c: int, out: int, inner: int, conv_params_fn) -> dict:
    half = max(inner // 2, 1)
    before = {"1": c, "2": inner, "3": inner}
    steps = {f"r{n}": conv_params_fn(before[n], inner) for n in _STEPS}
    aside = {f"d{n}": conv_params(1, before[n], half, gain=1.0) for n in _STEPS}
    fusion = {f"z{n}": conv_params(1, half, out, gain=0.5, bias=n == "4") for n in (*_STEPS, "4")}
    return {**steps, **aside, "r4": conv_params_fn(inner, half), **fusion}


def _distilled(p: Params, x: jax.Array, out: Width, *, inner: Width, conv_fn, activate_fn) -> jax.Array:
    half, h, fused = _share(inner, 2), x, []
    for n in _STEPS:
        fused.append(conv(p[f"z{n}"], activate_fn(conv(p[f"d{n}"], h, half)), out))
        step = conv_fn(p[f"r{n}"], h, inner)
        h = activate_fn(step if n == "1" else step + h)
    fused.append(conv(p["z4"], activate_fn(conv_fn(p["r4"], h, half)), out))
    return functools.reduce(jnp.add, fused)


def _share(width: Width, parts: int) -> Width:
    return max(width // parts, 1) if isinstance(width, int) else jnp.maximum(width // parts, 1)
