"""The whitening and colouring transform of whole feature maps, at once or region by region."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from nasjax.linalg.affine import apply_transfer, transfer
from nasjax.linalg.statistics import moments
from nasjax.typing import Scalar


class Regions(NamedTuple):
    """Which parts of the content take their statistics from which parts of the style: those of equal label.

    Labels are 0 to `number` - 1; `number` is static. A pixel keeps its content where its label is outside that range,
    or does not occur in the style.
    """

    content: Int[Array, "*b h w"]
    style: Int[Array, "*b i j"]
    number: int


def wct(
    content: Float[Array, "*b h w c"],
    style: Float[Array, "*b i j c"],
    *,
    method: str,
    alpha: float | int | Scalar = 1.0,
    eps: float = 1e-5,
    regions: Regions | None = None,
    axis_name: str | None = None,
) -> Float[Array, "*b h w c"]:
    """The content with the style's mean and covariance over pixels, in float32 inside and in the content's type.

    `method` and `eps` as in `transfer`; `alpha` blends (0 is the content itself, exactly). With `regions` statistics
    are those of each label; one pixel is enough. With `axis_name` (inside `shard_map`) both images are split over that
    mesh axis, and statistics are those of the whole. A content without variance becomes the style's mean. Raises
    ValueError for shapes that do not fit together. Source: arXiv 1705.08086, section 3.2.
    """
    _check(content, style, regions)
    x, y = _pixels(content), _pixels(style)
    if regions is None:
        found = transfer(moments(x, axis_name=axis_name), moments(y, axis_name=axis_name), method=method, eps=eps)
        return apply_transfer(found, x, alpha).reshape(content.shape)
    labels = tuple(v.reshape(*v.shape[:-2], -1) for v in regions[:2])

    # One region after the other: all at once would hold a copy of the pixels for each.
    @jax.checkpoint
    def step(out, label):
        inside, source = (v == label for v in labels)
        there = moments(y, source.astype(jnp.float32), axis_name)
        found = transfer(moments(x, inside.astype(jnp.float32), axis_name), there, method=method, eps=eps)
        use = inside & (there.count > 0)[..., None]
        return jnp.where(use[..., None], apply_transfer(found, x, alpha), out), None

    return jax.lax.scan(step, x, jnp.arange(regions.number))[0].reshape(content.shape)


def _pixels(x: Array) -> Array:
    return x.reshape(*x.shape[:-3], x.shape[-3] * x.shape[-2], x.shape[-1])


def _check(content: Array, style: Array, regions: Regions | None) -> None:
    fits = content.shape[:-3] == style.shape[:-3] and content.shape[-1] == style.shape[-1]
    if not fits:
        raise ValueError(
            f"wct: content and style [..., h, w, c] must agree but for h and w, got {content.shape} and {style.shape}"
        )
    if 0 in content.shape or 0 in style.shape:
        raise ValueError(f"wct: content and style need a pixel or more, got {content.shape} and {style.shape}")
    for name, image in (("content", content), ("style", style)) if regions is not None else ():
        if (found := getattr(regions, name).shape) != image.shape[:-1]:
            raise ValueError(f"wct: labels of the {name} must have the shape {image.shape[:-1]}, got {found}")
    if regions is not None and regions.number < 1:
        raise ValueError(f"wct: regions need 1 label or more, got number={regions.number}")
