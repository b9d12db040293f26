"""`photonet`: photorealistic style transfer, an encoder and the decoders that mirror it (StyleNAS, arXiv 1906.02470).

Path: which encoder features join the bottleneck (BFA) and the decoder's stages (instance-normalised or not), extra
convolutions, larger reductions. Operator: how each decoder convolution is made. Channel: the decoder's widths.
Transfer: where statistics are moved; it has no parameters, so its stage searches without training. Trained as an
auto-encoder, when the points of transfer do nothing; at use they move the content's statistics to the style's
(`Points`).
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax

from nasjax.nets.vgg import Encoder, vgg
from nasjax.ops.base import Op, Width
from nasjax.ops.blocks import OFF
from nasjax.ops.layers import conv_op
from nasjax.ops.norm import normalise
from nasjax.ops.reflect import max_pool2
from nasjax.ops.reflected import (
    CLOSED,
    gate,
    reflected_conv,
    reflected_inverted,
    reflected_separable,
    relu,
)
from nasjax.ops.resize import upscale
from nasjax.space import Choice, SearchSpace
from nasjax.supernet.base import Supernet
from nasjax.supernet.net import Net

VGG_WIDTHS, VGG_CONVS = (64, 128, 256, 512, 512), (2, 2, 3, 3, 1)
_OPS: dict[str, Op] = {"conv": reflected_conv(), "sep": reflected_separable(), "ir": reflected_inverted()}
_REDUCE = {"1x1": conv_op(1, gain=0.8), "3x3": reflected_conv()}


class Points(NamedTuple):
    """What happens at the points of transfer and of instance normalisation: `(name of the choice, x) -> y`, same shape.

    The default is what training sees: nothing is transferred, statistics are those of each image.
    """

    transfer: Callable[[str, Any], Any] = lambda name, x: x
    normalise: Callable[[str, Any], Any] = lambda name, x: normalise(x)


AUTOENCODE = Points()


def photonet(
    widths: Sequence[int] = VGG_WIDTHS,
    convs: Sequence[int] = VGG_CONVS,
    *,
    ops: Sequence[str] = ("conv",),
    decoder: Sequence[Sequence[int]] | None = None,
    points: Points = AUTOENCODE,
) -> Supernet:
    """The space and its network: `[b, h, w, 3]` -> the same, in [-1, 1]; h and w multiples of 2^(levels - 1).

    `widths` and `convs` are the encoder's (`nets.vgg.vgg`), 3 to 5 levels; its params are the layer "encoder", to which
    no gradient flows. `ops`: how decoder convolutions may be made (conv, sep, ir). `decoder` lists the widths that the
    decoder's stages 1, 2, ... may take, ascending (default: the encoder's). With the defaults there are the 31 choices
    of the publication. Raises ValueError for other level counts, operations or widths.
    """
    options = tuple(tuple(w) for w in decoder) if decoder else tuple((w,) for w in widths[:-1])
    _check(widths, convs, ops, options)
    choices = tuple(_choices(len(widths), tuple(ops), options))
    space = SearchSpace(f"photonet{len(widths)}", choices, ("path", "operator", "channel", "transfer"))
    side = 2 ** len(widths)  # so that two pixels remain at the bottleneck
    forward = Photonet(_encoder(tuple(widths), tuple(convs)), tuple(ops), options, points)
    return Supernet(space, forward, (2, side, side, 3))  # two images: a content and its style


def _choices(levels: int, ops: tuple[str, ...], widths: tuple[tuple[int, ...], ...]) -> Iterator[Choice]:
    def switch(name: str, options: tuple[str, ...] = ("off", "on"), parent: str | None = None) -> Choice:
        return Choice(name, options, "path", active=None if parent is None else (parent, ("on",)))

    def moves(name: str) -> Choice:
        # On until their own stage: a skip whose statistics are not moved is a shortcut for the content's colours, and
        # the longer a network trains, the more it takes it.
        return Choice(name, ("off", "on"), "transfer", default=1)

    def extra(name: str) -> Choice:
        coarse = ("path", (("off",), ops)) if len(ops) > 1 else None
        return Choice(name, ("off", *ops), "operator" if coarse else "path", coarse=coarse)

    def made(stage: int) -> Iterator[Choice]:
        if len(ops) > 1:
            yield Choice(f"d{stage}.op", ops, "operator")

    for stage, options in enumerate(widths, 1):
        if len(options) > 1:
            yield Choice(f"w{stage}", tuple(map(str, options)), "channel", default=len(options) - 1)
    yield moves("bn.wct")
    yield from (switch(f"bfa{level}") for level in range(levels - 1, 0, -1))
    yield from (moves(f"d{levels}.wct"), extra(f"d{levels}.extra"), extra(f"d{levels}.up"))
    for stage in range(levels - 1, 0, -1):
        d = f"d{stage}"
        yield from (moves(f"{d}.wct"), switch(f"{d}.cat"), switch(f"{d}.in", ("plain", "norm"), f"{d}.cat"))
        if stage > 1:
            yield from made(stage)
        if stage > 2:
            yield from (extra(f"{d}.extra"), switch(f"{d}.reduce", tuple(_REDUCE)))
        if stage > 1:
            yield extra(f"{d}.up")
        yield moves(f"{d}.skip")


class Photonet(NamedTuple):
    """The forward function of the space: a tuple of its settings, so that equal networks compare equal."""

    encoder: Encoder
    ops: tuple[str, ...]
    widths: tuple[tuple[int, ...], ...]
    points: Points

    def __call__(self, net: Net, x: Any) -> Any:
        """Encode, fuse at the bottleneck, decode stage by stage."""
        levels = len(self.encoder.widths)
        features = net.layer("encoder", _encode(self.encoder), x, out=self.encoder.widths[-1])
        skips = {
            level: net.choose(f"d{level}.skip", self._transfer(f"d{level}.skip"), f, out=f.shape[-1])
            for level, f in enumerate(features[:-1], 1)
        }
        h = self._bottleneck(net, features[-1], skips)
        h = self._move(net, f"d{levels}.wct", h, self._width(net, levels - 1))
        h = self._extra(net, f"d{levels}.extra", h, self._width(net, levels - 1))
        h = self._enlarge(net, levels, h, self._width(net, levels - 1))
        for stage in range(levels - 1, 0, -1):
            h = self._stage(net, stage, h, skips[stage])
        return h

    def _bottleneck(self, net: Net, h: Any, skips: dict[int, Any]) -> Any:
        """Bottleneck feature aggregation: one 1x1 convolution of all that joins, as the sum of its parts."""
        top = len(self.encoder.widths)
        width = self._width(net, top - 1)
        h = self._move(net, "bn.wct", h, self.encoder.widths[-1])
        h = net.layer("fuse", _FUSE, h, out=width)
        for level, skip in sorted(skips.items(), reverse=True):
            prepare = functools.partial(self._pooled, f"bfa{level}", times=top - level)
            h = net.choose(
                f"bfa{level}", {"off": CLOSED, "on": gate(_FUSE, prepare)}, {"h": h, "skip": skip}, out=width
            )
        return h

    def _stage(self, net: Net, stage: int, h: Any, skip: Any) -> Any:
        """Convolve with or without the skip; then, but for the last stage, refine, reduce and enlarge."""
        d, here = f"d{stage}", self._width(net, stage)
        below = self._width(net, stage - 1) if stage > 1 else 3
        h = self._move(net, f"{d}.wct", h, here)
        skip = net.choose(f"{d}.in", {"plain": OFF, "norm": self._normalise(f"{d}.in")}, skip, out=skip.shape[-1])
        out = below if stage <= 2 else here
        h = self._base(net, stage, h, out)
        h = net.choose(f"{d}.cat", {"off": CLOSED, "on": gate(_OPS["conv"])}, {"h": h, "skip": skip}, out=out)
        if stage == 1:
            return h
        h = relu(h)
        if stage > 2:
            h = self._extra(net, f"{d}.extra", h, here)
            h = relu(net.choose(f"{d}.reduce", _REDUCE, h, out=below))
        return self._enlarge(net, stage, h, below)

    def _base(self, net: Net, stage: int, h: Any, out: Width) -> Any:
        if stage > 1 and len(self.ops) > 1:
            return net.choose(f"d{stage}.op", {name: _OPS[name] for name in self.ops}, h, out=out)
        return net.layer(f"d{stage}.conv", _OPS[next(iter(self.ops))] if stage > 1 else _LAST, h, out=out)

    def _extra(self, net: Net, name: str, h: Any, width: Width) -> Any:
        return net.choose(name, {"off": OFF} | {op: _activated(op) for op in self.ops}, h, out=width)

    def _enlarge(self, net: Net, stage: int, h: Any, width: Width) -> Any:
        return self._extra(net, f"d{stage}.up", upscale(h, 2, "nearest"), width)

    def _move(self, net: Net, name: str, h: Any, width: Width) -> Any:
        return net.choose(name, self._transfer(name), h, out=width)

    def _width(self, net: Net, stage: int) -> Width:
        options = self.widths[stage - 1]
        return net.width(f"w{stage}") if len(options) > 1 else max(options)

    def _transfer(self, name: str) -> dict[str, Op]:
        return {"off": OFF, "on": _point(f"transfer-{name}", functools.partial(self.points.transfer, name))}

    def _normalise(self, name: str) -> Op:
        return _point(f"normalise-{name}", functools.partial(self.points.normalise, name))

    def _pooled(self, name: str, skip: Any, times: int) -> Any:
        """Normalised, then reduced to the bottleneck's grid."""
        h = self.points.normalise(name, skip)
        for _ in range(times):
            h = max_pool2(h)
        return h


# Made once a setting: encoders hold functions, and equal networks must compare equal.
_encoder = functools.cache(vgg)


def _encode(encoder: Encoder) -> Op:
    def apply(p, x, out, inner):
        return encoder.apply(jax.lax.stop_gradient(p), x)

    return Op("encoder", lambda c, out, inner: encoder.params(), apply)


def _point(name: str, fn: Callable[[Any], Any]) -> Op:
    return Op(name, lambda c, out, inner: {}, lambda p, x, out, inner: fn(x))


@functools.cache
def _activated(name: str) -> Op:
    """An operation followed by ReLU."""
    op = _OPS[name]
    return op._replace(name=f"{op.name}-relu", apply=lambda p, x, out, inner: relu(op.apply(p, x, out, inner)))


_FUSE, _LAST = conv_op(1, gain=0.8), reflected_conv(gain=0.4)


def _check(widths: Sequence[int], convs: Sequence[int], ops: Sequence[str], decoder: tuple[tuple[int, ...], ...]):
    if not 3 <= len(widths) <= 5 or len(convs) != len(widths):
        raise ValueError(
            f"photonet: 3 to 5 levels, as many convs as widths; got widths {tuple(widths)}, convs {tuple(convs)}"
        )
    if not ops or (unknown := sorted(set(ops) - set(_OPS))) or len(set(ops)) < len(ops):
        what = f"unknown operation {unknown[0]!r}" if ops and unknown else f"operations {tuple(ops)}"
        raise ValueError(f"photonet: {what}; allowed, each once: {', '.join(_OPS)}")
    if len(decoder) != len(widths) - 1:
        raise ValueError(f"photonet: decoder lists widths for {len(decoder)} stages; {len(widths) - 1} are needed")
    for stage, options in enumerate(decoder, 1):
        if list(options) != sorted(set(options)) or min(options, default=0) < 1:
            raise ValueError(f"photonet: widths of decoder stage {stage} must be positive and ascending, got {options}")
