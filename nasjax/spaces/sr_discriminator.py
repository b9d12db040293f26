"""`sr_discriminator`: networks that tell photographs from what a super-resolution generator makes of them.

From a few thousand to some five million parameters. Path: where and how the network ends (and with it how deep it is
and how far apart its scores are), which levels keep a convolution of full size, edges past a level, attention.
Operator: kernel, stride and norm of each convolution. Channel: the widths. The space of TPSR (arXiv 2007.04356, section
3.3) has no published description; this one holds the shapes of the discriminators that super-resolution is trained
with (`fixed_options`).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp

from nasjax.ops.base import Op
from nasjax.ops.blocks import OFF, channel_attention, global_mean, spatial_attention
from nasjax.ops.conv import conv, conv_params
from nasjax.ops.judging import halving, keeping, leaky, mean_pool2, pool_op
from nasjax.ops.layers import conv_op
from nasjax.ops.reflect import fill_up
from nasjax.ops.reflected import CLOSED, gate
from nasjax.ops.resize import upscale
from nasjax.space import Choice, SearchSpace
from nasjax.supernet.base import Supernet
from nasjax.supernet.net import Net

WIDTHS = ((16, 32, 64), (16, 32, 64, 128), (24, 64, 128, 256), (32, 64, 128, 256), (32, 64, 128, 384))
HEADS = ("patch2", "patch3", "unet3", "dense4")
_KINDS = ("patch", "dense", "unet")
_HIDDEN = 64  # of a dense head; half of it at each step of a U-Net
_STEM = conv_op(3, gain=1.4)
_EDGES = {"off": CLOSED, "on": gate(conv_op(1, gain=0.6), mean_pool2)}


def sr_discriminator(
    widths: Sequence[Sequence[int]] = WIDTHS,
    *,
    heads: Sequence[str] = HEADS,
    keep: Sequence[str] = ("k3", "k3i", "k3s", "k5"),
    halve: Sequence[str] = ("s3", "s4", "s3i", "s4i", "s3s", "s4s", "p3"),
    nominal: int | None = None,
) -> Supernet:
    """The space and its networks: images `[b, h, w, 3]` in [-1, 1] -> scores `[b, h, w, 1]`, higher where more real.

    `widths` lists the options, ascending, behind the stem and behind each level, which halves the size. `heads` end in
    their level: `patch3` scores the places of level 3 (PatchGAN), `dense4` the whole image from the means of level 4,
    `unet3` each pixel, back up from level 3 past all levels before (arXiv 2002.12655). Every score is repeated over the
    pixels that it is of, so that scores of all networks have one shape, and the same mean. Levels behind a network's
    head are absent. Sizes are filled up by mirroring. `nominal` is the position of the widths that stand in before the
    channel stage (default: the widest). Raises ValueError for unknown operations or heads, or unsuitable widths.
    """
    widths = tuple(tuple(options) for options in widths)
    _check(widths, tuple(heads), keep, halve)
    choices = _choices(widths, tuple(heads), (tuple(keep), tuple(halve)), nominal)
    return Supernet(
        SearchSpace("sr_discriminator", choices, ("path", "operator", "channel")),
        Discriminating(tuple(o[-1] for o in widths), tuple(heads), tuple(keep), tuple(halve)),
    )


class Discriminating(NamedTuple):
    """The forward function of the space: a tuple of its settings, so that equal networks compare equal."""

    widest: tuple[int, ...]
    heads: tuple[str, ...]
    keep: tuple[str, ...]
    halve: tuple[str, ...]

    def __call__(self, net: Net, x: Any) -> Any:
        """Features level by level, then the head."""
        levels = len(self.widest) - 1
        h = leaky(net.layer("stem", _STEM, fill_up(x, 2**levels), out=net.width("w0")))
        features = {"f0": h}
        for i in range(1, levels + 1):
            features[f"f{i}"] = h = self._level(net, i, h)
        heads = {name: _head(name) for name in self.heads}
        return net.choose("head", heads, features, out=1)

    def _level(self, net: Net, i: int, h: Any) -> Any:
        before, after = net.width(f"w{i - 1}"), net.width(f"w{i}")
        h = net.choose(f"c{i}", {"off": OFF, **{name: keeping()[name] for name in self.keep}}, h, out=before)
        ops = {"pool": pool_op(self.widest[i]), **{name: halving()[name] for name in self.halve}}
        half = net.choose(f"d{i}", ops, h, out=after, inner=f"w{i - 1}")
        half = net.choose(f"e{i}", _EDGES, {"h": half, "skip": h}, out=after)
        return net.choose("att", _ATTENTION, half, out=after) if i == 1 else half


def fixed_options(name: str, levels: int = 4) -> dict[str, str]:
    """The options of a known discriminator, at the widest, for `space.encode`; ValueError for an unknown name.

    `srgan`: pairs of 3x3 convolutions, the second of stride 2, a dense head (arXiv 1609.04802, figure 4), with instance
    for batch norm, before convolutions instead of behind them, and means for its flattened image. `esrgan`: the same
    with 4x4 kernels where it halves (arXiv 1809.00219, as its authors train it). `unet`: spectral norm, 4x4 kernels,
    scores a pixel (Real-ESRGAN, arXiv 2107.10833, section 3.3; ours has 1x1 convolutions on its way up). `patchgan`:
    4x4 kernels of stride 2, instance norm from level 2 on, before its convolution, scores a place of level 3 (arXiv
    1611.07004, section 6.1.2; ours has a 3x3 convolution first).
    """
    if name not in FIXED:
        raise ValueError(f"fixed_options: unknown discriminator {name!r}; allowed: {', '.join(FIXED)}")
    head, level, same, half = FIXED[name]
    level = min(level, levels)
    options = {"head": f"{head}{level}", "att": "none"}
    for i in range(1, level + 1):
        options |= {f"c{i}": same, f"d{i}": "s4" if (name, i) == ("patchgan", 1) else half, f"e{i}": "off"}
    return options


FIXED = {  # name -> kind and level of the head, and the operations that keep the size, and halve it
    "srgan": ("dense", 4, "k3i", "s3i"),
    "esrgan": ("dense", 4, "k3i", "s4i"),
    "unet": ("unet", 3, "off", "s4s"),
    "patchgan": ("patch", 3, "off", "s4i"),
}


def _both() -> Op:
    channel, spatial = channel_attention(), spatial_attention()

    def params(c, out, inner):
        return {"channel": channel.params(c, out, inner), "spatial": spatial.params(c, out, inner)}

    def apply(p, x, out, inner):
        return spatial.apply(p["spatial"], channel.apply(p["channel"], x, out, inner), out, inner)

    return Op("both-attentions", params, apply)


_ATTENTION = {"none": OFF, "channel": channel_attention(), "spatial": spatial_attention(), "both": _both()}


def _head(name: str) -> Op:
    kind, level = name[:-1], int(name[-1])
    return {"patch": _patch, "dense": _dense, "unet": _unet}[kind](level)


def _patch(level: int) -> Op:
    def apply(p, x, out, inner):
        return upscale(conv(p, x[f"f{level}"], 1), 2**level, "nearest")

    return Op(f"patch{level}", lambda c, out, inner: conv_params(3, c[f"f{level}"], 1), apply)


def _dense(level: int) -> Op:
    def params(c, out, inner):
        return {
            "a": conv_params(1, c[f"f{level}"], _HIDDEN, gain=1.4),
            "z": conv_params(1, _HIDDEN, 1),
        }

    def apply(p, x, out, inner):
        score = conv(p["z"], leaky(conv(p["a"], global_mean(x[f"f{level}"]), _HIDDEN)), 1)
        return jnp.broadcast_to(score, (*x["f0"].shape[:-1], 1))

    return Op(f"dense{level}", params, apply)


def _unet(level: int) -> Op:
    """From the deepest features back up: 1x1 of what comes from below and of the level's own, added."""
    width = _HIDDEN // 2

    def params(c, out, inner):
        sides = {f"f{i}": conv_params(1, c[f"f{i}"], width, gain=1.0) for i in range(level + 1)}
        ups = {f"up{i}": conv_params(1, width, width, gain=1.0, bias=False) for i in range(level)}
        return {**sides, **ups, "z": conv_params(3, width, 1)}

    def apply(p, x, out, inner):
        h = leaky(conv(p[f"f{level}"], x[f"f{level}"], width))
        for i in reversed(range(level)):
            below = upscale(conv(p[f"up{i}"], h, width), 2, "nearest")
            h = leaky(below + conv(p[f"f{i}"], x[f"f{i}"], width))
        return conv(p["z"], h, 1)

    return Op(f"unet{level}", params, apply)


def _choices(
    widths: tuple[tuple[int, ...], ...],
    heads: tuple[str, ...],
    ops: tuple[tuple[str, ...], tuple[str, ...]],
    nominal: int | None,
) -> tuple[Choice, ...]:
    keep, halve = ops
    found = [Choice("head", heads, "path"), Choice("att", tuple(_ATTENTION), "path"), _width(0, widths[0], nominal)]
    for i in range(1, len(widths)):
        deep = tuple(head for head in heads if int(head[-1]) >= i)
        active = None if deep == heads else ("head", deep)
        # A level that a network may lack is passed without weights.
        half = halve if active is None else ("pool", *halve)
        found += [
            Choice(f"c{i}", ("off", *keep), "operator", active=active, coarse=("path", (("off",), keep))),
            Choice(f"d{i}", half, "operator", default=len(half) - len(halve), active=active),
            Choice(f"e{i}", tuple(_EDGES), "path", active=active),
            _width(i, widths[i], nominal, active),
        ]
    return tuple(found)


def _width(i: int, options: tuple[int, ...], nominal: int | None, active: Any = None) -> Choice:
    place = len(options) - 1 if nominal is None else min(nominal, len(options) - 1)
    return Choice(f"w{i}", tuple(map(str, options)), "channel", default=place, active=active)


def _check(
    widths: tuple[tuple[int, ...], ...], heads: tuple[str, ...], keep: Sequence[str], halve: Sequence[str]
) -> None:
    levels = len(widths) - 1
    for what, names, known in (("keep", keep, tuple(keeping())), ("halve", halve, tuple(halving()))):
        if unknown := [n for n in names if n not in known]:
            raise ValueError(f"sr_discriminator: {what}: unknown {unknown[0]!r}; allowed: {', '.join(known)}")
        if not names or len(set(names)) < len(names):
            raise ValueError(f"sr_discriminator: {what} must name each of its options once, got {tuple(names)}")
    allowed = [f"{kind}{i}" for kind in _KINDS for i in range(1, levels + 1)]
    if not heads or len(set(heads)) < len(heads) or (unknown := [h for h in heads if h not in allowed]):
        raise ValueError(
            f"sr_discriminator: heads must be among {', '.join(allowed)} for {levels} levels, each once, got {heads}"
        )
    if f"{max(int(head[-1]) for head in heads)}" != f"{levels}":
        raise ValueError(f"sr_discriminator: no head is behind level {levels}, so nothing would see it: {heads}")
    for i, options in enumerate(widths):
        if list(options) != sorted(set(options)) or min(options, default=0) < 1:
            raise ValueError(f"sr_discriminator: widths of level {i} must be positive and ascending, got {options}")
