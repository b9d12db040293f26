"""Convolutions over `[..., h, w, c]` with shared, leading-slice weights, zero or no padding, and stride 1 or more.

One place decides how a convolution is written for a backend (`ops.base.formulation`); equality of the formulations is
tested. GPU and TPU get one native primitive. XLA:CPU lacks a fast depthwise or grouped kernel and slows down on
convolution gradients inside control flow, so there: depthwise is a sum of shifted products, grouped is dense with a
block-diagonal kernel, and every gradient is itself an ordinary convolution.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from nasjax.ops.base import Width, is_native, keep, size
from nasjax.ops.dense import pointwise, same_conv, same_pads
from nasjax.ops.params import Param
from nasjax.typing import Params

_NHWC = ("NHWC", "HWIO", "NHWC")
_TILE = 12  # columns of an image that a product of matrices takes at a time
_LARGE = 2**16  # numbers of a batch from which on loops pay for what they take to compile
_ROWS = 24  # of an image, at most, that the gradient by a depthwise kernel takes at a time
_GAIN = 0.6  # a little over the usual uniform(+-1/sqrt(fan in)), whose standard deviation is 0.577/sqrt(fan in)


def conv_params(
    kernel: int, channels: int, out: int, *, groups: int = 1, gain: float = _GAIN, bias: bool = True
) -> dict[str, Param]:
    """Declaration of a `kernel x kernel` convolution; `groups` counts groups of the declared channels.

    A bias that a norm follows would be subtracted again: it can be left out.
    """
    fan_in = kernel * kernel * channels // groups
    w = {"w": Param((kernel, kernel, channels // groups, out), gain / math.sqrt(fan_in))}
    return {**w, "b": Param((out,))} if bias else w


def conv(
    p: Params,
    x: Float[Array, "*d h w c"],
    out: Width,
    *,
    stride: int = 1,
    dilation: int = 1,
    padding: Literal["same", "valid"] = "same",
) -> Float[Array, "*d i j o"]:
    """Dense convolution, with its bias where `p` has one; a kernel of 1x1 becomes a matrix product over channels.

    `padding` is zeros that keep the size (divided by the stride), or none.
    """
    full = size(out, p["w"].shape[-1])
    w = p["w"][:, :, : x.shape[-1], :full].astype(x.dtype)
    if w.shape[:2] == (1, 1) and stride == 1:
        y: Any = jnp.einsum("...c,co->...o", x, w[0, 0]) if is_native() else pointwise(x, w[0, 0])
    else:
        y = merged(functools.partial(_dense, stride=stride, dilation=dilation, padding=padding), x, w)
    return keep(biased(p, y), out)


def depthwise_params(kernel: int, channels: int, *, bias: bool = True) -> dict[str, Param]:
    """Declaration of a depthwise convolution; without bias, masked channels stay zero whatever their width."""
    w = {"w": Param((kernel, kernel, 1, channels), 1 / kernel)}
    return {**w, "b": Param((channels,))} if bias else w


def depthwise(
    p: Params, x: Float[Array, "*d h w c"], width: Width | None = None, *, dilation: int = 1
) -> Float[Array, "*d h w c"]:
    """Depthwise convolution; `width` is the width of `x`, needed where there is a bias."""
    w = p["w"][..., : x.shape[-1]].astype(x.dtype)
    fn = _depthwise_native if is_native() else _depthwise_shifts
    y = merged(lambda x, w: fn(x, w, dilation), x, w)
    return y if width is None else keep(_bias(y, p["b"][: x.shape[-1]]), width)


def grouped_params(kernel: int, channels: int, group: int, *, bias: bool = True) -> dict[str, Param]:
    """Declaration of a grouped convolution with groups of `group` channels; `channels` is a multiple of it."""
    if channels % group:
        raise ValueError(f"grouped convolution: {channels} channels are not a multiple of the group size {group}")
    w = {"w": Param((kernel, kernel, group, channels), _GAIN / (kernel * math.sqrt(group)), tied=True)}
    return {**w, "b": Param((channels,))} if bias else w


def grouped(p: Params, x: Float[Array, "*d h w c"], width: Width) -> Float[Array, "*d h w c"]:
    """Grouped convolution from `c` to `c` channels, with its bias where `p` has one.

    The size of a group is the kernel's number of input channels.
    """
    w = p["w"][..., : x.shape[-1]].astype(x.dtype)
    y = merged(_grouped_native if is_native() else _grouped_dense, x, w)
    return keep(biased(p, y), width)


def _bias(y: jax.Array, b: jax.Array) -> jax.Array:
    return y + b.astype(y.dtype).reshape((1,) * (y.ndim - 1) + (-1,))


def biased(p: Params, y: jax.Array) -> jax.Array:
    """`y` plus the leading channels of the layer's bias, where it has one."""
    return _bias(y, p["b"][: y.shape[-1]]) if "b" in p else y


def merged(fn: Callable[[Any, Any], Any], x: jax.Array, w: jax.Array) -> jax.Array:
    """Run a 4-D convolution with all leading axes of `x` merged into the batch."""
    if x.ndim == 4:
        return fn(x, w)
    y = fn(x.reshape(-1, *x.shape[-3:]), w)
    return y.reshape(*x.shape[:-3], *y.shape[1:])


def _dense(x: jax.Array, w: jax.Array, *, stride: int, dilation: int, padding: str) -> jax.Array:
    pads = [same_pads(k, dilation) for k in w.shape[:2]]
    if stride == 1 and not is_native():
        y: Any = same_conv(x, w, dilation)
        # XLA:CPU needs three times as long for an unpadded convolution as for a padded one whose border is cut off.
        return y if padding == "same" else _cut(y, pads)
    pads = pads if padding == "same" else [(0, 0), (0, 0)]
    return lax.conv_general_dilated(x, w, (stride,) * 2, pads, rhs_dilation=(dilation,) * 2, dimension_numbers=_NHWC)


def _cut(y: jax.Array, pads: list[tuple[int, int]]) -> jax.Array:
    (top, bottom), (left, right) = pads
    return y[:, top : y.shape[1] - bottom, left : y.shape[2] - right]


def _depthwise_native(x: jax.Array, w: jax.Array, dilation: int) -> jax.Array:
    pads, groups = [same_pads(k, dilation) for k in w.shape[:2]], x.shape[-1]
    return lax.conv_general_dilated(
        x, w, (1, 1), pads, rhs_dilation=(dilation,) * 2, dimension_numbers=_NHWC, feature_group_count=groups
    )


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _depthwise_shifts(x: jax.Array, w: jax.Array, dilation: int) -> jax.Array:
    """Depthwise as shifted multiply-adds: 6-12 times faster than the grouped primitive on XLA:CPU."""
    return _shift_sum(x, w, dilation)


@functools.partial(jax.jit, static_argnums=2)
def _shift_sum(x: jax.Array, w: jax.Array, dilation: int) -> jax.Array:
    # Two operations for each entry of the kernel: jitted, they are traced once for each pair of shapes.
    shifts = _shifts(x, w.shape[0], dilation)
    return functools.reduce(jnp.add, (shifted * w[i, j, 0].reshape(1, 1, 1, -1) for (i, j), shifted in shifts))


def _shifts(x: jax.Array, kernel: int, dilation: int):
    lo, hi = same_pads(kernel, dilation)
    padded = jnp.pad(x, ((0, 0), (lo, hi), (lo, hi), (0, 0)))
    count, height, width, channels = x.shape
    for i in range(kernel):
        for j in range(kernel):
            top, left = i * dilation, j * dilation
            yield (i, j), lax.slice(padded, (0, top, left, 0), (count, top + height, left + width, channels))


def _apart(x: jax.Array, w: jax.Array, dilation: int) -> jax.Array:
    """The same, as a loop over parts of the batch: what XLA:CPU does not fuse with what comes before and after.

    It would compute what leads to an entry of `x` anew for each of the kernel's entries, and the result for each of its
    uses: loss and gradient of an operation take up to 2.6 times as long (`scripts/bench_parts.py`).
    """
    parts = next((n for n in range(2, x.shape[0]) if x.shape[0] % n == 0), x.shape[0])
    each = x.reshape(parts, -1, *x.shape[1:])
    return lax.map(lambda part: _shift_sum(part, w, dilation), each).reshape(x.shape)


def _depthwise_forward(x, w, dilation):
    return (_apart if x.size >= _LARGE else _shift_sum)(x, w, dilation), (x, w)


def _depthwise_backward(dilation, saved, g):
    x, w = saved
    shift = _apart if x.size >= _LARGE else _shift_sum
    return shift(g, w[::-1, ::-1], dilation), _by_kernel(x, g, w.shape[0], dilation).astype(w.dtype)


def _by_kernel(x: jax.Array, g: jax.Array, kernel: int, dilation: int) -> jax.Array:
    """The gradient by a kernel `[kernel, kernel, 1, c]`, written as it is fastest."""
    if x.size >= _LARGE:
        return _by_rows(x, g, kernel, dilation)
    return _sums(x, g, kernel, dilation) if kernel < 5 or dilation > 1 else _bands(x, g, kernel)


def _sums(x: jax.Array, g: jax.Array, kernel: int, dilation: int) -> jax.Array:
    """A sum over pixels for each entry of the kernel."""
    dw = jnp.stack([(shifted * g).sum((0, 1, 2)) for _, shifted in _shifts(x, kernel, dilation)])
    return dw.reshape(kernel, kernel, 1, -1)


def _bands(x: jax.Array, g: jax.Array, kernel: int) -> jax.Array:
    """The same as products of matrices: XLA:CPU sums over leading axes one number at a time.

    For each channel and row of the kernel all columns of a tile of `g` are multiplied with all columns of `x` in its
    reach; entries of the kernel are sums along diagonals. Only a band of each product is used, and still this is 1.05
    to 2.4 times as fast for 5x5 and 7x7, and compiles in a third of the time.
    """
    (lo, hi), (count, height, width, channels) = same_pads(kernel, 1), g.shape
    tiles = max(1, width // _TILE)
    tile = -(-width // tiles)
    reach, spare = tile + kernel - 1, tiles * tile - width
    x = jnp.pad(x, ((0, 0), (lo, hi), (lo, hi + spare), (0, 0)))
    x = jnp.stack([x[:, :, t * tile : t * tile + reach] for t in range(tiles)], 1).transpose(4, 0, 1, 2, 3)
    x = jnp.stack([x[:, :, :, i : i + height] for i in range(kernel)], 4).reshape(channels, -1, kernel * reach)
    g = jnp.pad(g, ((0, 0), (0, 0), (0, spare), (0, 0))).reshape(count, height, tiles, tile, channels)
    g = g.transpose(4, 0, 2, 1, 3).reshape(channels, -1, tile)
    products = jnp.einsum("cnt,cnv->ctv", g, x, preferred_element_type=jnp.float32)
    products = products.reshape(channels, tile, kernel, reach).transpose(0, 2, 1, 3).reshape(channels, kernel, -1)
    # In rows that are longer by one, each diagonal is a column.
    skewed = jnp.pad(products, ((0, 0), (0, 0), (0, tile))).reshape(channels, kernel, tile, reach + 1)
    return skewed[..., :kernel].sum(2).transpose(1, 2, 0)[:, :, None]


def _by_rows(x: jax.Array, g: jax.Array, kernel: int, dilation: int) -> jax.Array:
    """The same in a loop over some rows of an image after the other: products of whole rows that stay in the cache.

    One number a column, channel and entry of the kernel is added to. Faster than the others where there are many
    pixels, but a third more to compile.
    """
    (lo, hi), (count, height, width, channels) = same_pads(kernel, dilation), g.shape
    parts = -(-height // _ROWS)
    rows = -(-height // parts)
    spare, reach = parts * rows - height, rows + lo + hi
    x = jnp.pad(x, ((0, 0), (lo, hi + spare), (lo, hi), (0, 0))).reshape(count, -1, (lo + width + hi) * channels)
    g = jnp.pad(g, ((0, 0), (0, spare), (0, 0), (0, 0))).reshape(count * parts, rows, width * channels)
    x = jnp.stack([x[:, t * rows : t * rows + reach] for t in range(parts)], 1).reshape(count * parts, reach, -1)

    def add(sums, part):
        (x, g), made = (v.astype(jnp.float32) for v in part), []
        for j, total in enumerate(sums):
            left = j * dilation * channels
            shifted = x[:, left : left + width * channels]
            products = (shifted[u : u + lo + hi + 1 : dilation] * g[u : u + 1] for u in range(rows))
            made.append(total + functools.reduce(jnp.add, products))
        return tuple(made), None

    start = tuple(jnp.zeros((kernel, width * channels), jnp.float32) for _ in range(kernel))
    sums, _ = lax.scan(add, start, (x, g))
    return jnp.stack([total.reshape(kernel, width, channels).sum(1) for total in sums], 1)[:, :, None]


_depthwise_shifts.defvjp(_depthwise_forward, _depthwise_backward)


def _grouped_native(x: jax.Array, w: jax.Array) -> jax.Array:
    pads = [same_pads(k, 1) for k in w.shape[:2]]
    groups = x.shape[-1] // w.shape[2]
    return lax.conv_general_dilated(x, w, (1, 1), pads, dimension_numbers=_NHWC, feature_group_count=groups)


def _grouped_dense(x: jax.Array, w: jax.Array) -> jax.Array:
    """Grouped as dense with a block-diagonal kernel: more work, but work that XLA:CPU does well."""
    channels, group = x.shape[-1], w.shape[2]
    block = jnp.arange(channels) // group
    dense = jnp.tile(w, (1, 1, channels // group, 1)) * (block[:, None] == block[None, :])[None, None].astype(w.dtype)
    return same_conv(x, dense, 1)
