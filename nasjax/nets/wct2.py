"""A network with Haar wavelets for pooling, and whitening and colouring at each level on the way down.

After WCT2, arXiv 1903.09760: the low band goes on through the encoder, the other three go straight to the decoder,
which joins them by the inverse wavelet ("sum" of their section 3.2), so that without a style it loses no detail; one
pass stylises all levels, shallow first (section 3.3). Nothing is smoothed afterwards.
"""

from collections.abc import Sequence
from typing import Any

from jaxtyping import Array, Float

from nasjax.linalg import wct
from nasjax.nets.autoencoder import Stylizer, autoencoder
from nasjax.nets.pooling import fill_up
from nasjax.typing import Params, Scalar


def wct2(widths: Sequence[int], convs: Sequence[int], *, method: str = "eigh", skips: bool = False) -> Stylizer:
    """The network over all levels of an encoder; params {"encoder", "decoder"}.

    `method` is that of `nasjax.linalg.wct`; with `skips`, the bands that go across are whitened and coloured, too
    (stronger, and further from the content's texture). The decoder is that of `autoencoder(widths, convs, "haar")`.
    """
    auto = autoencoder(widths, convs, "haar")

    def params() -> dict[str, Any]:
        return {"encoder": auto.encoder.params(), "decoder": auto.decoder.params()}

    def apply(
        p: Params, content: Float[Array, "*b h w 3"], style: Float[Array, "*b i j 3"], alpha: float | Scalar = 1.0
    ) -> Float[Array, "*b h w 3"]:
        def recolour(x: Array, like: Array) -> Array:
            return wct(x, like, method=method, alpha=alpha)

        height, width = content.shape[-3:-1]
        wanted = auto.encode(p["encoder"], fill_up(style, auto.step))
        code = auto.encode(
            p["encoder"], fill_up(content, auto.step), lambda level, x: recolour(x, wanted.features[level - 1])
        )
        bands = code.skips
        if skips:
            pairs = zip(code.skips, wanted.skips, strict=True)
            bands = tuple(tuple(recolour(*both) for both in zip(a, b, strict=True)) for a, b in pairs)
        return auto.decode(p["decoder"], code.features[-1], bands)[..., :height, :width, :].clip(-1, 1)

    return Stylizer("wct2", params, apply)
