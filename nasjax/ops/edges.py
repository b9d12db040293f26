"""3x3 convolutions that are trained with edge-oriented branches beside them, and merged when deployed."""

import jax.numpy as jnp
import numpy as np

from nasjax.ops.base import Op
from nasjax.ops.blocks import activate
from nasjax.ops.conv import conv, conv_params
from nasjax.ops.params import Param
from nasjax.typing import Params

_HIDDEN = 32  # channels of the expanded branch, the same at all widths: their weights must be leading slices
_SOBEL = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]], np.float32)
FILTERS = {"across": _SOBEL, "down": _SOBEL.T, "around": np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], np.float32)}
"""Sobel's filters and the Laplacian, `[row, column]`."""


def edge_oriented() -> Op:
    """A residual pair of 3x3 convolutions with branches: 1x1-3x3, and a 1x1 before each scaled filter of `FILTERS`.

    Source: the edge-oriented convolution block, ECBSR (ACM MM 2021), section 3.2, equations 1 to 5; merging is its
    equation 6. The 1x1 have no biases, and kernels are merged in training too: a step costs one 3x3 convolution each.
    """

    def params(c, out, inner):
        return {"a": _branches(c, inner, gain=0.6), "z": _branches(inner, out, gain=0.2)}

    def apply(p, x, out, inner):
        p = fold(p)
        return x + conv(p["z"], activate(conv(p["a"], x, inner)), out)

    def fold(p):
        return {name: merge_edges(q) if "expand" in q else q for name, q in p.items()}

    return Op("edge-oriented", params, apply, fold)


def merge_edges(p: Params) -> Params:
    """The one 3x3 convolution equal to all branches of a trained one."""
    kernel = p["w"] + jnp.einsum("ci,hwio->hwco", p["expand"], p["mid"])
    for name, filter_ in FILTERS.items():
        scaled = p[name]["w"] * p[name]["scale"].reshape(1, -1)
        kernel = kernel + jnp.asarray(filter_)[:, :, None, None] * scaled[None, None]
    return {"w": kernel, "b": p["b"]}


def _branches(c: int, out: int, *, gain: float) -> dict:
    edges = {name: {"w": Param((c, out), 1 / c**0.5), "scale": Param((out,), 1e-3)} for name in FILTERS}
    expanded = {"expand": Param((c, _HIDDEN), 1 / c**0.5), "mid": Param((3, 3, _HIDDEN, out), gain / 3 / _HIDDEN**0.5)}
    return {**conv_params(3, c, out, gain=gain), **expanded, **edges}
