"""Colour maps as operations: `x["image"]` with a change that its colours look up, `x["mean"]` telling how.

`image` is `[..., h, w, 3]`, `mean` the features of the whole picture `[..., 1, 1, c]`. All start at the identity. Sums
of tables and their weights are those of image-adaptive 3D LUTs (arXiv 2009.14468, equation 3), with the identity taken
out: tables start at 0, weights do not, so that both have gradients.
"""

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nasjax.ops.base import Op
from nasjax.ops.blocks import OFF
from nasjax.ops.conv import conv, conv_params
from nasjax.ops.lookup import bilinear, polyline, trilinear
from nasjax.ops.params import Param
from nasjax.typing import Params

CURVE_NODES, PLANE_NODES, PLANE_BASES, RANK = 16, 17, 4, 8
_CUBES = re.compile(r"(?:mix(?P<side>\d+)x(?P<bases>\d+))|(?:low(?P<low>\d+))")
_PLANES = ((0, 1), (1, 2), (2, 0))  # red and green, green and blue, blue and red


def colour_maps(names: Sequence[str]) -> dict[str, Op]:
    """Operations by name: none, curves, lut2, mixNxM (M tables of N nodes an axis), lowN (one of rank 8).

    Raises ValueError for another name, or sizes out of range (N from 2 to 33, M from 1 to 16).
    """
    return {name: _KEPT if name == "none" else _map(name) for name in names}


def kind_of(name: str) -> str:
    """What a map is as a path: none, curves, lut2, or lut3 for all cubes."""
    return name if name in ("none", *_PLAIN) else "lut3"


def low_rank_cube(curves: Float[Array, "3 n r"], mixed: Float[Array, "*d r c"]) -> Float[Array, "*d entries c"]:
    """The n^3 colours of a table that is a sum of products of three curves, each times so much of each channel."""
    red, green, blue = (curves[k] for k in range(3))
    products = red[:, None, None] * green[None, :, None] * blue[None, None]
    return jnp.einsum("nk,...kc->...nc", products.reshape(-1, curves.shape[-1]), mixed)


def _image(op: Op) -> Op:
    return op._replace(apply=lambda p, x, out, inner: op.apply(p, x["image"], out, inner))


_KEPT = _image(OFF)


@functools.cache
def _map(name: str) -> Op:
    if name in _PLAIN:
        return _PLAIN[name]
    found = _CUBES.fullmatch(name)
    side = 0 if found is None else int(found["side"] or found["low"])
    bases = 0 if found is None or found["bases"] is None else int(found["bases"])
    if not 2 <= side <= 33 or (found is not None and found["bases"] is not None and not 1 <= bases <= 16):
        raise ValueError(
            f"photo_filter: unknown colour map {name!r}; allowed: none, curves, lut2, mixNxM (M tables of N), lowN"
        )
    return _mixture(name, side, bases) if bases else _low_rank(name, side)


def _features(x: Mapping[str, jax.Array], p: Params, number: int) -> jax.Array:
    """So many numbers of the whole picture, `[..., number]`."""
    return conv(p, x["mean"], number)[..., 0, 0, :]


def _curves() -> Op:
    """Three curves: offsets at evenly spread places."""

    def apply(p, x, out, inner):
        offsets = _features(x, p["z"], 3 * CURVE_NODES)
        return x["image"] + polyline(x["image"], offsets.reshape(*offsets.shape[:-1], CURVE_NODES, 3))

    return Op("curves", lambda c, out, inner: {"z": conv_params(1, c["mean"], 3 * CURVE_NODES, gain=0.0)}, apply)


def _planes() -> Op:
    """Three tables of two colours each (SVDLUT's planes, arXiv 2508.16121, as sums of learned tables)."""
    entries = PLANE_NODES**2

    def apply(p, x, out, inner):
        tables = _mixed(p, _features(x, p["w"], PLANE_BASES)).reshape(*x["image"].shape[:-3], 3, entries, 3)
        planes = [x["image"][..., k : k + 1] for k in range(3)]
        return x["image"] + sum(
            bilinear(tables[..., k, :, :], planes[i], planes[j]) for k, (i, j) in enumerate(_PLANES)
        )

    return Op("planes", lambda c, out, inner: _tables(c["mean"], PLANE_BASES, 3 * entries * 3), apply)


def _mixture(name: str, side: int, bases: int) -> Op:
    """A cube of side^3 colours: a sum of `bases` learned ones."""

    def apply(p, x, out, inner):
        table = _mixed(p, _features(x, p["w"], bases)).reshape(*x["image"].shape[:-3], side**3, 3)
        return x["image"] + trilinear(table, x["image"])

    return Op(name, lambda c, out, inner: _tables(c["mean"], bases, side**3 * 3), apply)


def _low_rank(name: str, side: int) -> Op:
    """A cube that is a sum of products of three curves: a hundredth of its numbers are learned."""

    def params(c, out, inner):
        curves = Param((3, side, RANK), std=0.3, mean=0.5)
        return {"curves": curves, "z": conv_params(1, c["mean"], RANK * 3, gain=0.0)}

    def apply(p, x, out, inner):
        mixed = _features(x, p["z"], RANK * 3)
        table = low_rank_cube(p["curves"], mixed.reshape(*mixed.shape[:-1], RANK, 3))
        return x["image"] + trilinear(table, x["image"])

    return Op(name, params, apply)


def _tables(channels: int, bases: int, size: int) -> dict[str, Any]:
    return {"table": Param((bases, size)), "w": conv_params(1, channels, bases, gain=1.0)}


def _mixed(p: Params, weights: jax.Array) -> jax.Array:
    return jnp.einsum("...m,mn->...n", weights, p["table"].astype(weights.dtype))


# Made once: an operation is a pair of functions, and equal networks must compare equal.
_PLAIN = {"curves": _curves(), "lut2": _planes()}
