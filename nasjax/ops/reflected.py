"""Candidate operations of style-transfer decoders: they see reflected borders, so that no frame forms at the edges.

`out` channels come out; an activation is the caller's. Gates add to what is already there: a concatenation followed by
a convolution is the sum of two convolutions, so an edge that is off costs nothing and both forms share their weights.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from nasjax.ops.base import Op
from nasjax.ops.conv import conv, conv_params, depthwise_params
from nasjax.ops.reflect import reflect_conv, reflect_depthwise

_GAIN = 0.8  # close to He's for ReLU (1.41 / 1.73 in uniform units), a little quieter: the decoders have no norms


def reflected_conv(*, gain: float = _GAIN) -> Op:
    """A 3x3 convolution."""
    return Op(
        "reflected-conv3",
        lambda c, out, inner: conv_params(3, c, out, gain=gain),
        lambda p, x, out, inner: reflect_conv(p, x, out),
    )


def reflected_separable(*, gain: float = _GAIN) -> Op:
    """A depthwise 3x3 convolution and a 1x1."""

    def params(c, out, inner):
        return {"d": depthwise_params(3, c, bias=False), "z": conv_params(1, c, out, gain=gain)}

    return Op("reflected-separable3", params, lambda p, x, out, inner: conv(p["z"], reflect_depthwise(p["d"], x), out))


def reflected_inverted(expansion: int = 2, *, gain: float = _GAIN) -> Op:
    """1x1 to `expansion * out` channels, depthwise 3x3, 1x1 (MobileNetV2, arXiv 1801.04381)."""

    def params(c, out, inner):
        hidden = expansion * out
        return {
            "a": conv_params(1, c, hidden, gain=1.0),
            "d": depthwise_params(3, hidden),
            "z": conv_params(1, hidden, out, gain=gain),
        }

    def apply(p, x, out, inner):
        h = relu(conv(p["a"], x, expansion * out))
        return conv(p["z"], relu(reflect_depthwise(p["d"], h, expansion * out)), out)

    return Op(f"reflected-inverted{expansion}x3", params, apply)


def relu(x: jax.Array) -> jax.Array:
    """max(x, 0)."""
    return jnp.maximum(x, 0)


def gate(branch: Op, prepare: Callable[[jax.Array], jax.Array] = lambda x: x) -> Op:
    """`x["h"]` plus a convolution of `prepare(x["skip"])`; its bias would repeat that of `h` and is left out."""

    def params(c, out, inner):
        return {name: value for name, value in branch.params(c["skip"], out, inner).items() if name != "b"}

    def apply(p, x, out, inner):
        return x["h"] + branch.apply(p, prepare(x["skip"]), out, inner)

    return Op(f"gate-{branch.name}", params, apply)


CLOSED = Op("closed", lambda c, out, inner: {}, lambda p, x, out, inner: x["h"])
"""The gate that adds nothing."""
