"""What encoders and decoders of images are made of: borders by reflection, halving by maximum, doubling by repetition.

Zeros around an image darken the border of its features, and of whatever is made from their statistics; a reflected
border looks like more of the same image.
"""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nasjax.ops.base import Width
from nasjax.ops.conv import conv
from nasjax.ops.resize import upscale
from nasjax.typing import Params


def reflect_conv(p: Params, x: Float[Array, "*d h w c"], out: Width, *, dilation: int = 1) -> Float[Array, "*d h w o"]:
    """Convolution of stride 1 that sees the image reflected at its borders; params, widths and weights as `ops.conv`.

    Sizes as in `reflect_pad`. ValueError unless the kernel's sides are odd and equal.
    """
    height, width = p["w"].shape[:2]
    if height != width or height % 2 == 0:
        raise ValueError(f"reflect_conv: the kernel must be square with an odd side, got {height}x{width}")
    return conv(p, reflect_pad(x, dilation * (height // 2)), out, dilation=dilation, padding="valid")


def reflect_pad(x: Float[Array, "*d h w c"], pad: int) -> Float[Array, "*d H W c"]:
    """Adds `pad` pixels on all four sides, mirrored about the border pixels (which are not repeated).

    Any size works: an image smaller than the border is mirrored again and again, as `numpy.pad` does, and an axis of a
    single pixel repeats it. A symbolic size (`jax.export`) must be known to exceed `pad`. ValueError if `pad` is
    negative.
    """
    if pad < 0:
        raise ValueError(f"reflect_pad: pad must be 0 or more pixels, got {pad}")
    height, width = x.shape[-3:-1]
    if 1 in (height, width):
        edges = [(pad if n == 1 else 0,) * 2 for n in (height, width)]
        x = jnp.pad(x, [(0, 0)] * (x.ndim - 3) + edges + [(0, 0)], mode="edge")
    rows, columns = (0 if n == 1 else pad for n in (height, width))
    while rows or columns:
        top, left = _within(x.shape[-3], rows), _within(x.shape[-2], columns)
        x = pad_reflect(x, top, left)
        rows, columns = rows - top, columns - left
    return x


@jax.jit
def max_pool2(x: Float[Array, "*d h w c"]) -> Float[Array, "*d H W c"]:
    """The maximum of each 2x2 tile; an odd last row or column is dropped, an axis of a single pixel is kept.

    Equal maxima share the gradient. Named, so that exporters recognise it.
    """
    *lead, height, width, channels = x.shape
    rows, columns = (1 if n == 1 else 2 for n in (height, width))
    x = x[..., : height // rows * rows, : width // columns * columns, :]
    return x.reshape(*lead, height // rows, rows, width // columns, columns, channels).max((-4, -2))


def upsample2(x: Float[Array, "*d h w c"]) -> Float[Array, "*d H W c"]:
    """Repeats each pixel twice along both axes."""
    return upscale(x, 2, "nearest")


@functools.partial(jax.jit, static_argnums=(1, 2))
def pad_reflect(x: Float[Array, "*d h w c"], rows: int, columns: int) -> Float[Array, "*d H W c"]:
    """One reflection of fewer pixels than the image has; named, so that exporters recognise it."""
    for axis, count in ((x.ndim - 3, rows), (x.ndim - 2, columns)):
        if count:
            last = x.shape[axis] - 1
            before = jax.lax.slice_in_dim(x, 1, count + 1, axis=axis)
            after = jax.lax.slice_in_dim(x, last - count, last, axis=axis)
            x = jnp.concatenate([jnp.flip(before, axis), x, jnp.flip(after, axis)], axis)
    return x


def _within(size, count: int) -> int:
    """As many of `count` pixels as one reflection of an axis has; all of them where the size is symbolic."""
    return min(count, size - 1) if isinstance(size, int) else count
