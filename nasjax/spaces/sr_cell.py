"""`sr_cell`: super-resolution generators of a few thousand to half a million parameters, for x2, x3 and x4.

Path: which blocks exist, long edges from each block to the fusion point, an attention branch, the tail, and how the
image itself is enlarged. Operator: for each block those of `ops.candidates` that are asked for, or the twelve of
`ops.blocks`. Channel: the trunk width and each block's inner width.
"""

import functools
import itertools
from collections.abc import Sequence

import jax.numpy as jnp

from nasjax.ops.base import Op
from nasjax.ops.blocks import BLOCKS, OFF, channel_attention, spatial_attention
from nasjax.ops.candidates import CANDIDATES
from nasjax.ops.layers import conv_op, pixel_shuffle, separable_op, zero_op
from nasjax.ops.resize import upscale
from nasjax.space import Choice, SearchSpace
from nasjax.supernet.base import Supernet
from nasjax.supernet.net import Net

_EDGES = {"short": zero_op(), "long": conv_op(1, gain=0.2)}
_CHANNEL, _SPATIAL = channel_attention(), spatial_attention()


def _both() -> Op:
    def params(c, out, inner):
        return {"channel": _CHANNEL.params(c, out, inner), "spatial": _SPATIAL.params(c, out, inner)}

    def apply(p, x, out, inner):
        return _SPATIAL.apply(p["spatial"], _CHANNEL.apply(p["channel"], x, out, inner), out, inner)

    return Op("both-attentions", params, apply)


_ATTENTION = {"none": OFF, "ca": _CHANNEL, "sa": _SPATIAL, "both": _both()}
_TAILS = {"conv": conv_op(3, gain=0.1), "sep": separable_op(3, gain=0.1)}


def sr_cell(
    scale: int = 4,
    *,
    blocks: int = 8,
    trunk: Sequence[int] = (16, 24, 32, 48),
    inner: Sequence[int] = (8, 16, 24, 40),
    ops: Sequence[str] = tuple(BLOCKS),
    nominal: int | None = None,
    attention: Sequence[str] = tuple(_ATTENTION),
) -> Supernet:
    """The space and its generator: `[b, h, w, 3]` -> `[b, scale*h, scale*w, 3]`, both in [-1, 1].

    `trunk` and `inner` list widths in ascending order, inner ones in multiples of 8 when `group` is among `ops`.
    `attention` are the branches to choose from: none, by channel ("ca"), by place ("sa"), both. "ca" takes the mean of
    a patch in training and of a picture in use, which costs quality (arXiv 2112.04491). Raises ValueError for an
    unknown scale, operation or branch, or unsuitable widths.
    """
    _check(scale, trunk, inner, ops)
    if not attention or (unknown := [name for name in attention if name not in _ATTENTION]):
        found = unknown[0] if attention else "nothing"
        raise ValueError(f"sr_cell: unknown attention {found!r}; allowed: {', '.join(_ATTENTION)}")
    places = [len(w) - 1 if nominal is None else min(nominal, len(w) - 1) for w in (trunk, inner)]
    block = [_block(f"b{i}", inner, places[1], tuple(ops)) for i in range(1, blocks + 1)]
    choices = (*_head(trunk, places[0], tuple(attention)), *itertools.chain(*block))
    space = SearchSpace(f"sr_cell_x{scale}", choices, ("path", "operator", "channel"))
    return Supernet(space, _forward(scale, blocks, tuple(ops)))


def _head(trunk: Sequence[int], nominal: int, attention: tuple[str, ...]) -> tuple[Choice, ...]:
    return (
        Choice("trunk", tuple(map(str, trunk)), "channel", default=nominal),
        Choice("att", attention, "path"),
        Choice("tail", tuple(_TAILS), "path"),
        Choice("image", ("bicubic", "nearest"), "path"),
    )


def _block(name: str, inner: Sequence[int], nominal: int, ops: tuple[str, ...]) -> tuple[Choice, ...]:
    present = (name, ops)
    return (
        Choice(name, ("off", *ops), "operator", default=1, coarse=("path", (("off",), ops))),
        Choice(f"{name}.w", tuple(map(str, inner)), "channel", default=nominal, active=present),
        Choice(f"{name}.edge", tuple(_EDGES), "path", active=present),
    )


@functools.cache  # supernets of the same settings are equal, and share programs
def _forward(scale: int, blocks: int, ops: tuple[str, ...]):
    candidates = {"off": OFF} | {name: CANDIDATES[name] for name in ops}
    stem, fuse = conv_op(3), conv_op(1, gain=0.2)
    images = {
        "bicubic": Op("bicubic", _no_params, lambda p, x, out, inner: upscale(x, scale, "bicubic")),
        "nearest": Op("nearest", _no_params, lambda p, x, out, inner: upscale(x, scale, "nearest")),
    }

    def forward(net: Net, x):
        trunk = net.width("trunk")
        first = h = net.layer("stem", stem, x, out=trunk)
        edges = jnp.zeros_like(h)
        for name in (f"b{i}" for i in range(1, blocks + 1)):
            h = net.choose(name, candidates, h, out=trunk, inner=f"{name}.w")
            edges = edges + net.choose(f"{name}.edge", _EDGES, h, out=trunk)
        h = first + edges + net.layer("fuse", fuse, h, out=trunk)
        h = net.choose("att", _ATTENTION, h, out=trunk)
        detail = net.choose("tail", _TAILS, h, out=3 * scale**2)
        return pixel_shuffle(detail, scale) + net.choose("image", images, x, out=3)

    return forward


def _no_params(c, out, inner):
    return {}


def _check(scale: int, trunk: Sequence[int], inner: Sequence[int], ops: Sequence[str]) -> None:
    if scale not in (2, 3, 4):
        raise ValueError(f"sr_cell: scale {scale!r}; allowed: 2, 3, 4")
    if unknown := sorted(set(ops) - set(CANDIDATES)):
        raise ValueError(f"sr_cell: unknown operation {unknown[0]!r}; allowed: {', '.join(CANDIDATES)}")
    for name, sizes in (("trunk", trunk), ("inner", inner)):
        if list(sizes) != sorted(set(sizes)) or min(sizes, default=0) < 1:
            raise ValueError(f"sr_cell: {name} widths must be positive and ascending, got {tuple(sizes)}")
    if "group" in ops and any(w % 8 for w in inner):
        raise ValueError(f"sr_cell: inner widths must be multiples of 8 for the operation 'group', got {tuple(inner)}")
