"""Dense convolutions of stride 1, and their gradients, written as XLA:CPU is fastest at them.

XLA:CPU copies the window of every pixel before it multiplies: several numbers at a time where an image has many
channels, one by one where it has a few, and the more the wider the kernel is.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax

from nasjax.ops.by_kernel import Pads, by_dense_kernel

_NHWC = ("NHWC", "HWIO", "NHWC")
_PIXELS = 4096  # of a batch from which on it pays to look at channels
_LANE = 8  # channels that are copied at once
_RESULTS = 4  # channels of a result that are few
_WIDE = 5  # columns of a kernel that are many


def same_pads(kernel: int, dilation: int) -> Pads:
    """Zeros before and behind an axis that keep its size."""
    total = (kernel - 1) * dilation
    return total // 2, total - total // 2


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def same_conv(x: jax.Array, w: jax.Array, dilation: int) -> jax.Array:
    """A 'same' convolution of `[n, h, w, c]` whose gradients are canonical-layout convolutions (jax#12868).

    Without gradients it is one primitive, whatever the size: what is applied to photographs in parts takes that.
    """
    return _plain(x, w, [same_pads(k, dilation) for k in w.shape[:2]], dilation)


def _forward(x: jax.Array, w: jax.Array, dilation: int) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _correlate(x, w, [same_pads(k, dilation) for k in w.shape[:2]], dilation), (x, w)


def _backward(dilation: int, saved: tuple[jax.Array, jax.Array], g: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, w = saved
    flipped = w[::-1, ::-1].transpose(0, 1, 3, 2)
    back = [(after, before) for before, after in (same_pads(k, dilation) for k in w.shape[:2])]
    dw = by_dense_kernel(x, g, kernel=(w.shape[0], w.shape[1]), dilation=dilation)
    return _correlate(g, flipped, back, dilation), dw.astype(w.dtype)


same_conv.defvjp(_forward, _backward)


@jax.custom_vjp
def pointwise(x: jax.Array, w: jax.Array) -> jax.Array:
    """A matrix `[c, o]` over the channels of `[..., c]`, whose gradient by the matrix is one product of two matrices.

    Left as it is, that is a sum over several axes, which takes XLA:CPU three times as long.
    """
    return jnp.einsum("...c,co->...o", x, w)


def _pointwise_backward(saved: tuple[jax.Array, jax.Array], g: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, w = saved
    left, right = (v.reshape(-1, v.shape[-1]) for v in (x, g))
    dw = lax.dot_general(left, right, (((0,), (0,)), ((), ())), preferred_element_type=jnp.float32)
    return jnp.einsum("...o,co->...c", g, w), dw.astype(w.dtype)


pointwise.defvjp(lambda x, w: (pointwise(x, w), (x, w)), _pointwise_backward)


def _correlate(x: jax.Array, w: jax.Array, pads: Sequence[Pads], dilation: int) -> jax.Array:
    """A convolution, each of whose pixels is computed; zeros of `pads` around the image."""
    columns, channels, out = w.shape[1:]
    pixels = x.size // channels
    if pixels >= _PIXELS and columns > 1 and channels < _LANE:
        x, w = _columns_as_channels(x, w, pads[1], dilation)
        return _of_rows(x, w, pads[0], dilation)
    if pixels >= _PIXELS and columns >= _WIDE and out <= _RESULTS and channels < _LANE * _RESULTS:
        return _columns_as_results(x, w, pads, dilation)
    return _plain(x, w, pads, dilation)


def _plain(x: jax.Array, w: jax.Array, pads: Sequence[Pads], dilation: int) -> jax.Array:
    steps = (dilation, dilation)
    return lax.conv_general_dilated(x, w, (1, 1), pads, rhs_dilation=steps, dimension_numbers=_NHWC)


def _of_rows(x: jax.Array, w: jax.Array, pads: Pads, dilation: int) -> jax.Array:
    """By a kernel of a single column."""
    around, steps = [pads, (0, 0)], (dilation, 1)
    return lax.conv_general_dilated(x, w, (1, 1), around, rhs_dilation=steps, dimension_numbers=_NHWC)


def _columns_as_channels(x: jax.Array, w: jax.Array, pads: Pads, dilation: int) -> tuple[jax.Array, jax.Array]:
    """An image with what is beside a pixel as further channels of it, up to a multiple of `_LANE`, and its kernel."""
    rows, columns, channels, out = w.shape
    fill = -columns * channels % _LANE
    wide = jnp.pad(x, ((0, 0), (0, 0), pads, (0, 0)))
    beside = [wide[:, :, j * dilation : j * dilation + x.shape[2]] for j in range(columns)]
    zeros = jnp.zeros((*x.shape[:3], fill), x.dtype)
    kernel = w.reshape(rows, 1, columns * channels, out)
    return jnp.concatenate([*beside, zeros], -1), jnp.pad(kernel, ((0, 0), (0, 0), (0, fill), (0, 0)))


def _columns_as_results(x: jax.Array, w: jax.Array, pads: Sequence[Pads], dilation: int) -> jax.Array:
    """What each column of the kernel gives, as channels of one result, moved to where it belongs, and added up."""
    (rows, columns, channels, out), width = w.shape, x.shape[2]
    given = _of_rows(x, w.transpose(0, 2, 1, 3).reshape(rows, 1, channels, -1), pads[0], dilation)
    given = jnp.pad(given, ((0, 0), (0, 0), pads[1], (0, 0)))
    moved = [given[:, :, j * dilation :, j * out : (j + 1) * out][:, :, :width] for j in range(columns)]
    return functools.reduce(jnp.add, moved)
