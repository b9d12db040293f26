"""Auto-encoders around a fixed VGG encoder: what photorealistic style transfer changes features inside of."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
from jaxtyping import Array, Float

from nasjax.nets.decoder import Decoder, mirror
from nasjax.nets.pooling import Pooling, fill_up, pooling
from nasjax.nets.vgg import Encoder, vgg
from nasjax.ops.reflect import reflect_conv
from nasjax.typing import Params

# (level, 1 for the shallowest; its feature) -> the feature to go on with
ChangeFn = Callable[[int, Any], Any]


class Code(NamedTuple):
    """What an encoder hands to its decoder: the features of all levels and what its poolings left, shallow first."""

    features: tuple[Array, ...]
    skips: tuple[Any, ...]


class AutoEncoder(NamedTuple):
    """An encoder whose pooling may be another than VGG's, and its mirrored decoder.

    `encode(params, x, change_fn)` takes images whose sizes are multiples of `step`; each level's feature passes through
    `change_fn` before the next level sees it. `decode(params, feature, skips)` gives images, not clipped. The params of
    the two are apart (`encoder.params`, `decoder.params`): the encoder's are VGG's, whatever the pooling.
    """

    encoder: Encoder
    decoder: Decoder
    pooling: Pooling
    encode: Callable[..., Code]
    decode: Callable[..., Any]

    @property
    def step(self) -> int:
        """What height and width must be multiples of."""
        return 2 ** (len(self.encoder.widths) - 1)


class Stylizer(NamedTuple):
    """A network that gives photographs the style of others.

    `params()` declares {"encoder": ..., one entry a decoder}; `apply(params, content, style, alpha=1.0)` maps
    `[*b, h, w, 3]` and `[*b, i, j, 3]` in [-1, 1], of any sizes, to `[*b, h, w, 3]`, clipped. `alpha` blends the
    content's features (0) with the stylised ones (1).
    """

    name: str
    params: Callable[[], dict[str, Any]]
    apply: Callable[..., Any]


def autoencoder(widths: Sequence[int], convs: Sequence[int], pool: Pooling | str) -> AutoEncoder:
    """The auto-encoder of `len(widths)` levels; ValueError as `vgg`, `mirror` and `pooling`."""
    how = pooling(pool) if isinstance(pool, str) else pool
    encoder, decoder = vgg(tuple(widths), tuple(convs)), mirror(widths, convs, how)

    def encode(params: Params, x: Array, change_fn: ChangeFn = lambda level, feature: feature) -> Code:
        features, skips = [], []
        for level, names in enumerate(_levels(encoder), 1):
            if level > 1:
                x, skip = how.pool(x)
                skips.append(skip)
            x = change_fn(level, _layer(params, names[0], x))
            features.append(x)
            for name in names[1:]:
                x = _layer(params, name, x)
        return Code(tuple(features), tuple(skips))

    return AutoEncoder(encoder, decoder, how, encode, decoder.apply)


def reconstruct(auto: AutoEncoder, params: Params, x: Float[Array, "*d h w 3"]) -> Float[Array, "*d h w 3"]:
    """Images through encoder and decoder, for params {"encoder", "decoder"}; any sizes, not clipped."""
    height, width = x.shape[-3:-1]
    code = auto.encode(params["encoder"], fill_up(x, auto.step))
    return auto.decode(params["decoder"], code.features[-1], code.skips)[..., :height, :width, :]


def _levels(encoder: Encoder) -> Iterator[list[str]]:
    """The names of the convolutions of each level, in order."""
    names = sorted(encoder.params())
    for level in range(1, len(encoder.widths) + 1):
        yield [name for name in names if name.startswith(f"conv{level}_")]


def _layer(params: Params, name: str, x: Array) -> Array:
    return jax.nn.relu(reflect_conv(params[name], x, params[name]["w"].shape[-1]))
