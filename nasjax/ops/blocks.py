"""Candidate operations for residual trunks: `out` and the input are trunk channels, `inner` is the block's own width.

All blocks keep the spatial size. Activations are leaky ReLU with slope 0.05 unless the source says otherwise.
"""

import jax
import jax.numpy as jnp

from nasjax.ops.base import Op
from nasjax.ops.conv import (
    conv,
    conv_params,
    depthwise,
    depthwise_params,
    grouped,
    grouped_params,
)
from nasjax.ops.params import Param
from nasjax.typing import Params

_QUIET = 0.2  # gain of the last convolution of a residual branch: a fresh block starts close to the identity
GROUP = 8  # channels in a group of the grouped block


def activate(x: jax.Array) -> jax.Array:
    """Leaky ReLU with slope 0.05."""
    return jnp.maximum(x, 0.05 * x)


def _identity() -> Op:
    return Op("identity", lambda c, out, inner: {}, lambda p, x, out, inner: x)


def _residual() -> Op:
    """Two 3x3 convolutions around an activation, added to the input (EDSR, arXiv 1707.02921)."""

    def params(c, out, inner):
        return {"a": conv_params(3, c, inner), "z": conv_params(3, inner, out, gain=_QUIET)}

    def apply(p, x, out, inner):
        return x + conv(p["z"], activate(conv(p["a"], x, inner)), out)

    return Op("residual", params, apply)


def _separable(kernel: int) -> Op:
    """Depthwise-separable pair: depthwise, 1x1 to `inner`, activation, depthwise, 1x1 back; residual.

    The depthwise kernels need no bias: the 1x1 behind each would absorb it.
    """

    def params(c, out, inner):
        return {
            "da": depthwise_params(kernel, c, bias=False),
            "a": conv_params(1, c, inner, gain=1.0),
            "dz": depthwise_params(kernel, inner, bias=False),
            "z": conv_params(1, inner, out, gain=_QUIET),
        }

    def apply(p, x, out, inner):
        h = activate(conv(p["a"], depthwise(p["da"], x), inner))
        return x + conv(p["z"], depthwise(p["dz"], h), out)

    return Op(f"separable{kernel}", params, apply)


def _inverted(expansion: int, kernel: int) -> Op:
    """Inverted residual with `expansion * inner` hidden channels (MobileNetV2, arXiv 1801.04381)."""

    def params(c, out, inner):
        hidden = expansion * inner
        return {
            "a": conv_params(1, c, hidden, gain=1.0),
            "d": depthwise_params(kernel, hidden),
            "z": conv_params(1, hidden, out, gain=_QUIET),
        }

    def apply(p, x, out, inner):
        hidden = expansion * inner
        h = activate(conv(p["a"], x, hidden))
        return x + conv(p["z"], activate(depthwise(p["d"], h, hidden)), out)

    return Op(f"inverted{expansion}x{kernel}", params, apply)


def _rlfb() -> Op:
    """Residual local feature block: three 3x3 convolutions, residual, 1x1, spatial attention.

    Source: RLFN, arXiv 2205.07514, figure 2; its strided attention is replaced by `spatial_attention`, which needs no
    pooling and so behaves the same on patches and on whole images.
    """

    def params(c, out, inner):
        return {
            "a": conv_params(3, c, inner),
            "b": conv_params(3, inner, inner),
            "z": conv_params(3, inner, out, gain=_QUIET),
            "mix": conv_params(1, out, out, gain=1.0),
            "attend": _spatial_params(out),
        }

    def apply(p, x, out, inner):
        h = activate(conv(p["b"], activate(conv(p["a"], x, inner)), inner))
        h = conv(p["mix"], x + activate(conv(p["z"], h, out)), out)
        return h * _spatial_map(p["attend"], h, out)

    return Op("rlfb", params, apply)


def _spab() -> Op:
    """Swift parameter-free attention block: x + (o + x) * (sigmoid(o) - 0.5).

    Source: SPAN, arXiv 2311.12770, equation 3. The outer residual is ours: without it a fresh block passes almost
    nothing on, and a trunk of them learns several times slower (SPAN carries its signal past the blocks instead).
    """

    def params(c, out, inner):
        return {"a": conv_params(3, c, inner), "b": conv_params(3, inner, inner), "z": conv_params(3, inner, out)}

    def apply(p, x, out, inner):
        h = jax.nn.silu(conv(p["b"], jax.nn.silu(conv(p["a"], x, inner)), inner))
        o = conv(p["z"], h, out)
        return x + (o + x) * (jax.nn.sigmoid(o) - 0.5)

    return Op("spab", params, apply)


def _grouped() -> Op:
    """1x1 to `inner`, grouped 3x3 (groups of 8 channels), activation, 1x1 back; residual."""

    def params(c, out, inner):
        return {
            "a": conv_params(1, c, inner, gain=1.0),
            "g": grouped_params(3, inner, GROUP),
            "z": conv_params(1, inner, out, gain=_QUIET),
        }

    def apply(p, x, out, inner):
        h = activate(grouped(p["g"], activate(conv(p["a"], x, inner)), inner))
        return x + conv(p["z"], h, out)

    return Op("grouped", params, apply)


def _reparameterised() -> Op:
    """A residual pair whose 3x3 kernels are trained as 1x1-3x3-1x1 branches plus a 3x3 and merged when deployed.

    The kernels are collapsed before the convolution in training too (SESR, arXiv 2103.09404, section 3.2), so a
    training step costs one 3x3 convolution each.
    """

    def params(c, out, inner):
        return {"a": _branches(c, inner), "z": _branches(inner, out, gain=_QUIET)}

    def apply(p, x, out, inner):
        p = fold(p)
        return x + conv(p["z"], activate(conv(p["a"], x, inner)), out)

    def fold(p):
        return {name: _collapse(q) if "in" in q else q for name, q in p.items()}

    return Op("rep3x3", params, apply, fold)


def _branches(c: int, out: int, *, gain: float = 0.6, hidden: int = 32) -> dict:
    return {
        **conv_params(3, c, out, gain=gain),
        "in": Param((c, hidden), gain / c**0.5),
        "mid": Param((3, 3, hidden, hidden), 1 / (3 * hidden**0.5)),
        "out": Param((hidden, out), gain / hidden**0.5),
    }


def _collapse(p: Params) -> Params:
    """One 3x3 kernel equal to the sum of the plain branch and the 1x1-3x3-1x1 branch (which has no biases)."""
    return {"w": p["w"] + jnp.einsum("ci,hwij,jo->hwco", p["in"], p["mid"], p["out"]), "b": p["b"]}


def channel_attention(reduced: int = 8) -> Op:
    """Scale channels by a gate computed from their global means (RCAN, arXiv 1807.02758, section 3.3)."""

    def params(c, out, inner):
        return {"a": conv_params(1, c, reduced, gain=1.0), "z": conv_params(1, reduced, out, gain=1.0)}

    def apply(p, x, out, inner):
        pooled = activate(conv(p["a"], global_mean(x), reduced))
        return x * jax.nn.sigmoid(conv(p["z"], pooled, out))

    return Op("channel-attention", params, apply)


def spatial_attention() -> Op:
    """Scale positions and channels by a gate from 1x1, dilated 3x3 and 1x1 convolutions over eight channels."""
    return Op(
        "spatial-attention",
        lambda c, out, inner: _spatial_params(c),
        lambda p, x, out, inner: x * _spatial_map(p, x, out),
    )


def _spatial_params(c: int) -> dict:
    return {"a": conv_params(1, c, 8, gain=1.0), "m": conv_params(3, 8, 8), "z": conv_params(1, 8, c, gain=1.0)}


def _spatial_map(p: Params, x: jax.Array, out) -> jax.Array:
    h = activate(conv(p["m"], conv(p["a"], x, 8), 8, dilation=2))
    return jax.nn.sigmoid(conv(p["z"], h, out))


@jax.jit
def global_mean(x: jax.Array) -> jax.Array:
    """Mean over height and width, in float32, kept as a 1x1 image; named, so that exporters recognise it."""
    return x.mean((-3, -2), keepdims=True, dtype=jnp.float32).astype(x.dtype)


OFF = _identity()
BLOCKS = {
    "res": _residual(),
    "sep3": _separable(3),
    "sep5": _separable(5),
    "sep7": _separable(7),
    "ir2k3": _inverted(2, 3),
    "ir2k5": _inverted(2, 5),
    "ir4k3": _inverted(4, 3),
    "ir4k5": _inverted(4, 5),
    "rlfb": _rlfb(),
    "spab": _spab(),
    "group": _grouped(),
    "rep": _reparameterised(),
}
