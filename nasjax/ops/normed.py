"""Candidate operations of image-translation generators: convolutions without bias, each followed by a norm.

Borders are reflected, activations are ReLU, and a block ends in a norm before it is added to its input, as in the
residual blocks of Johnson et al. (arXiv 1603.08155) with instance norm (arXiv 1607.08022), which CycleGAN uses. A norm
subtracts what a bias added, so there are none. Instance norm treats channels one by one: it commutes with the masks of
narrow trunks.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from nasjax.ops.base import Op, Width, keep
from nasjax.ops.blocks import GROUP
from nasjax.ops.conv import conv, conv_params, depthwise_params, grouped_params
from nasjax.ops.norm import instance_norm, instance_norm_params
from nasjax.ops.reflect import reflect_conv, reflect_depthwise, reflect_grouped
from nasjax.ops.reflected import relu
from nasjax.typing import Params

NORMS = ("instance", "affine", "fixed")
"""Instance norm without and with scale and shift; scale and shift alone, a batch norm whose statistics are known."""


def normed_params(kernel: Mapping[str, Any], channels: int, norm: str) -> dict[str, Any]:
    """The declaration of a convolution without bias, of its kernel's, and of the norm behind it (one of `NORMS`)."""
    names = {"instance": (), "affine": ("norm",), "fixed": ("fixed",)}[norm]
    return {**kernel, **{name: instance_norm_params(channels) for name in names}}


def normed(p: Params, y: jax.Array, width: Width) -> jax.Array:
    """The norm that `p` declares, of `[..., h, w, c]`; masked channels stay zero."""
    if "fixed" not in p:
        return instance_norm(p.get("norm", {}), y, width)
    scale, bias = (p["fixed"][n][: y.shape[-1]].astype(y.dtype) for n in ("scale", "bias"))
    shape = (1,) * (y.ndim - 1) + (-1,)
    return keep(y * scale.reshape(shape) + bias.reshape(shape), width)


def normed_op(name: str, kernel_fn: Callable[[int, int], Mapping[str, Any]], convolve: Any, *, norm: str) -> Op:
    """`convolve(p, x, out)`, norm, ReLU; `kernel_fn(channels, out)` declares the convolution."""
    return Op(
        f"{name}-{norm}-norm",
        lambda c, out, inner: normed_params(kernel_fn(c, out), out, norm),
        lambda p, x, out, inner: relu(normed(p, convolve(p, x, out), out)),
    )


@functools.cache
def normed_blocks(norm: str = "instance") -> Mapping[str, Op]:
    """Residual blocks by name: `out` and the input are trunk channels, `inner` is the block's own width.

    `res`: two 3x3 convolutions. `sep`: depthwise 3x3 and 1x1, twice. `ir`: 1x1 to twice `inner`, depthwise 3x3, 1x1
    (arXiv 1801.04381). `dil`: as `res`, the first convolution dilated by 2. `group`: 1x1, grouped 3x3, 1x1; `inner` in
    multiples of 8. `incep`: kernels of 1, 3 and 5 side by side (as CAT has them, arXiv 2103.03467, section 3.1) to
    `inner`, a half and a quarter of it, each with a 1x1 back, added up under one norm; `inner` in multiples of 4.
    """
    return {
        "res": _pair("res", 1, norm),
        "sep": _separable(norm),
        "ir": _inverted(norm),
        "dil": _pair("dil", 2, norm),
        "group": _grouped(norm),
        "incep": _inception(norm),
    }


def _kernel(side: int, channels: int, out: int, norm: str) -> dict[str, Any]:
    # Behind a norm the scale of a kernel only sets how fast it turns; without one (fixed) it keeps the variance.
    return normed_params(conv_params(side, channels, out, gain=1.0, bias=False), out, norm)


def _conv(p: Params, x: jax.Array, out: Width, dilation: int = 1) -> jax.Array:
    return normed(p, reflect_conv(p, x, out, dilation=dilation), out)


def _pair(name: str, dilation: int, norm: str) -> Op:
    def params(c, out, inner):
        return {"a": _kernel(3, c, inner, norm), "z": _kernel(3, inner, out, norm)}

    def apply(p, x, out, inner):
        return x + _conv(p["z"], relu(_conv(p["a"], x, inner, dilation)), out)

    return Op(f"normed-{name}-{norm}", params, apply)


def _separable(norm: str) -> Op:
    def params(c, out, inner):
        return {
            "da": depthwise_params(3, c, bias=False),
            "a": _kernel(1, c, inner, norm),
            "dz": depthwise_params(3, inner, bias=False),
            "z": _kernel(1, inner, out, norm),
        }

    def apply(p, x, out, inner):
        h = relu(_conv(p["a"], reflect_depthwise(p["da"], x), inner))
        return x + _conv(p["z"], reflect_depthwise(p["dz"], h), out)

    return Op(f"normed-separable-{norm}", params, apply)


def _inverted(norm: str) -> Op:
    def params(c, out, inner):
        return {
            "a": _kernel(1, c, 2 * inner, norm),
            "d": normed_params(depthwise_params(3, 2 * inner, bias=False), 2 * inner, norm),
            "z": _kernel(1, 2 * inner, out, norm),
        }

    def apply(p, x, out, inner):
        h = relu(_conv(p["a"], x, 2 * inner))
        h = relu(normed(p["d"], reflect_depthwise(p["d"], h), 2 * inner))
        return x + _conv(p["z"], h, out)

    return Op(f"normed-inverted-{norm}", params, apply)


def _grouped(norm: str) -> Op:
    def params(c, out, inner):
        return {
            "a": _kernel(1, c, inner, norm),
            "g": normed_params(grouped_params(3, inner, GROUP, bias=False), inner, norm),
            "z": _kernel(1, inner, out, norm),
        }

    def apply(p, x, out, inner):
        h = relu(_conv(p["a"], x, inner))
        h = relu(normed(p["g"], reflect_grouped(p["g"], h, inner), inner))
        return x + _conv(p["z"], h, out)

    return Op(f"normed-grouped-{norm}", params, apply)


def _inception(norm: str) -> Op:
    branches = ((1, 1), (3, 2), (5, 4))  # side of the kernel, the part of `inner` that it has

    def params(c, out, inner):
        kernels = {
            f"k{side}": {
                "a": _kernel(side, c, inner // part, norm),
                "z": conv_params(1, inner // part, out, gain=0.6, bias=False),
            }
            for side, part in branches
        }
        return {**kernels, "sum": normed_params({}, out, norm)}

    def apply(p, x, out, inner):
        def branch(side: int, part: int) -> jax.Array:
            own = p[f"k{side}"]
            return conv(own["z"], relu(_conv(own["a"], x, inner // part)), out)

        total = functools.reduce(jnp.add, [branch(side, part) for side, part in branches])
        # What has no parameters leaves no trace in a tree of params.
        return x + normed(p.get("sum", {}), total, out)

    return Op(f"normed-inception-{norm}", params, apply)
