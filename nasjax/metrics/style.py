"""Style transfer in two numbers, each by a protocol that is spelled out: is the content kept, is the style reached?

The published tables use both ideas with many details that change the numbers; compare only what this module measured.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from nasjax.metrics.image import rgb_to_y
from nasjax.metrics.similarity import WINDOW, similarity_map
from nasjax.typing import Params

STYLE_LEVELS = (1, 2, 3, 4)
_FLAT = 1e-3  # levels squared: makes the gradient of an edge's magnitude finite where there is none

# (params, images [*d, h, w, 3] in [-1, 1]) -> features of level 1, 2, ..., each [*d, h', w', c].
EncodeFn = Callable[[Params, Any], Sequence[Array]]


def edge_ssim(output: Float[Array, "*d h w 3"], content: Float[Array, "*d i j 3"]) -> Float[Array, "*d"]:
    """How well each output keeps the content's edges: SSIM of the two edge maps, 1 where they are equal.

    Protocol: images in [-1, 1], clipped, not rounded; `edge_map` of each; SSIM as for pictures (11x11 Gaussian, sigma
    1.5, K1 = 0.01, K2 = 0.03, range 255), averaged over the windows that lie wholly inside. ValueError where the shapes
    differ or a side is below 13 pixels.
    """
    height, width = content.shape[-3:-1]
    if output.shape != content.shape or min(height, width) < WINDOW + 2:
        raise ValueError(
            f"edge_ssim: needs two images of one size, each side {WINDOW + 2} pixels or more, got {output.shape} and "
            f"{content.shape}"
        )
    return similarity_map(edge_map(output), edge_map(content)).mean((-3, -2, -1))


def edge_map(x: Float[Array, "*d h w 3"]) -> Float[Array, "*d i j 1"]:
    """Edges in grey levels: the magnitude of the Sobel gradient of the luma (16..235), inner pixels `[h - 2, w - 2]`.

    The kernels (1, 2, 1) x (-1, 0, 1) are divided by 4, so that a step from black to white across a row or a column
    has magnitude 219. Images in [-1, 1] are clipped first.
    """
    luma = rgb_to_y(jnp.clip(x.astype(jnp.float32), -1, 1))
    down, right = (_derivative(luma, axis, other) for axis, other in ((-3, -2), (-2, -3)))
    return jnp.sqrt(down * down + right * right + _FLAT)


def style_distance(
    encode_fn: EncodeFn,
    params: Params,
    output: Float[Array, "*#d h w 3"],
    *,
    style: Float[Array, "*#d i j 3"],
) -> Float[Array, "..."]:
    """How far each output is from its style: `gram_distance` over VGG's relu1_1 to relu4_1; 0 where they are equal.

    `encode_fn` and `params` are those of VGG16 scaled to unit mean activation (`nets.vgg`, `load_vgg16(4)` or more
    levels): another encoder gives another number. Output and style, in [-1, 1], may differ in size; their leading axes
    broadcast. ValueError on fewer than four levels.
    """
    return gram_distance(encode_fn(params, output), encode_fn(params, style), levels=STYLE_LEVELS)


def gram_distance(
    features: Sequence[Float[Array, "..."]], style: Sequence[Float[Array, "..."]], *, levels: Sequence[int]
) -> Float[Array, "..."]:
    """The mean over levels (1 is relu1_1) of the mean squared difference of Gram matrices, image by image.

    The Gram matrix of a feature `[h, w, c]` is the sum over positions of the outer product of its channels, divided by
    h * w (Gatys et al., arXiv 1508.06576, equation 3, whose sums depend on the image's size). In float32. ValueError on
    a level that is not there.
    """
    there = range(1, min(len(features), len(style)) + 1)
    if not levels or not set(levels) <= set(there):
        raise ValueError(f"gram_distance: levels must be among {[*there]}, got {levels}")
    return gram_error([gram(features[i - 1]) for i in levels], [gram(style[i - 1]) for i in levels])


def gram_error(ours: Sequence[Float[Array, "..."]], theirs: Sequence[Float[Array, "..."]]) -> Float[Array, "*d"]:
    """The mean over levels of the mean squared difference of Gram matrices `[..., c, c]`, image by image."""
    pairs = zip(ours, theirs, strict=True)
    return jnp.stack([jnp.square(a - b).mean((-2, -1)) for a, b in pairs]).mean(0)


def gram(x: Float[Array, "*d h w c"]) -> Float[Array, "*d c c"]:
    """The Gram matrix of a feature, divided by h * w, in float32 (see `gram_distance`)."""
    # In full precision: accelerators would round the factors to fewer bits than the differences have.
    x = x.astype(jnp.float32)
    return jnp.einsum("...hwi,...hwj->...ij", x, x, precision=lax.Precision.HIGHEST) / (x.shape[-3] * x.shape[-2])


def _derivative(x: Array, axis: int, other: int) -> Array:
    """Central difference along `axis`, smoothed along `other`."""
    difference = _shifted(x, axis, 2) - _shifted(x, axis, 0)
    low, middle, high = (_shifted(difference, other, k) for k in range(3))
    return (low + 2 * middle + high) / 4


def _shifted(x: Array, axis: int, start: int) -> Array:
    return lax.slice_in_dim(x, start, start + x.shape[axis] - 2, axis=axis % x.ndim)
