"""The decoder that mirrors a VGG encoder: features of its last level back to an image."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import jax

from nasjax.nets.pooling import Pooling, pooling
from nasjax.ops.conv import conv_params
from nasjax.ops.reflect import reflect_conv
from nasjax.typing import Params

_GAIN = 2**0.5  # keeps the variance through a ReLU (He et al. 2015)


class Decoder(NamedTuple):
    """A decoder for features of level `len(widths)`.

    `params()` declares its parameters: one 3x3 convolution `convL_K` for each of the encoder's, under its name, with
    input and output exchanged. `apply(params, feature, skips=())` gives images `[*d, h, w, 3]`, about in [-1, 1] and
    not clipped, from a feature `[*d, h / 2^(L-1), w / 2^(L-1), c_L]`; `skips` is what the encoder's pooling handed
    across, shallow first, and is needed unless the pooling hands nothing.
    """

    widths: tuple[int, ...]
    params: Callable[[], dict[str, Any]]
    apply: Callable[..., Any]


def mirror(widths: Sequence[int], convs: Sequence[int], pool: Pooling | str = "nearest") -> Decoder:
    """The decoder of an encoder with these widths and convolutions a level, of which the last level has one.

    Convolutions have reflected borders and ReLU, but for the last one, which has none. ValueError where widths and
    convs are not of one length, or the pooling is unknown.
    """
    widths, convs = tuple(widths), tuple(convs)
    if not widths or len(convs) < len(widths) or min(*widths, *convs) < 1:
        raise ValueError(f"mirror: widths and convs must be positive, one for each level; got {widths} and {convs}")
    layers, how = _layers(widths, convs), pooling(pool) if isinstance(pool, str) else pool

    def params() -> dict[str, Any]:
        return {
            name: conv_params(3, channels, out, gain=1.0 if name == "conv1_1" else _GAIN)
            for name, (channels, out) in layers.items()
        }

    def apply(p: Params, feature: jax.Array, skips: Sequence[Any] = ()) -> jax.Array:
        below = dict(zip(range(1, len(widths)), skips or [None] * (len(widths) - 1), strict=True))
        y = feature
        for name, following in pairwise([*layers, ""]):
            y = reflect_conv(p[name], y, layers[name][1])
            y = jax.nn.relu(y) if following else y
            level, number = _place(name)
            if number == 1 and level > 1:
                y = how.unpool(y, below[level - 1])
        return y

    return Decoder(widths, params, apply)


def _layers(widths: tuple[int, ...], convs: tuple[int, ...]) -> Mapping[str, tuple[int, int]]:
    """The convolutions in the order they run, by the encoder's level and number: input and output channels."""
    top, below = len(widths), (3, *widths)
    return {
        f"conv{level}_{number}": (widths[level - 1], below[level - 1] if number == 1 else widths[level - 1])
        for level in range(top, 0, -1)
        for number in range(1 if level == top else convs[level - 1], 0, -1)
    }


def _place(name: str) -> tuple[int, int]:
    level, number = name.removeprefix("conv").split("_")
    return int(level), int(number)
