"""A search space a user might bring: an encoder-decoder for image translation with searchable bottleneck blocks."""

import jax

from nasjax.ops.base import Op
from nasjax.ops.blocks import BLOCKS, OFF, activate
from nasjax.ops.conv import conv, conv_params
from nasjax.ops.layers import conv_op, zero_op
from nasjax.ops.norm import instance_norm, instance_norm_params
from nasjax.ops.resize import upscale
from nasjax.space import Choice, SearchSpace
from nasjax.supernet.base import Supernet


def normed(stride: int = 1, dilation: int = 1, *, residual: bool = False) -> Op:
    """A 3x3 convolution, instance norm, activation; written once for static and for masked widths."""

    def params(c, out, inner):
        return {"conv": conv_params(3, c, out), "norm": instance_norm_params(out)}

    def apply(p, x, out, inner):
        h = activate(instance_norm(p["norm"], conv(p["conv"], x, out, stride=stride, dilation=dilation), out))
        return x + h if residual else h

    return Op(f"normed{stride}{dilation}", params, apply)


OPS = {
    "off": OFF,
    "norm": normed(residual=True),
    "dilated": normed(dilation=2, residual=True),
    "sep3": BLOCKS["sep3"],
}
SKIP = {"none": zero_op(), "add": conv_op(1)}

space = SearchSpace(
    "own",
    (
        Choice("wide", ("8", "16"), "channel", default=1),
        Choice("deep", ("8", "16", "24"), "channel", default=2),
        Choice("m1", tuple(OPS), "operator", default=1, coarse=("path", (("off",), ("norm", "dilated", "sep3")))),
        Choice("m1.w", ("8", "16"), "channel", default=1, active=("m1", ("sep3",))),
        Choice("m2", tuple(OPS), "operator", default=1, coarse=("path", (("off",), ("norm", "dilated", "sep3")))),
        Choice("m2.w", ("8", "16"), "channel", default=1, active=("m2", ("sep3",))),
        Choice("skip", tuple(SKIP), "path"),
    ),
    ("path", "operator", "channel"),
)

STEM, DOWN, UP, HEAD = conv_op(3), normed(stride=2), normed(), conv_op(3)


def forward(net, x):
    """Down by two, searchable blocks, up by two, with an optional skip at full resolution."""
    wide, deep = net.width("wide"), net.width("deep")
    first = net.layer("stem", STEM, x, out=wide)
    h = net.layer("down", DOWN, first, out=deep)
    for name in ("m1", "m2"):
        h = net.choose(name, OPS, h, out=deep, inner=f"{name}.w")
    h = net.layer("up", UP, upscale(h, 2, "nearest"), out=wide)
    h = h + net.choose("skip", SKIP, first, out=wide)
    return jax.numpy.tanh(net.layer("head", HEAD, h, out=3))


own = Supernet(space, forward)
