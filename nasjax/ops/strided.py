"""Convolutions that halve or double an image exactly, as the generators of pix2pix and CycleGAN have them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from nasjax.ops.base import Width, is_native, keep, size
from nasjax.ops.conv import biased, conv, merged
from nasjax.ops.layers import pixel_shuffle
from nasjax.ops.reflect import reflect_conv, upsample2
from nasjax.typing import Params

_NHWC = ("NHWC", "HWIO", "NHWC")


def halve(p: Params, x: Float[Array, "*d h w c"], out: Width) -> Float[Array, "*d i j o"]:
    """Convolution of stride 2 over even sizes, with its bias where `p` has one; kernels of side 2, 3 or 4.

    What PyTorch's `Conv2d` computes with padding 0, 1 and 1. Params, widths and weights as `ops.conv.conv`. ValueError
    for an odd size or another kernel.
    """
    w = _kernel(p, x, out)
    if any(isinstance(n, int) and n % 2 for n in x.shape[-3:-1]):
        raise ValueError(f"halve: height and width must be even, got {x.shape[-3:-1]}")
    # Zeros that no kernel reaches are left out: so sizes are exact halves, symbolic ones too.
    pads = [(_before(k), k - 2 - _before(k)) for k in w.shape[:2]]
    fn = functools.partial(lax.conv_general_dilated, window_strides=(2, 2), padding=pads, dimension_numbers=_NHWC)
    return keep(biased(p, merged(fn, x, w)), out)


def double(p: Params, x: Float[Array, "*d h w c"], out: Width) -> Float[Array, "*d i j o"]:
    """Transposed convolution of stride 2, with its bias where `p` has one; kernels of side 2, 3 or 4.

    What PyTorch's `ConvTranspose2d` computes with padding 0, 1, 1 and output padding 0, 1, 0; `w` is its weight
    `[c, o, k, k]` with the axes in the order `[k, k, c, o]`. An output meets a quarter of the kernel: twice the gain of
    `conv_params` keeps the variance that a convolution of stride 1 would have. ValueError for another kernel.
    """
    w = _kernel(p, x, out)
    y = merged(_native if is_native() else _phases, x, w)
    return keep(biased(p, y), out)


def double_nearest(p: Params, x: Float[Array, "*d h w c"], out: Width) -> Float[Array, "*d i j o"]:
    """Repeats each pixel twice along both axes and convolves with a kernel of side 3, borders reflected.

    `ops.reflect.reflect_conv` after `upsample2`, params and widths as there. ValueError for another kernel.
    """
    if p["w"].shape[:2] != (3, 3):
        raise ValueError(f"double_nearest: the kernel must be of side 3, got {p['w'].shape[:2]}")
    y = merged(_repeated if is_native() else _learnt, x, _kernel(p, x, out))
    return keep(biased(p, y), out)


def quarters(x: Float[Array, "*d h w c"]) -> list[Array]:
    """The pixels of each 2x2 tile as four images of half the size, row by row; sizes are even, and may be symbolic."""
    height, width = x.ndim - 3, x.ndim - 2
    rows = [lax.slice_in_dim(x, i, x.shape[height], 2, height) for i in (0, 1)]
    return [lax.slice_in_dim(row, j, x.shape[width], 2, width) for row in rows for j in (0, 1)]


def mean2(x: Float[Array, "*d h w c"]) -> Float[Array, "*d i j c"]:
    """The mean of each 2x2 tile; sizes as in `quarters`."""
    return functools.reduce(jnp.add, quarters(x)) / 4


def _kernel(p: Params, x: jax.Array, out: Width) -> jax.Array:
    w = p["w"]
    if w.shape[0] != w.shape[1] or not 2 <= w.shape[0] <= 4:
        raise ValueError(f"a convolution that halves or doubles has a kernel of side 2, 3 or 4, got {w.shape[:2]}")
    return w[:, :, : x.shape[-1], : size(out, w.shape[-1])].astype(x.dtype)


def _before(kernel: int) -> int:
    """PyTorch's padding."""
    return (kernel - 1) // 2


def _native(x: jax.Array, w: jax.Array) -> jax.Array:
    """A convolution over an image spread out with zeros, by which cost counters and exporters know it."""
    pads = [(k - 1 - _before(k), 1 + _before(k)) for k in w.shape[:2]]
    return lax.conv_general_dilated(x, w[::-1, ::-1], (1, 1), pads, lhs_dilation=(2, 2), dimension_numbers=_NHWC)


def _phases(x: jax.Array, w: jax.Array) -> jax.Array:
    """An ordinary convolution to the output's four phases: its gradients are eight times as fast on XLA:CPU."""
    rows, columns = (_reach(k) for k in w.shape[:2])
    kernel = jnp.einsum("mak,nbl,klco->mncabo", rows, columns, w.astype(jnp.float32))
    kernel = kernel.reshape(*kernel.shape[:3], -1)
    return pixel_shuffle(conv({"w": kernel}, x, kernel.shape[-1]), 2)


def _repeated(x: jax.Array, w: jax.Array) -> jax.Array:
    return reflect_conv({"w": w}, upsample2(x), w.shape[-1])


@jax.custom_vjp
def _learnt(x: jax.Array, w: jax.Array) -> jax.Array:
    """The same, where there are gradients by 16 products a pixel of `x` instead of 36.

    Without them it is left as it is, in which form photographs are gone through in parts.
    """
    return _repeated(x, w)


def _in_phases(x: jax.Array, w: jax.Array) -> jax.Array:
    """The four phases of the result, each of which sees 2x2 pixels of `x`."""
    (height, width), out = x.shape[1:3], w.shape[3]
    kernel = jnp.einsum("mak,nbl,klco->mncabo", _SEEN, _SEEN, w.astype(jnp.float32))
    # What lies beyond the border, reflected, is the border pixel's copy.
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    y = conv({"w": kernel.reshape(2, 2, w.shape[2], -1)}, x, 4 * out, padding="valid")
    phases = [(a, b, (2 * a + b) * out) for a in (0, 1) for b in (0, 1)]
    y = [y[:, a : a + height, b : b + width, first : first + out] for a, b, first in phases]
    return pixel_shuffle(jnp.concatenate(y, -1), 2)


_learnt.defvjp(lambda x, w: jax.vjp(_in_phases, x, w), lambda back, g: back(g))

# `[offset, phase, row]`, 1 where that row of a kernel meets the pixel at an offset of -1 and 0, or of 0 and 1.
_SEEN = np.array([[[1, 0, 0], [1, 1, 0]], [[0, 1, 1], [0, 0, 1]]], np.float32)


def _reach(kernel: int) -> np.ndarray:
    """`[offset, phase, row]`, 1 where output `2i + phase` sees input `i + offset` through that row of the kernel."""
    # Input j reaches output 2j + row - padding.
    offsets = {2: (0,), 3: (0, 1), 4: (-1, 0, 1)}[kernel]
    rows = np.arange(2)[None, :, None] + _before(kernel) - 2 * np.array(offsets)[:, None, None]
    return (rows == np.arange(kernel)).astype(np.float32)
