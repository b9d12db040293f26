"""`tpsr_cell`: the super-resolution generators among which TPSR's was found (arXiv 2007.04356, section 3.2).

No residual blocks: early nodes in a row, then two branches of as many, and one long edge of a single node past all of
them; what comes of the three is added. Path: nodes that are absent, what the picture is added to. Operator: a dense or
a separable convolution of 3x3, 5x5 or 7x7 at each node, behind each a PReLU of one slope. Channel: the width.
`TPSR` and `tpsr_params` are the released network in this space.
"""

import functools
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from nasjax.ops.base import Op
from nasjax.ops.blocks import OFF
from nasjax.ops.conv import conv, conv_params, depthwise, depthwise_params
from nasjax.ops.layers import conv_op, pixel_shuffle, zero_op
from nasjax.ops.params import Param
from nasjax.ops.resize import upscale
from nasjax.space import Choice, SearchSpace
from nasjax.supernet.base import Supernet
from nasjax.supernet.net import Net
from nasjax.typing import Params

EARLY, MAIN, SIDE, LONG = ("n0", "n1", "n2"), ("n4", "n5", "n6"), ("n3", "n7", "n8"), "n9"
OPS = ("c3", "c5", "c7", "d3", "d5", "d7")  # dense and separable
TPSR = {
    "trunk": "16", "image": "mean",
    "n0": "d5", "n1": "c7", "n2": "c7",
    "n4": "c3", "n5": "c5", "n6": "d3",
    "n3": "c3", "n7": "c5", "n8": "c3",
    "n9": "c7",
}  # fmt: skip
"""Options of the network that TPSR's search found, for `space.encode`: 61,097 parameters at x4."""

_MEAN = 2 * np.array([0.4488, 0.4371, 0.4040], np.float32) - 1  # DIV2K's mean colour, as TPSR and EDSR subtract it
_HALF = np.float32(127.5)
_HE = 1.37  # keeps the variance through a PReLU of slope 0.25


def tpsr_cell(
    scale: int = 4, *, widths: Sequence[int] = (8, 12, 16, 24), ops: Sequence[str] = OPS, nominal: int | None = None
) -> Supernet:
    """The space and its generator: `[b, h, w, 3]` -> `[b, scale*h, scale*w, 3]`, both in [-1, 1].

    `widths` are options in ascending order; `nominal` is the position of the one that stands in before the channel
    stage (default: the widest). x4 is reached by two pixel shuffles, of which the second sees the picture alone.
    Raises ValueError for an unknown scale or operation, or unsuitable widths.
    """
    if scale not in (2, 3, 4):
        raise ValueError(f"tpsr_cell: scale {scale!r}; allowed: 2, 3, 4")
    if not ops or set(ops) - set(OPS):
        raise ValueError(f"tpsr_cell: operations must be among {', '.join(OPS)}, got {tuple(ops) or 'none'}")
    if list(widths) != sorted(set(widths)) or min(widths, default=0) < 1:
        raise ValueError(f"tpsr_cell: widths must be positive and ascending, got {tuple(widths)}")
    place = len(widths) - 1 if nominal is None else min(nominal, len(widths) - 1)
    choices = (
        Choice("trunk", tuple(map(str, widths)), "channel", default=place),
        Choice("image", ("mean", "bicubic"), "path"),
        *(_node(name, tuple(ops)) for name in (*EARLY, *MAIN, *SIDE, LONG)),
    )
    space = SearchSpace(f"tpsr_cell_x{scale}", choices, ("path", "operator", "channel"))
    return Supernet(space, _forward(scale, tuple(ops)))


def tpsr_params(state: Mapping[str, Float[np.ndarray, "..."]]) -> Params:
    """The params of `TPSR` from the state dict of a released network (`nets.torch_file.read_tensors(path)[""]`).

    They are its x4 networks for pictures of 0 to 255 (github.com/royson/tpsr: TPSR_NOGANX4, TPSR_ESRGANX4, TPSR_D2X4);
    the first and the last layer take that scale. Raises ValueError naming a tensor that is missing, of another shape,
    or no part of the network.
    """
    left = dict(state)

    def take(name: str, shape: tuple[int, ...]) -> np.ndarray:
        array = left.pop(name, None)
        if array is None or array.shape != shape:
            found = "is missing" if array is None else f"has shape {array.shape}"
            raise ValueError(f"tpsr_params: {name} {found}; it needs {shape}")
        return np.asarray(array, np.float32)

    def layer(name: str, out: int, channels: int, kernel: int) -> dict[str, np.ndarray]:
        w = take(f"{name}.weight", (out, channels, kernel, kernel)).transpose(2, 3, 1, 0)
        return {"w": w, "b": take(f"{name}.bias", (out,))}

    def node(name: str) -> dict[str, Params]:
        kind, kernel = TPSR[name][0], int(TPSR[name][1])
        model = f"{_PLACES[name]}.Node_{name[1:]}_Operation_0_type_{_KINDS[kind]}_{kernel}x{kernel}.model"
        if kind == "c":
            return {TPSR[name]: {**layer(f"{model}.0", 16, 16, kernel), "slope": take(f"{model}.1.weight", (1,))}}
        deep = take(f"{model}.0.weight", (16, 1, kernel, kernel)).transpose(2, 3, 1, 0)
        point = {**layer(f"{model}.2", 16, 16, 1), "slope": take(f"{model}.3.weight", (1,))}
        return {TPSR[name]: {"d": {"w": deep, "slope": take(f"{model}.1.weight", (1,))}, "z": point}}

    first, ups = layer("first_layer", 16, 3, 3), [layer(f"up_mod.{i}.extend", 12, (16, 3)[i], 3) for i in (0, 1)]
    found = {
        "stem": {**first, "w": first["w"] * _HALF},
        **{name: node(name) for name in (*EARLY, *MAIN, *SIDE, LONG)},
        "merge": {"slope": take("merge_op_act.weight", (1,))},
        "up1": _by_place(ups[0]),
        "up2": {part: a / _HALF for part, a in _by_place(ups[1]).items()},
    }
    if more := [name for name in left if not name.startswith(("sub_mean.", "add_mean."))]:
        raise ValueError(f"tpsr_params: {more[0]} is no part of the network")
    return found


_PLACES = {
    **dict.fromkeys(EARLY, "early_layers"),
    **dict.fromkeys(MAIN, "middle_main_layers"),
    **dict.fromkeys(SIDE, "middle_side_layers"),
    LONG: "skip_layer",
}
_KINDS = {"c": "Conv2d", "d": "Sep2d"}


def _by_place(p: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Channels before a shuffle by two in our order, place by place; PyTorch has them colour by colour."""
    return {name: a.reshape(*a.shape[:-1], 3, 4).swapaxes(-1, -2).reshape(a.shape) for name, a in p.items()}


def _node(name: str, ops: tuple[str, ...]) -> Choice:
    return Choice(name, ("off", *ops), "operator", default=1, coarse=("path", (("off",), ops)))


def _slope() -> dict[str, Param]:
    return {"slope": Param((1,), 0.0, mean=0.25)}


def _prelu(p: Params, x: Float[Array, "*d h w c"]) -> Float[Array, "*d h w c"]:
    """x where it is positive, elsewhere times one learnt slope of any sign (arXiv 1502.01852, section 2.1)."""
    slope = p["slope"].astype(x.dtype).reshape((1,) * x.ndim)
    return jnp.maximum(x, 0) + slope * jnp.minimum(x, 0)


def _dense(kernel: int) -> Op:
    def params(c, out, inner):
        return {**conv_params(kernel, c, out, gain=_HE), **_slope()}

    return Op(f"conv{kernel}-prelu", params, lambda p, x, out, inner: _prelu(p, conv(p, x, out)))


def _separable(kernel: int) -> Op:
    """A PReLU behind the depthwise convolution too, which therefore has a scale, but no bias."""

    def params(c, out, inner):
        return {
            "d": {**depthwise_params(kernel, c, bias=False), **_slope()},
            "z": {**conv_params(1, c, out, gain=_HE), **_slope()},
        }

    def apply(p, x, out, inner):
        return _prelu(p["z"], conv(p["z"], _prelu(p["d"], depthwise(p["d"], x)), out))

    return Op(f"separable{kernel}-prelu", params, apply)


@functools.cache  # supernets of the same settings are equal, and share programs
def _forward(scale: int, ops: tuple[str, ...]):
    made = {f"{kind}{k}": make(k) for kind, make in (("c", _dense), ("d", _separable)) for k in (3, 5, 7)}
    nodes = {"off": OFF} | {name: made[name] for name in ops}
    ends = {**nodes, "off": zero_op()}
    stem, tail = conv_op(3), conv_op(3, gain=0.3)
    merge = Op("prelu", lambda c, out, inner: _slope(), lambda p, x, out, inner: _prelu(p, x))
    images = {
        "mean": Op("mean", _no_params, lambda p, x, out, inner: _mean(x, scale)),
        "bicubic": Op("bicubic", _no_params, lambda p, x, out, inner: upscale(x, scale, "bicubic")),
    }

    def forward(net: Net, x):
        trunk = net.width("trunk")

        def row(names: Sequence[str], h):
            for name in names:
                h = net.choose(name, nodes, h, out=trunk)
            return h

        first = net.layer("stem", stem, x - _mean(x, 1), out=trunk)
        early = row(EARLY, first)
        h = row(MAIN, early) + row(SIDE, early) + net.choose(LONG, ends, first, out=trunk)
        h = net.layer("merge", merge, h, out=trunk)
        for i, factor in enumerate((2, 2) if scale == 4 else (scale,), 1):
            h = pixel_shuffle(net.layer(f"up{i}", tail, h, out=3 * factor**2), factor)
        return h + net.choose("image", images, x, out=3)

    return forward


def _mean(x: Float[Array, "*d h w 3"], scale: int) -> jax.Array:
    """The mean colour at `scale` times the size of x."""
    *lead, height, width, _ = x.shape
    return jnp.broadcast_to(jnp.asarray(_MEAN, x.dtype), (*lead, scale * height, scale * width, 3))


def _no_params(c, out, inner):
    return {}
