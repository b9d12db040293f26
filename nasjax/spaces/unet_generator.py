"""`unet_generator`: image-to-image generators between pix2pix's U-Net and networks of a hundredth of its size.

Path: which edges lead from the encoder to the decoder. Operator: how each halving, each doubling and each edge is made.
Channel: the width of every level on both sides. The U-Net of pix2pix (arXiv 1611.07004, appendix 6.1.1) is one arch:
`unet_options`. It concatenates what an edge brings to the decoder's feature; here the two have kernels of their own,
whose results are added: the same function, and an edge that is off costs nothing.
"""

import functools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp

from nasjax.ops.base import Op
from nasjax.ops.conv import conv_params
from nasjax.ops.normed import NORMS, normed, normed_params
from nasjax.ops.reflect import fill_up, reflect_conv
from nasjax.ops.reflected import CLOSED, gate, relu
from nasjax.ops.resize import upscale
from nasjax.ops.strided import double, halve
from nasjax.space import Choice, SearchSpace
from nasjax.supernet.base import Supernet
from nasjax.supernet.net import Net

UNET_WIDTHS = tuple((w // 4, 3 * w // 8, w // 2, w) for w in (64, 128, 256, 512, 512, 512, 512, 512))


def unet_generator(
    widths: Sequence[Sequence[int]] = UNET_WIDTHS, *, norm: str = "instance", nominal: int | None = None
) -> Supernet:
    """The space and its generator: `[b, h, w, 3]` -> the same, both in [-1, 1], of any height and width.

    `widths` lists, level by level, the options (ascending) of the encoder's width and of the decoder's; their number,
    2 or more, is the number of halvings: eight are pix2pix's U-Net-256. `norm`: one of `ops.normed.NORMS`. `nominal`
    is the position of the widths that stand in before the channel stage (default: the widest). Sizes that are no
    multiples of 2^levels are filled up by mirroring and cut again. Dropout, which pix2pix uses as its noise, is left
    out. Raises ValueError for an unknown norm or unsuitable widths.
    """
    widths = tuple(tuple(options) for options in widths)
    _check(widths, norm)
    space = SearchSpace(f"unet{len(widths)}", tuple(_choices(widths, nominal)), ("path", "operator", "channel"))
    return Supernet(space, UnetGenerator(len(widths), norm), (1, 2 ** len(widths), 2 ** len(widths), 3))


def unet_options(space: SearchSpace) -> dict[str, str]:
    """The options of the widest network as pix2pix made it, for `space.encode`."""
    kernels = {"d": "conv4", "u": "double4", "s": "double4"}
    return {c.name: kernels.get(c.name[0], c.options[-1]) for c in space.choices}


class UnetGenerator(NamedTuple):
    """The forward function of the space: a tuple of its settings, so that equal networks compare equal.

    `tapped`: it gives `(y, {point: feature})` (`spaces.features`).
    """

    levels: int
    norm: str
    tapped: bool = False

    @property
    def min_size(self) -> int:
        """The least height and width of an exported graph: what a picture is filled up by is never more than it has."""
        return 2 ** (self.levels - 1)

    def __call__(self, net: Net, x: Any) -> Any:
        """Halve to the bottleneck, double back."""
        height, width = x.shape[-3:-1]
        encoded = self._encode(net, fill_up(x, 2**self.levels))
        h, features = encoded[-1], {"down": encoded[-1]}
        ends = {-(-self.levels * k // 4): f"group{4 - k}" for k in (1, 2, 3)}
        for level in range(self.levels, 1, -1):
            h = self._enlarge(net, level, h, encoded[level - 1])
            if level in ends:
                features[ends[level]] = h
        y = jnp.tanh(self._enlarge(net, 1, h, encoded[0]))[..., :height, :width, :]
        return (y, features) if self.tapped else y

    def _encode(self, net: Net, x: Any) -> list[Any]:
        """The features of all levels, before their activation."""
        features, h = [], x
        for level in range(1, self.levels + 1):
            # Of the first level colours pass unnormalised; at the last a single pixel may be left.
            norm = self.norm if 1 < level < self.levels else None
            ops = {f"conv{k}": _down(k, norm) for k in (4, 2)}
            features.append(net.choose(f"d{level}", ops, h, out=net.width(f"w.d{level}")))
            h = jnp.maximum(features[-1], 0.2 * features[-1])
        return features

    def _enlarge(self, net: Net, level: int, h: Any, skip: Any) -> Any:
        out = net.width(f"w.u{level}") if level > 1 else 3
        h = net.choose(f"u{level}", _ups(level == 1), relu(h), out=out)
        if level < self.levels:
            h = net.choose(f"s{level}", _EDGES, {"h": h, "skip": relu(skip)}, out=out)
        return net.layer(f"n{level}", _normed(self.norm), h, out=out) if level > 1 else h


# Made once a setting: an operation is a pair of functions, and equal networks must compare equal.
@functools.cache
def _down(kernel: int, norm: str | None) -> Op:
    def params(c, out, inner):
        plain = conv_params(kernel, c, out, gain=1.0, bias=norm is None)
        return plain if norm is None else normed_params(plain, out, norm)

    def apply(p, x, out, inner):
        y = halve(p, x, out)
        return y if norm is None else normed(p, y, out)

    return Op(f"halve{kernel}-{norm}", params, apply)


@functools.cache
def _double(kernel: int, bias: bool) -> Op:
    return Op(
        f"double{kernel}-{bias}",
        lambda c, out, inner: conv_params(kernel, c, out, gain=1.4, bias=bias),
        lambda p, x, out, inner: double(p, x, out),
    )


@functools.cache
def _ups(bias: bool) -> dict[str, Op]:
    nearest = Op(
        f"nearest-conv3-{bias}",
        lambda c, out, inner: conv_params(3, c, out, gain=1.0, bias=bias),
        lambda p, x, out, inner: reflect_conv(p, upscale(x, 2, "nearest"), out),
    )
    return {"double4": _double(4, bias), "double2": _double(2, bias), "nearest": nearest}


@functools.cache
def _normed(norm: str) -> Op:
    return Op(
        f"norm-{norm}",
        lambda c, out, inner: normed_params({}, out, norm),
        lambda p, x, out, inner: normed(p, x, out),
    )


_EDGES = {"off": CLOSED, "double4": gate(_double(4, False)), "double2": gate(_double(2, False))}


def _choices(widths: tuple[tuple[int, ...], ...], nominal: int | None) -> Iterator[Choice]:
    def width(name: str, options: tuple[int, ...]) -> Choice:
        place = len(options) - 1 if nominal is None else min(nominal, len(options) - 1)
        return Choice(name, tuple(map(str, options)), "channel", default=place)

    levels = range(1, len(widths) + 1)
    yield from (width(f"w.d{level}", widths[level - 1]) for level in levels)
    yield from (width(f"w.u{level}", widths[level - 2]) for level in levels[1:])
    edges = tuple(_EDGES)
    for level in levels[:-1]:
        yield Choice(f"s{level}", edges, "operator", default=1, coarse=("path", (edges[:1], edges[1:])))
    yield from (Choice(f"d{level}", ("conv4", "conv2"), "operator") for level in levels)
    yield from (Choice(f"u{level}", tuple(_ups(True)), "operator") for level in levels)


def _check(widths: tuple[tuple[int, ...], ...], norm: str) -> None:
    if norm not in NORMS:
        raise ValueError(f"unet_generator: unknown norm {norm!r}; allowed: {', '.join(NORMS)}")
    if len(widths) < 2:
        raise ValueError(f"unet_generator: needs the widths of 2 levels or more, got {widths}")
    for level, options in enumerate(widths, 1):
        if list(options) != sorted(set(options)) or min(options, default=0) < 1:
            raise ValueError(f"unet_generator: widths of level {level} must be positive and ascending, got {options}")
