"""What a found generator is compared with: the usual network scaled down by hand, in some ways, to the same MACs."""

import functools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from nasjax.cost.count import count
from nasjax.ops.base import formulation
from nasjax.spaces.resnet_generator import resnet_generator, teacher_options
from nasjax.spaces.unet_generator import unet_generator, unet_options
from nasjax.supernet.base import Supernet
from nasjax.system import Networks, Rival, same_size

_MOST_WIDTH = 96  # of the stem
_FEWER = 3  # times fewer blocks


class Shape(NamedTuple):
    """A way to scale the usual generator down: everything but its width."""

    name: str
    blocks: int
    op: str = "res"
    added_to: str = "none"  # what the output is added to; "image": its input


def shapes(blocks: int) -> tuple[Shape, ...]:
    """CycleGAN's generator made narrower, of a third of the blocks, or of separable ones (GAN Compression).

    "residual" is the second, and makes a change of its input, which is no usual generator but the usual advice.
    """
    few = max(1, blocks // _FEWER)
    plain = Shape("narrower", blocks), Shape("fewer blocks", few), Shape("separable", blocks, "sep")
    return *plain, Shape("residual", few, added_to="image")


def hand_scaled(
    macs: int, *, ways: Sequence[str], space: str, blocks: int, norm: str, up: str, size: tuple[int, int]
) -> Iterator[Rival]:
    """The usual generator in these ways, of the width at which it comes closest to so many MACs at (width, height).

    `space` "resnet": `blocks` residual blocks, widths times 1, 2, 4, 4, 2, 1. "unet": `blocks` halvings, narrower only.
    """
    known = (Shape("narrower", blocks),) if space == "unet" else shapes(blocks)
    for shape in (shape for shape in known if shape.name in ways):
        base = _closest(macs, lambda width, shape=shape: _macs(*usual(space, shape, width, norm=norm, up=up), size))
        net, arch = usual(space, shape, base, norm=norm, up=up)
        added = "" if shape.added_to == "none" else ", added to its input"
        note = f"the usual generator of width {base} with {shape.blocks} blocks{added}, from random weights"
        yield Rival(f"hand-scaled, {shape.name}", note, Networks(net, same_size()), arch)


def usual(space: str, shape: Shape, width: int, *, norm: str, up: str) -> tuple[Supernet, np.ndarray]:
    """The usual generator of a shape, whose stem is `width` wide: the smallest space that holds it, and its arch."""
    if space == "unet":
        widths = [[width * min(2**level, 8)] for level in range(shape.blocks)]
        net = unet_generator(widths, norm=norm)
        return net, net.space.encode(unet_options(net.space))
    times: Sequence[Any] = [[width * k] for k in (1, 2, 4, 2, 1)]
    net = resnet_generator(times, (4 * width,), blocks=shape.blocks, ops=(shape.op,), up=(up,), norm=norm)
    options = teacher_options(net.space, up=up) | {f"b{i}": shape.op for i in range(1, shape.blocks + 1)}
    return net, net.space.encode(options | {"global": shape.added_to})


def _macs(net: Supernet, arch: np.ndarray, size: tuple[int, int]) -> int:
    with formulation("native"):
        return count(*net.deployed(arch, (1, size[1], size[0], 3))).macs


def _closest(wanted: int, macs_fn: Any) -> int:
    """The width with the closest MACs, which grow with it: by bisection."""
    # The last two were counted on the way: counting them again would be a fifth of all work.
    low, high, macs_fn = 1, _MOST_WIDTH, functools.cache(macs_fn)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if macs_fn(middle) <= wanted else (low, middle)
    return min((low, high), key=lambda width: abs(macs_fn(width) - wanted))
