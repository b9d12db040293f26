"""A cascade of auto-encoders with whitening and colouring in each, then smoothing: the classical slow way.

After PhotoWCT, arXiv 1802.06474: the image is stylised at relu4_1, the result at relu3_1, and so on down to relu1_1;
unpooling by the places of the maxima (section 3.1); at the end, edges of the content are restored. There, that is a
closed form over the whole image's affinities (section 3.2); here it is the guided filter, which the authors' code
offers as the fast substitute.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from jaxtyping import Array, Float

from nasjax.linalg import wct
from nasjax.nets.autoencoder import AutoEncoder, Stylizer, autoencoder
from nasjax.nets.pooling import Pooling, fill_up
from nasjax.ops.guided import guided_filter
from nasjax.typing import Params, Scalar


class Smoothing(NamedTuple):
    """The guided filter's window and contrast (variance in units of the [-1, 1] range squared)."""

    radius: int = 35
    epsilon: float = 1e-3


def cascade(
    widths: Sequence[int],
    convs: Sequence[int],
    *,
    levels: Sequence[int] = (4, 3, 2, 1),
    pool: Pooling | str = "indices",
    method: str = "eigh",
    smoothing: Smoothing | None = Smoothing(),  # noqa: B008
) -> Stylizer:
    """The cascade over an encoder; params {"encoder", "decoder4", ..., "decoder1"}, decoders by `cascade_stage`.

    `levels` in the order they run; `method` is that of `nasjax.linalg.wct`; `smoothing=None` leaves the last step out.
    ValueError for levels that the encoder does not have.
    """
    stages = {level: cascade_stage(widths, convs, level=level, pool=pool) for level in levels}
    deepest = stages[max(levels)]

    def params() -> dict[str, Any]:
        decoders = {f"decoder{level}": stage.decoder.params() for level, stage in stages.items()}
        return {"encoder": deepest.encoder.params(), **decoders}

    def apply(
        p: Params, content: Float[Array, "*b h w 3"], style: Float[Array, "*b i j 3"], alpha: float | Scalar = 1.0
    ) -> Float[Array, "*b h w 3"]:
        height, width = content.shape[-3:-1]
        y = fill_up(content, deepest.step)
        wanted = deepest.encode(p["encoder"], fill_up(style, deepest.step)).features
        for level, stage in stages.items():
            code = stage.encode(p["encoder"], y)
            feature = wct(code.features[-1], wanted[level - 1], method=method, alpha=alpha)
            y = stage.decode(p[f"decoder{level}"], feature, code.skips)
        y = y[..., :height, :width, :]
        return _smooth(y, content, smoothing).clip(-1, 1)

    return Stylizer("cascade", params, apply)


def cascade_stage(
    widths: Sequence[int], convs: Sequence[int], *, level: int, pool: Pooling | str = "indices"
) -> AutoEncoder:
    """The auto-encoder of one level; ValueError for a level that the encoder does not have."""
    if not 1 <= level <= len(widths):
        raise ValueError(f"cascade: level {level} of an encoder of {len(widths)} levels; allowed: 1 to {len(widths)}")
    return autoencoder(tuple(widths)[:level], convs, pool)


def _smooth(y: Array, content: Array, smoothing: Smoothing | None) -> Array:
    return y if smoothing is None else guided_filter(content, y, radius=smoothing.radius, epsilon=smoothing.epsilon)
