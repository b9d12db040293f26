"""What encoders and decoders of images are made of: borders by reflection, halving by maximum, doubling by repetition.

Zeros around an image darken the border of its features, and of whatever is made from their statistics; a reflected
border looks like more of the same image.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from nasjax.ops.base import Width
from nasjax.ops.conv import conv, depthwise, grouped
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


def reflect_depthwise(p: Params, x: Float[Array, "*d h w c"], width: Width | None = None) -> Float[Array, "*d h w c"]:
    """Depthwise convolution that sees the image reflected at its borders; otherwise as `ops.conv.depthwise`."""
    return _inside(lambda wide: depthwise(p, wide, width), x, p["w"].shape[0])


def reflect_grouped(p: Params, x: Float[Array, "*d h w c"], width: Width) -> Float[Array, "*d h w c"]:
    """Grouped convolution that sees the image reflected at its borders; otherwise as `ops.conv.grouped`."""
    return _inside(lambda wide: grouped(p, wide, width), x, p["w"].shape[0])


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


def fill_up(x: Float[Array, "*d h w c"], step: int) -> Float[Array, "*d H W c"]:
    """Mirrors the last rows and columns, border included, up to multiples of `step`; sizes may be symbolic.

    An image of fewer rows than are missing is mirrored again and again, as `numpy.pad` does.
    """
    if step == 1:
        return x
    for axis in (x.ndim - 3, x.ndim - 2):
        size = x.shape[axis]
        filled = step * ((size + step - 1) // step)
        if filled == size:  # of symbolic sizes too, where it can be proved
            continue
        period, at = 2 * jnp.asarray(size, jnp.int32), jnp.arange(filled)
        # Two mirrors are a shift. An index below 0, which a single one gives of small images, is clipped by JAX, but
        # counts from the end or fails in graphs of ONNX, which have no remainder of ours: hence the division.
        at = at - period * lax.div(at, jnp.broadcast_to(period, at.shape))
        x = jnp.take(x, jnp.minimum(at, period - 1 - at), axis, mode="clip")
    return x


@jax.jit
def max_pool2(x: Float[Array, "*d h w c"]) -> Float[Array, "*d H W c"]:
    """The maximum of each 2x2 tile; an odd last row or column is dropped, an axis of a single pixel is kept.

    Equal maxima share the gradient. Named, so that exporters recognise it.
    """
    *lead, height, width, channels = x.shape
    rows, columns = (1 if n == 1 else 2 for n in (height, width))
    x = x[..., : height // rows * rows, : width // columns * columns, :]
    tiles = x.reshape(*lead, height // rows, rows, width // columns, columns, channels)
    # Pairwise, since XLA:CPU takes twice as long for the gradient of a reduction, and ten times for that of a window.
    return functools.reduce(jnp.maximum, [tiles[..., i, :, j, :] for i in range(rows) for j in range(columns)])


def upsample2(x: Float[Array, "*d h w c"]) -> Float[Array, "*d H W c"]:
    """Repeats each pixel twice along both axes."""
    return upscale(x, 2, "nearest")


@functools.partial(jax.jit, static_argnums=(1, 2))
def pad_reflect(x: Float[Array, "*d h w c"], rows: int, columns: int) -> Float[Array, "*d H W c"]:
    """One reflection of fewer pixels than the image has; named, so that exporters recognise it."""
    for axis, count in ((x.ndim - 3, rows), (x.ndim - 2, columns)):
        x = _reflect(x, axis, count) if count else x
    return x


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def _reflect(x: Array, axis: int, count: int) -> Array:
    """Looking rows up is several times faster on XLA:CPU than joining parts, which symbolic sizes need."""
    size = x.shape[axis]
    if isinstance(size, int):
        return jnp.take(x, np.pad(np.arange(size), count, "reflect"), axis, mode="clip")
    before, after = _part(x, axis, 1, count), _part(x, axis, size - 1 - count, count)
    return jnp.concatenate([jnp.flip(before, axis), x, jnp.flip(after, axis)], axis)


def _reflect_forward(x: Array, axis: int, count: int) -> tuple[Array, None]:
    return _reflect(x, axis, count), None


def _reflect_backward(axis: int, count: int, _, grad: Array) -> tuple[Array]:
    """What was mirrored goes back to where it came from; a look-up's own transpose would scatter pixel by pixel."""
    size = grad.shape[axis] - 2 * count
    before, after = _part(grad, axis, 0, count), _part(grad, axis, size + count, count)
    y = _part(grad, axis, count, size)
    for start, part in ((1, before), (size - 1 - count, after)):
        here = _part(y, axis, start, count) + jnp.flip(part, axis)
        end = start + count
        y = jnp.concatenate([_part(y, axis, 0, start), here, _part(y, axis, end, size - end)], axis)
    return (y,)


_reflect.defvjp(_reflect_forward, _reflect_backward)


def _inside(convolve: Callable[[Array], Array], x: Array, kernel: int) -> Array:
    """The convolution of the enlarged image, without what it makes of the border."""
    pad = kernel // 2
    return convolve(reflect_pad(x, pad))[..., pad:-pad, pad:-pad, :]


def _part(x: Array, axis: int, start, count) -> Array:
    return lax.slice_in_dim(x, start, start + count, axis=axis)


def _within(size, count: int) -> int:
    """As many of `count` pixels as one reflection of an axis has; all of them where the size is symbolic."""
    return min(count, size - 1) if isinstance(size, int) else count
