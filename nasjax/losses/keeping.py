"""What a picture keeps of another one whatever becomes of its light and colours: features, edges, directions.

The content terms of a photo filter that is learned from two sets of pictures: all are 0 for a picture in another light,
as far as a gain of its levels is that, and rise where edges appear, vanish or turn around.
"""

from collections.abc import Sequence

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from nasjax.losses.distillation import ssim_loss
from nasjax.losses.perceptual import EncodeFn, feature_distance
from nasjax.typing import Params

_LUMA = (0.299, 0.587, 0.114)
_TINY = 1e-4  # a gradient of so much, of a range of 2, is that of a flat place: less than rounding to 8 bits makes


def kept_features(
    encode_fn: EncodeFn,
    params: Params,
    y: Float[Array, "*d h w 3"],
    *,
    of: Float[Array, "*d h w 3"],
    levels: Sequence[int],
) -> Float[Array, ""]:
    """The distance of an encoder's features of `y` and `of`, each channel with mean 0 and variance 1 over its picture.

    Normalised, since features of a darker picture are smaller all over (AdaIN, arXiv 1703.06868, equation 5, takes mean
    and variance for the style). `levels` as in `feature_distance`; gradients flow to `y` alone.
    """
    params, of = lax.stop_gradient((params, of))
    ours, theirs = ([_normalised(f) for f in encode_fn(params, x)] for x in (y, of))
    return feature_distance(ours, theirs, levels=levels)


def kept_edges(y: Float[Array, "*d h w 3"], *, of: Float[Array, "*d h w 3"]) -> Float[Array, ""]:
    """1 minus the structural similarity of the edges of two pictures, each in units of its own mean edge.

    Edges are lengths of the gradient of luma, `[h - 1, w - 1]`, of which `ssim_loss` wants 11x11 or more. No gradient
    flows to `of`.
    """
    return ssim_loss(_strength(y), _strength(of))


def kept_directions(y: Float[Array, "*d h w 3"], *, of: Float[Array, "*d h w 3"]) -> Float[Array, ""]:
    """1 minus the cosine of the gradients of two pictures' luma, the mean over pixels weighted by both lengths.

    0 where any rising curve was laid over the levels, 2 where one is the negative of the other; flat places, where
    nothing points anywhere, do not count. No gradient flows to `of`.
    """
    (down, across), (their_down, their_across) = _gradients(y), _gradients(lax.stop_gradient(of))
    lengths = _length(down, across) * _length(their_down, their_across)
    along = down * their_down + across * their_across
    return 1 - along.sum() / (lengths.sum() + _TINY**2)


def _normalised(feature: Array) -> Array:
    feature = feature.astype(jnp.float32)
    mean, variance = feature.mean((-3, -2), keepdims=True), feature.var((-3, -2), keepdims=True)
    return (feature - mean) * lax.rsqrt(variance + 1e-3)


def _strength(x: Array) -> Array:
    """Edges in [-1, 1): -1 where it is flat, about -0.5 at the picture's mean edge; strong ones differ little."""
    length = _length(*_gradients(x))[..., None]
    mean = length.mean((-3, -2), keepdims=True) + _TINY
    return 2 * jnp.tanh(0.25 * length / mean) - 1


def _length(down: Array, across: Array) -> Array:
    # The root's gradient at 0 is infinite.
    return jnp.sqrt(down**2 + across**2 + _TINY**2)


def _gradients(x: Array) -> tuple[Array, Array]:
    """Of luma, downwards and across, `[*d, h - 1, w - 1]` each."""
    luma = x.astype(jnp.float32) @ jnp.array(_LUMA)
    return luma[..., 1:, :-1] - luma[..., :-1, :-1], luma[..., :-1, 1:] - luma[..., :-1, :-1]
