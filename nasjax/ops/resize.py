"""Resampling: MATLAB's bicubic as float array programs for the device, and its uint8 original in numpy.

All of it uses the cubic kernel of Keys (1981) with a = -0.5, pixel centres at half-integers and replicated borders.
Reducing stretches the kernel by the scale (antialiasing), enlarging does not: what MATLAB's `imresize` does by
default.
"""

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, UInt8

Method = Literal["bicubic", "bilinear", "nearest"]


def downscale(x: Float[Array, "*batch h w c"], scale: int) -> Float[Array, "*batch H W c"]:
    """Reduces images by an integer factor with the antialiased bicubic kernel (4 * scale taps an axis).

    Sizes that are no multiple of `scale` lose their last rows and columns first. Values keep their range up to the
    kernel's overshoot (nothing is clipped or rounded). Reverse-mode differentiable, any number of times; forward mode
    is not. ValueError if the scale is not a positive integer or an image is smaller than it.
    """
    _check_scale(scale)
    height, width = x.shape[-3:-1]
    if min(height, width) < scale:
        raise ValueError(f"downscale: image of {height}x{width} pixels is smaller than the scale {scale}")
    x = x[..., : height // scale * scale, : width // scale * scale, :]
    return _down(x.astype(jnp.promote_types(x.dtype, jnp.float32)), scale).astype(x.dtype)


def upscale(x: Float[Array, "*batch h w c"], scale: int, method: Method) -> Float[Array, "*batch H W c"]:
    """Enlarges images by an integer factor; height and width may be symbolic dimensions of `jax.export`.

    `bicubic` equals MATLAB's `imresize` without its rounding. Cost is linear in the pixels (4 taps an axis, or 2, or
    none). ValueError on an unknown method or a scale that is not a positive integer.
    """
    _check_scale(scale)
    if method not in _ENLARGE:
        raise ValueError(f"upscale: unknown method {method!r}; allowed: {', '.join(_ENLARGE)}")
    return _ENLARGE[method](x, scale)


# These three stay jitted functions of their own: a jaxpr shows each as one call under its name, and that is how
# a graph exporter finds a resize (and reads its factor off the shapes) instead of some sixty slices and products.
@functools.partial(jax.jit, static_argnums=1)
def resize_bicubic(x: Float[Array, "*batch h w c"], scale: int) -> Float[Array, "*batch H W c"]:
    """Enlarges by the bicubic kernel, a = -0.5, half-pixel centres, replicated borders."""
    return _up(x, bicubic_taps(scale))


@functools.partial(jax.jit, static_argnums=1)
def resize_bilinear(x: Float[Array, "*batch h w c"], scale: int) -> Float[Array, "*batch H W c"]:
    """Enlarges by linear interpolation, half-pixel centres, replicated borders."""
    return _up(x, _phase_taps(scale, radius=1, kernel_fn=lambda d: np.maximum(1 - np.abs(d), 0)))


@functools.partial(jax.jit, static_argnums=1)
def resize_nearest(x: Float[Array, "*batch h w c"], scale: int) -> Float[Array, "*batch H W c"]:
    """Enlarges by repeating each pixel `scale` times along both axes."""
    *batch, height, width, channels = x.shape
    tiled = jnp.broadcast_to(x[..., :, None, :, None, :], (*batch, height, scale, width, scale, channels))
    return tiled.reshape(*batch, height * scale, width * scale, channels)


_ENLARGE: dict[str, Callable[[Array, int], Array]] = {
    "bicubic": resize_bicubic,
    "bilinear": resize_bilinear,
    "nearest": resize_nearest,
}


def bicubic_taps(scale: int) -> Float[np.ndarray, "phases taps"]:
    """The weights of `resize_bicubic` along an axis: row p makes output i * scale + p of inputs i - 2 .. i + 2."""
    return _phase_taps(scale, radius=2, kernel_fn=_cubic)


def imresize_reference(image: UInt8[np.ndarray, "h w *c"], scale: float) -> UInt8[np.ndarray, "H W *c"]:
    """MATLAB's `imresize(image, scale)` (bicubic, antialiased when reducing), bit for bit.

    Reproduces the published low-resolution files of the x4 benchmarks: height first, and rounding half up to uint8
    between the two passes. The new sizes are ceil(scale * size). ValueError unless the image is uint8 and the scale
    positive.
    """
    if image.dtype != np.uint8 or image.ndim not in (2, 3):
        raise ValueError(f"imresize_reference: expected uint8 [H, W] or [H, W, C], got {image.dtype} {image.shape}")
    if not scale > 0:
        raise ValueError(f"imresize_reference: scale must be positive, got {scale}")
    for axis in (0, 1):
        index, weight = _reference_taps(image.shape[axis], scale)
        # Taps are added one after the other in float64: the order decides the exact halves that are rounded below.
        rows = np.moveaxis(image, axis, 0).astype(np.float64)
        column = (-1,) + (1,) * (image.ndim - 1)
        total = sum(weight[:, k].reshape(column) * rows[index[:, k]] for k in range(index.shape[1]))
        image = np.clip(np.floor(np.moveaxis(np.asarray(total), 0, axis) + 0.5), 0, 255).astype(np.uint8)
    return image


def _reference_taps(size: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Source indices and weights [new size, taps] of one axis."""
    shrink = min(scale, 1.0)
    centre = (np.arange(math.ceil(size * scale - 1e-9)) + 0.5) / scale - 0.5
    index = np.floor(centre - 2 / shrink).astype(int)[:, None] + np.arange(math.ceil(4 / shrink) + 2)
    weight = _cubic((centre[:, None] - index) * shrink)
    return np.clip(index, 0, size - 1), weight / weight.sum(axis=1, keepdims=True)


def _cubic(d: np.ndarray) -> np.ndarray:
    """Keys' kernel with a = -0.5 at distance d; support [-2, 2]."""
    d = np.abs(d)
    near = 1.5 * d**3 - 2.5 * d**2 + 1
    far = -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def _check_scale(scale: int) -> None:
    if not isinstance(scale, int) or scale < 1:
        raise ValueError(f"resize: scale must be an integer >= 1, got {scale!r}")


def _phase_taps(scale: int, *, radius: int, kernel_fn: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Weights [scale, 2 * radius + 1]: row p makes output i * scale + p from the inputs i - radius .. i + radius."""
    centre = (np.arange(scale) + 0.5) / scale - 0.5
    return kernel_fn(centre[:, None] - np.arange(-radius, radius + 1))


def _up(x: Array, taps: np.ndarray) -> Array:
    """Enlarges both axes by the phases of `taps`, width first: the wide result is then written in whole rows."""
    radius, dtype = taps.shape[1] // 2, x.dtype
    x = x.astype(jnp.promote_types(dtype, jnp.float32))
    for axis in (x.ndim - 2, x.ndim - 3):
        x = _interleave(_phases(_replicate(x, axis, (radius, radius)), taps, size=x.shape[axis], axis=axis), axis)
    return x.astype(dtype)


def _phases(x: Array, taps: np.ndarray, *, size, axis: int) -> list[Array]:
    """One weighted sum of shifted views of x for each row of `taps`, all of length `size` along the axis."""
    views = [lax.slice_in_dim(x, k, k + size, axis=axis) for k in range(taps.shape[1])]
    return [_weighted(views, row) for row in taps]


def _weighted(views: Sequence[Array], weights: np.ndarray) -> Array:
    return functools.reduce(operator.add, [float(w) * view for w, view in zip(weights, views, strict=True) if w])


def _interleave(phases: list[Array], axis: int) -> Array:
    stacked = jnp.stack(phases, axis=axis + 1)
    merged = stacked.shape[axis] * len(phases)
    return stacked.reshape(*stacked.shape[:axis], merged, *stacked.shape[axis + 2 :])


def _replicate(x: Array, axis: int, widths: tuple[int, int]) -> Array:
    return jnp.pad(x, [widths if a == axis else (0, 0) for a in range(x.ndim)], mode="edge")


# Reducing as strided slices times scalars needs no matrices (equal to two dense matrix products on 112-pixel patches,
# four times faster on 1080p) but XLA:CPU transposes strided slices 20 times slower than it runs them, so the transpose
# is written out: it is an enlargement, phase by phase, whose borders are summed into the edge pixels.
def _down_strided(x: Array, scale: int) -> Array:
    offset, taps = _down_taps(scale)
    for axis in (x.ndim - 3, x.ndim - 2):
        size = x.shape[axis]
        padded = _replicate(x, axis, (-offset, len(taps) + offset - scale))
        last = size - scale + 1
        x = _weighted([lax.slice_in_dim(padded, k, k + last, scale, axis) for k in range(len(taps))], taps)
    return x


def _down_forward(x: Array, scale: int) -> tuple[Array, None]:
    return _down_strided(x, scale), None


def _down_backward(scale: int, _, grad: Array) -> tuple[Array]:
    offset, taps = _down_taps(scale)
    reach = -(-len(taps) // scale)
    by_shift = np.pad(taps, (0, reach * scale - len(taps))).reshape(reach, scale)[::-1]
    for axis in (grad.ndim - 2, grad.ndim - 3):
        size, count = grad.shape[axis] * scale, grad.shape[axis] + reach - 1
        widths = [(reach - 1, reach - 1) if a == axis else (0, 0) for a in range(grad.ndim)]
        spread = _interleave(_phases(jnp.pad(grad, widths), by_shift.T, size=count, axis=axis), axis)
        grad = _fold(spread, axis, before=-offset, size=size)
    return (grad,)


_down = jax.custom_vjp(_down_strided, nondiff_argnums=(1,))
_down.defvjp(_down_forward, _down_backward)


def _fold(x: Array, axis: int, *, before: int, size: int) -> Array:
    """Transpose of `_replicate`: adds what lies outside [before, before + size) to the first and last element inside.

    A length of one has both borders in the same element, hence the single sum.
    """
    if size == 1:
        return x.sum(axis, keepdims=True)
    first = lax.slice_in_dim(x, 0, before + 1, axis=axis).sum(axis, keepdims=True)
    middle = lax.slice_in_dim(x, before + 1, before + size - 1, axis=axis)
    last = lax.slice_in_dim(x, before + size - 1, x.shape[axis], axis=axis).sum(axis, keepdims=True)
    return jnp.concatenate([first, middle, last], axis=axis)


def _down_taps(scale: int) -> tuple[int, np.ndarray]:
    """First source index relative to i * scale, and the normalised weights from there on."""
    centre = scale / 2 - 0.5
    offset = math.floor(centre - 2 * scale) + 1
    weights = _cubic((centre - np.arange(offset, math.ceil(centre + 2 * scale))) / scale)
    return offset, weights / weights.sum()
