"""Blocks that distil features: after each convolution a part is set aside, and at the end the parts are fused.

As in `ops.blocks`, `out` and the input are trunk channels, `inner` is the width that goes on from step to step, and
half as many channels are set aside at each. A 1x1 over the concatenated parts is written as a sum of 1x1 over each:
so the weights of narrower blocks are leading slices.
"""

import functools

import jax
import jax.numpy as jnp

from nasjax.ops.attentive import contrast_attention, gelu
from nasjax.ops.base import Op, Width
from nasjax.ops.blocks import activate, spatial_attention
from nasjax.ops.conv import conv, conv_params, depthwise, depthwise_params
from nasjax.ops.params import Param
from nasjax.typing import Params

_STEPS = ("1", "2", "3")
_SPATIAL, _CONTRAST = spatial_attention(), contrast_attention()


def residual_distillation() -> Op:
    """Three steps of a residual 3x3, a 1x1 before each that distils, a last 3x3, fusion, spatial attention; residual.

    Source: the residual feature distillation block, RFDN, arXiv 2009.11551, figure 2 (c); IMDN (arXiv 1909.11856)
    splits channels where this has a 1x1. The first 3x3 brings the trunk to `inner` channels, so it alone has no
    residual; the attention is `ops.blocks.spatial_attention`, and the residual around the block is ours, as in BSRN.
    """

    def params(c, out, inner):
        return {**_distilling_params(c, out, inner, _dense_params), "attend": _SPATIAL.params(out, out, out)}

    def apply(p, x, out, inner):
        fused = _distilled(p, x, out, inner=inner, conv_fn=conv, activate_fn=activate)
        return x + _SPATIAL.apply(p["attend"], fused, out, out)

    return Op("residual-distillation", params, apply)


def blueprint_distillation() -> Op:
    """The same with blueprint separable convolutions and GELU, then spatial and contrast-aware attention; residual.

    A blueprint separable convolution is a 1x1 without bias followed by a depthwise 3x3 (arXiv 2003.13549, section 3).
    Source: the efficient separable distillation block, BSRN, arXiv 2205.05996, figure 2 (b).
    """

    def params(c, out, inner):
        attentions = {"attend": _SPATIAL.params(out, out, out), "contrast": _CONTRAST.params(out, out, out)}
        return {**_distilling_params(c, out, inner, _blueprint_params), **attentions}

    def apply(p, x, out, inner):
        fused = _distilled(p, x, out, inner=inner, conv_fn=blueprint, activate_fn=gelu)
        attended = _SPATIAL.apply(p["attend"], fused, out, out)
        return x + _CONTRAST.apply(p["contrast"], attended, out, out)

    return Op("blueprint-distillation", params, apply)


def blueprint(p: Params, x: jax.Array, out: Width) -> jax.Array:
    """Blueprint separable convolution (BSConv-U, arXiv 2003.13549, section 3): 1x1 without bias, depthwise 3x3."""
    return depthwise(p["d"], conv(p["p"], x, out), out)


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
    half, h, fused = _half(inner), x, []
    for n in _STEPS:
        fused.append(conv(p[f"z{n}"], activate_fn(conv(p[f"d{n}"], h, half)), out))
        step = conv_fn(p[f"r{n}"], h, inner)
        h = activate_fn(step if n == "1" else step + h)
    fused.append(conv(p["z4"], activate_fn(conv_fn(p["r4"], h, half)), out))
    return functools.reduce(jnp.add, fused)


def _half(inner: Width) -> Width:
    return max(inner // 2, 1) if isinstance(inner, int) else jnp.maximum(inner // 2, 1)
