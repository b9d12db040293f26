"""The gradient of a loss by the kernel of a dense convolution, written as XLA:CPU is fastest at it.

A kernel's gradient is itself a convolution: the image, with its border, is correlated with the gradient of the output,
over all pixels of all images at once. XLA:CPU copies every window of such a convolution before it multiplies. Three
things make that cost several times what the arithmetic does: sums over more pixels than a cache holds, windows of many
channels for few results, and windows that reach into a border which the convolution itself adds.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax

_NHWC = ("NHWC", "HWIO", "NHWC")
_PIXELS = 4096  # that a sum runs over at a time
_SMALL = 1024  # pixels of an image up to which neither a border of its own nor a loop pays
_IMAGES = 4  # of them, side by side in memory, where there are as many

Pads = tuple[int, int]  # before and behind, of either axis


def by_dense_kernel(x: jax.Array, g: jax.Array, *, kernel: tuple[int, int], dilation: int) -> jax.Array:
    """`dw[i, j, c, o]` of a stride-1 'same' convolution of `x` `[n, h, w, c]`, from the gradient `g` `[n, h, w, o]`.

    Of the two, the one with many more channels stays where it is, and the other one moves.
    """
    reach = [(k - 1) * dilation for k in kernel]
    pads = [(n // 2, n - n // 2) for n in reach]
    if 2 * g.shape[-1] >= x.shape[-1]:
        return _correlated(x, g, pads=pads, dilation=dilation)
    # What a step to the right of the image gives, a step to the left of the gradient does, too.
    back = _correlated(g, x, pads=[(after, before) for before, after in pads], dilation=dilation)
    return back[::-1, ::-1].swapaxes(2, 3)


def _correlated(moved: jax.Array, fixed: jax.Array, *, pads: Sequence[Pads], dilation: int) -> jax.Array:
    """`[i, j, a, b]`: sums over images and pixels of `moved`, shifted by every entry of the kernel, times `fixed`."""
    images, rows = _chunk(*fixed.shape[:3])
    if fixed.shape[1] * fixed.shape[2] > _SMALL or images < len(fixed):
        (top, bottom), sides = pads
        starts = range(0, fixed.shape[1], rows)
        spare = len(starts) * rows - fixed.shape[1]  # rows of zeros, which give nothing
        moved, pads = jnp.pad(moved, ((0, 0), (top, bottom + spare), sides, (0, 0))), [(0, 0), (0, 0)]
        fixed = jnp.pad(fixed, ((0, 0), (0, spare), (0, 0), (0, 0)))
        moved = jnp.concatenate([moved[:, at : at + rows + top + bottom] for at in starts])
        fixed = jnp.concatenate([fixed[:, at : at + rows] for at in starts])
    if images == len(fixed):
        return _summed(moved, fixed, pads, dilation)
    parts = [v.reshape(-1, images, *v.shape[1:]) for v in (moved, fixed)]

    def add(total: jax.Array, part: list[jax.Array]) -> tuple[jax.Array, None]:
        return total + _summed(part[0], part[1], pads, dilation), None

    found = jax.eval_shape(lambda part: _summed(part[0], part[1], pads, dilation), [v[0] for v in parts])
    return lax.scan(add, jnp.zeros(found.shape, jnp.float32), parts)[0]


def _summed(moved: jax.Array, fixed: jax.Array, pads: Sequence[Pads], dilation: int) -> jax.Array:
    """By a convolution whose images are the channels of `moved`, and whose channels are the images."""
    moved, fixed = moved.transpose(3, 1, 2, 0), fixed.transpose(1, 2, 0, 3)
    steps = (dilation, dilation)
    return lax.conv_general_dilated(moved, fixed, steps, pads, dimension_numbers=_NHWC).transpose(1, 2, 0, 3)


def _chunk(images: int, rows: int, columns: int) -> tuple[int, int]:
    """How many images, a divisor of all, and how many of their rows a sum runs over at a time."""
    pixels = rows * columns
    if images * pixels < (2 if pixels > _SMALL else 3) * _PIXELS:
        return images, rows
    most = max(_IMAGES, _PIXELS // pixels)
    some = next(n for n in range(min(images, most), 0, -1) if images % n == 0)
    strips = -(-rows // max(1, _PIXELS // (some * columns)))
    return some, -(-rows // strips)
