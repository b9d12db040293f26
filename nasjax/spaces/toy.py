"""`toy`: a two-block image-to-image space, small enough to enumerate; it stands in every contract table."""

from nasjax.ops.base import Op
from nasjax.ops.blocks import BLOCKS, OFF
from nasjax.ops.layers import conv_op, zero_op
from nasjax.space import Choice, SearchSpace
from nasjax.supernet.base import Supernet
from nasjax.supernet.net import Net

_OPS = ("res", "sep3", "rep")
_WIDTHS = ("8", "16")


def toy(*, gain: float = 0.2) -> Supernet:
    """Images to images of the same size, `[b, h, w, 3]` -> `[b, h, w, 3]`; path, operator and channel choices."""
    blocks = tuple(c for name in ("b1", "b2") for c in _block(name))
    choices = (Choice("trunk", _WIDTHS, "channel", default=1), Choice("skip", ("short", "long"), "path"), *blocks)
    return Supernet(SearchSpace("toy", choices, ("path", "operator", "channel")), _forward(gain))


def _block(name: str) -> tuple[Choice, ...]:
    return (
        Choice(name, ("off", *_OPS), "operator", default=1, coarse=("path", (("off",), _OPS))),
        Choice(f"{name}.w", _WIDTHS, "channel", default=1, active=(name, _OPS)),
    )


def _forward(gain: float):
    ops: dict[str, Op] = {"off": OFF} | {name: BLOCKS[name] for name in _OPS}
    skips = {"short": zero_op(), "long": OFF}
    stem, head = conv_op(3), conv_op(3, gain=gain)

    def forward(net: Net, x):
        trunk = net.width("trunk")
        first = h = net.layer("stem", stem, x, out=trunk)
        for name in ("b1", "b2"):
            h = net.choose(name, ops, h, out=trunk, inner=f"{name}.w")
        h = h + net.choose("skip", skips, first, out=trunk)
        return x + net.layer("head", head, h, out=3)

    return forward
