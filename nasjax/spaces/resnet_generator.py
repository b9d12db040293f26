"""`resnet_generator`: image-to-image generators between CycleGAN's ResNet and networks of a hundredth of its size.

Path: which residual blocks exist, long edges from the encoder to the decoder, and whether the network makes an image or
a change of its input. Operator: how each block and each up-sampling is made. Channel: the widths of the stem, of both
down-samplings (the second is the trunk's) and up-samplings, and the inner width of each block. The generator of
Johnson et al. (arXiv 1603.08155) as CycleGAN has it (arXiv 1703.10593, appendix) is one arch: `teacher_options`.
"""

import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp

from nasjax.ops.base import Op, Width
from nasjax.ops.blocks import OFF
from nasjax.ops.conv import conv_params
from nasjax.ops.layers import conv_op, zero_op
from nasjax.ops.normed import NORMS, normed_blocks, normed_op
from nasjax.ops.reflect import fill_up, reflect_conv
from nasjax.ops.reflected import CLOSED, gate
from nasjax.ops.resize import upscale
from nasjax.ops.strided import double, double_nearest, halve
from nasjax.space import Choice, SearchSpace
from nasjax.supernet.base import Supernet
from nasjax.supernet.net import Net
from nasjax.typing import Params

PLACES = ("stem", "down1", "down2", "up1", "up2")
WIDTHS = ((16, 24, 32, 64), (32, 48, 64, 128), (64, 96, 128, 256), (32, 48, 64, 128), (16, 24, 32, 64))
INNER = (32, 64, 128, 256)
_BLOCKS, UPS = tuple(normed_blocks()), ("transposed", "nearest", "bilinear")
_STEP = 4  # two halvings
_SKIPS = {"skip.full": "up2", "skip.half": "up1", "skip.trunk": "down2"}  # and the width that they arrive at
_EDGES = {"off": CLOSED, "on": gate(conv_op(1, gain=0.2))}
_HEAD = Op("head7", lambda c, out, inner: conv_params(7, c, out), lambda p, x, out, inner: reflect_conv(p, x, out))
_NEARLY = 0.98  # of the range of tanh: the inverse of its ends is infinite


def resnet_generator(
    widths: Sequence[Sequence[int]] = WIDTHS,
    inner: Sequence[int] = INNER,
    *,
    blocks: int = 9,
    ops: Sequence[str] = _BLOCKS,
    up: Sequence[str] = ("transposed", "nearest"),
    norm: str = "instance",
    nominal: int | None = None,
) -> Supernet:
    """The space and its generator: `[b, h, w, 3]` -> the same, both in [-1, 1], of any height and width.

    `widths` lists the options, ascending, of stem, down 1, down 2, up 1 and up 2; `inner` those of each block's own
    width, in multiples of 8 when `group`, of 4 when `incep` is among `ops`. `up`: of `UPS`. `norm`: one of
    `ops.normed.NORMS`. `nominal` is the position of the widths that stand in before the channel stage (default: the
    widest). Sizes that are no multiples of 4 are filled up by mirroring and cut again. Raises ValueError for unknown
    operations and norms, or unsuitable widths.
    """
    widths = tuple(tuple(options) for options in widths)
    _check(widths, inner, blocks=blocks, ops=ops, up=up, norm=norm)
    choices = _choices(widths, tuple(inner), blocks=blocks, ops=tuple(ops), up=tuple(up), nominal=nominal)
    space = SearchSpace(f"resnet{blocks}", tuple(choices), ("path", "operator", "channel"))
    return Supernet(space, ResnetGenerator(blocks, tuple(ops), tuple(up), norm))


def teacher_options(space: SearchSpace, *, up: str = "transposed") -> dict[str, str]:
    """The options of the widest network as CycleGAN made it: all blocks residual pairs, nothing added.

    For `space.encode`, which raises ValueError where the space lacks one of them.
    """
    named = {c.name: c.options for c in space.choices}
    widest = {name: options[-1] for name, options in named.items() if name.startswith("w.") or name.endswith(".w")}
    pairs = {name: "res" for name in named if f"{name}.w" in named}
    return {**widest, **pairs, **dict.fromkeys(_SKIPS, "off"), "global": "none", "up1": up, "up2": up}


class ResnetGenerator(NamedTuple):
    """The forward function of the space: a tuple of its settings, so that equal networks compare equal.

    `tapped`: it gives `(y, {point: feature})` (`spaces.features`).
    """

    blocks: int
    ops: tuple[str, ...]
    up: tuple[str, ...]
    norm: str
    tapped: bool = False

    @property
    def min_size(self) -> int:
        """The least height and width of an exported graph: at a quarter of it, borders are reflected by 2 pixels."""
        return 3 * _STEP

    def __call__(self, net: Net, x: Any) -> Any:
        """Encode by a quarter, transform, decode."""
        height, width = x.shape[-3:-1]
        x = fill_up(x, _STEP)
        stem, down1, down2 = self._encode(net, x)
        h, features = self._trunk(net, down2)
        h = _edge(net, "skip.half", self._enlarge(net, "up1", h), down1)
        h = _edge(net, "skip.full", self._enlarge(net, "up2", h), stem)
        y = net.layer("head", _HEAD, h, out=3) + net.choose("global", _GLOBAL, x, out=3)
        y = jnp.tanh(y)[..., :height, :width, :]
        return (y, features) if self.tapped else y

    def _encode(self, net: Net, x: Any) -> tuple[Any, Any, Any]:
        stem = net.layer("stem", _stem(self.norm), x, out=net.width("w.stem"))
        down1 = net.layer("down1", _down(self.norm), stem, out=net.width("w.down1"))
        return stem, down1, net.layer("down2", _down(self.norm), down1, out=net.width("w.down2"))

    def _trunk(self, net: Net, first: Any) -> tuple[Any, dict[str, Any]]:
        """The blocks; a feature is the last down-sampling's or that behind a third of the blocks."""
        ops = {"off": OFF} | {name: normed_blocks(self.norm)[name] for name in self.ops}
        trunk, ends = net.width("w.down2"), [-(-self.blocks * k // 3) for k in (1, 2, 3)]
        features, h = {"down": first}, first
        for i in range(1, self.blocks + 1):
            h = net.choose(f"b{i}", ops, h, out=trunk, inner=f"b{i}.w")
            features |= {f"group{k}": h for k, end in enumerate(ends, 1) if end == i}
        return _edge(net, "skip.trunk", h, first), features

    def _enlarge(self, net: Net, name: str, h: Any) -> Any:
        ops = {up: _up(up, self.norm) for up in self.up}
        return net.choose(name, ops, h, out=net.width(f"w.{name}"))


def _edge(net: Net, name: str, h: Any, skip: Any) -> Any:
    """`h`, with or without a 1x1 convolution of what the encoder had."""
    return net.choose(name, _EDGES, {"h": h, "skip": skip}, out=net.width(f"w.{_SKIPS[name]}"))


def _change(p: Mapping[str, Any], x: Any, out: Width, inner: Width) -> Any:
    """The image where tanh will turn it into (98 % of) itself: so a head of zeros leaves the image alone."""
    return jnp.arctanh(_NEARLY * jnp.clip(x, -1, 1))


_GLOBAL = {"none": zero_op(), "image": Op("change", lambda c, out, inner: {}, _change)}


# Made once a norm: an operation is a pair of functions, and equal networks must compare equal.
@functools.cache
def _stem(norm: str) -> Op:
    return normed_op("stem7", lambda c, out: conv_params(7, c, out, bias=False), reflect_conv, norm=norm)


@functools.cache
def _down(norm: str) -> Op:
    return normed_op("halve3", lambda c, out: conv_params(3, c, out, bias=False), halve, norm=norm)


@functools.cache
def _up(name: str, norm: str) -> Op:
    if name == "transposed":
        return normed_op("double3", lambda c, out: conv_params(3, c, out, gain=1.2, bias=False), double, norm=norm)

    convolve = double_nearest if name == "nearest" else _double_bilinear
    return normed_op(f"{name}-conv3", lambda c, out: conv_params(3, c, out, bias=False), convolve, norm=norm)


def _double_bilinear(p: Params, x: Any, out: Width) -> Any:
    return reflect_conv(p, upscale(x, 2, "bilinear"), out)


def _choices(
    widths: tuple[tuple[int, ...], ...],
    inner: tuple[int, ...],
    *,
    blocks: int,
    ops: tuple[str, ...],
    up: tuple[str, ...],
    nominal: int | None,
) -> Iterator[Choice]:
    def width(name: str, options: tuple[int, ...], active=None) -> Choice:
        place = len(options) - 1 if nominal is None else min(nominal, len(options) - 1)
        return Choice(name, tuple(map(str, options)), "channel", default=place, active=active)

    yield from (width(f"w.{place}", options) for place, options in zip(PLACES, widths, strict=True))
    yield from (Choice(name, ("off", "on"), "path") for name in _SKIPS)
    yield Choice("global", ("none", "image"), "path")
    yield from (Choice(name, up, "operator") for name in ("up1", "up2"))
    for name in (f"b{i}" for i in range(1, blocks + 1)):
        yield Choice(name, ("off", *ops), "operator", default=1, coarse=("path", (("off",), ops)))
        yield width(f"{name}.w", inner, (name, ops))


def _check(
    widths: tuple[tuple[int, ...], ...],
    inner: Sequence[int],
    *,
    blocks: int,
    ops: Sequence[str],
    up: Sequence[str],
    norm: str,
) -> None:
    if blocks < 1 or len(widths) != len(PLACES):
        raise ValueError(
            f"resnet_generator: needs blocks >= 1 and options of {len(PLACES)} widths ({', '.join(PLACES)}), got "
            f"{blocks} blocks and {len(widths)} lists of widths"
        )
    for what, names, known in (("ops", ops, _BLOCKS), ("up", up, UPS), ("norm", (norm,), NORMS)):
        if unknown := [n for n in names if n not in known]:
            raise ValueError(f"resnet_generator: {what}: unknown {unknown[0]!r}; allowed: {', '.join(known)}")
        if not names or len(set(names)) < len(names):
            raise ValueError(f"resnet_generator: {what} must name each of its options once, got {tuple(names)}")
    for name, sizes in itertools.chain(zip(PLACES, widths, strict=True), [("inner", inner)]):
        if list(sizes) != sorted(set(sizes)) or min(sizes, default=0) < 1:
            raise ValueError(f"resnet_generator: {name} widths must be positive and ascending, got {tuple(sizes)}")
    for op, multiple in (("group", 8), ("incep", 4)):
        if op in ops and any(w % multiple for w in inner):
            raise ValueError(
                f"resnet_generator: inner widths must be multiples of {multiple} for the operation {op!r}, got "
                f"{tuple(inner)}"
            )
