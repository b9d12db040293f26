"""What of a filter reads neighbours: gains of a Laplacian pyramid's bands, and small residual networks.

Borders are repeated. What halves takes pictures of even sizes, and bands those of multiples of 2 to the power of their
number: who calls them fills pictures up. All start at the identity.
"""

import functools
import re
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from nasjax.ops.base import Op, Width
from nasjax.ops.blocks import OFF, activate
from nasjax.ops.conv import conv, conv_params, depthwise, depthwise_params
from nasjax.ops.layers import pixel_shuffle
from nasjax.ops.resize import upscale
from nasjax.ops.strided import mean2, quarters
from nasjax.typing import Params

_NAME = re.compile(r"(?P<size>full|half|quarter)(?P<depth>\d+)(?P<kind>conv|sep)")
_HALVINGS = {"full": 0, "half": 1, "quarter": 2}


def bands(levels: Sequence[str]) -> dict[str, Op]:
    """Operations by the number of bands that have a gain for each colour, predicted from the whole picture's features.

    x has the `image` and the `mean`; ValueError for a number outside 0..5.
    """
    if unknown := [n for n in levels if n not in tuple("012345")]:
        raise ValueError(f"photo_filter: unknown number of bands {unknown[0]!r}; allowed: 0 to 5")
    return {n: _bands(int(n)) for n in levels}


def restorers(names: Sequence[str]) -> dict[str, Op]:
    """Operations by name: none, or fullDconv, fullDsep, half..., quarter... with D layers of the inner width.

    "half" works on squares of 2x2 pixels, "quarter" on those of 4x4. Raises ValueError for another name.
    """
    return {name: OFF if name == "none" else _restorer(name) for name in names}


def reach(name: str) -> int:
    """From how many pixels away a restorer, or a number of bands, can change what begins at a multiple of `step`."""
    if name.isdigit():
        return 0 if name == "0" else 2 ** (int(name) + 1)
    found = _NAME.fullmatch(name)
    return 0 if found is None else (int(found["depth"]) + 2) * step(name)


def step(name: str) -> int:
    """Of what number the sizes of a picture must be multiples for a restorer, or a number of bands."""
    if name.isdigit():
        return 2 ** int(name)
    found = _NAME.fullmatch(name)
    return 1 if found is None else 2 ** _HALVINGS[found["size"]]


def coarse_of(name: str) -> str:
    """What a restorer is as a path: its resolution and depth."""
    found = _NAME.fullmatch(name)
    return name if found is None else found["size"] + found["depth"]


@functools.cache
def _bands(levels: int) -> Op:
    def apply(p, x, out, inner):
        if not levels:
            return x["image"]
        gains = conv(p["z"], x["mean"], 3 * levels)
        change, finer, small = jnp.zeros(()), x["image"], x["image"]
        for k in range(levels):
            small = mean2(small)
            coarser = _enlarged(small, k + 1)
            change = change + gains[..., 3 * k : 3 * k + 3] * (finer - coarser)
            finer = coarser
        return x["image"] + change

    def params(c, out, inner):
        return {"z": conv_params(1, c["mean"], 3 * levels, gain=0.0)} if levels else {}

    return Op(f"bands{levels}", params, apply)


def _enlarged(x: jax.Array, times: int) -> jax.Array:
    for _ in range(times):
        x = upscale(x, 2, "bilinear")
    return x


@functools.cache
def _restorer(name: str) -> Op:
    found = _NAME.fullmatch(name)
    if found is None or not 1 <= int(found["depth"]) <= 16:
        raise ValueError(
            f"photo_filter: unknown restoring branch {name!r}; allowed: none, fullDconv, fullDsep, halfDconv, "
            "halfDsep, quarterDconv, quarterDsep with D from 1 to 16"
        )
    depth, separable, halvings = int(found["depth"]), found["kind"] == "sep", _HALVINGS[found["size"]]
    ends = 3 * 4**halvings

    def params(c, out, inner):
        layers = {f"l{i}": _layer_params(inner, separable) for i in range(depth)}
        return {"stem": conv_params(3, ends, inner), **layers, "z": conv_params(3, inner, ends, gain=0.0)}

    def apply(p, x, out, inner):
        h = x
        for _ in range(halvings):
            h = jnp.concatenate(quarters(h), -1)
        h = _conv(p["stem"], h, inner)
        for i in range(depth):
            # Nothing is cut off on the way from one sum to the next: behind activations most channels die.
            h = h + _layer(p[f"l{i}"], activate(h), inner)
        change = _conv(p["z"], activate(h), ends)
        for _ in range(halvings):
            change = pixel_shuffle(change, 2)
        return x + change

    return Op(name, params, apply)


def _layer_params(width: int, separable: bool) -> dict[str, Any]:
    if separable:
        return {"d": depthwise_params(3, width, bias=False), "z": conv_params(1, width, width, gain=1.0)}
    return conv_params(3, width, width, gain=1.0)


def _layer(p: Params, x: jax.Array, width: Width) -> jax.Array:
    if "d" not in p:
        return _conv(p, x, width)
    return conv(p["z"], depthwise(p["d"], _bordered(x))[..., 1:-1, 1:-1, :], width)


def _conv(p: Params, x: jax.Array, out: Width) -> jax.Array:
    return conv(p, _bordered(x), out, padding="valid")


def _bordered(x: jax.Array) -> jax.Array:
    return jnp.pad(x, [(0, 0)] * (x.ndim - 3) + [(1, 1), (1, 1), (0, 0)], mode="edge")
