"""Candidate operations of discriminators: convolutions that keep or halve the size, each with a norm of its own.

Activations are leaky ReLUs of slope 0.2. A name ends in its norm: none, "i" (instance norm, arXiv 1607.08022, of the
input: of a normalised output, which has one mean and variance in every image, a head that takes means over pixels
would see a constant) or "s" (spectral norm, arXiv 1802.05957, section 2.1): `k3`, `k3i`, `k3s`.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nasjax.ops.base import Op, Width, keep, size
from nasjax.ops.conv import conv, conv_params, depthwise, depthwise_params
from nasjax.ops.norm import normalise
from nasjax.ops.params import Param
from nasjax.ops.strided import halve
from nasjax.typing import Params

# He's gain for a leaky ReLU, at half of the widest: what is narrower starts quieter, what is wider louder.
_GAIN = 1.9
_ITERATIONS, _TINY = 5, 1e-12
_NORMS = {"": "none", "i": "instance", "s": "spectral"}

_ConvFn = Callable[[Params, Any, Width], Any]


def leaky(x: jax.Array) -> jax.Array:
    """x where it is positive, else a fifth of it."""
    return jnp.maximum(x, 0.2 * x)


def spectral_size(
    w: Float[Array, "k l c o"], u: Float[Array, " o"], out: Width, *, inner: Width
) -> Float[Array, "*streams"]:
    """The largest singular value of the kernel's `[k * l * inner, out]` leading part, by five power iterations.

    They begin at `u`, which is never learnt, so that the value depends on the weights alone; from below, it comes near
    the true one within some per cent (arXiv 1802.05957 does one iteration a step and keeps `u` between them). One value
    a stream where a width is traced a stream.
    """
    masked, start = _part(w.astype(jnp.float32), out, inner), keep(_streams(u, out, inner), out)
    matrix = masked.reshape(*masked.shape[:-4], -1, masked.shape[-1])
    fixed, u = jax.lax.stop_gradient((matrix, start))

    def turn(_: int, pair: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        v = _unit(jnp.einsum("...io,...o->...i", fixed, pair[1]))
        return v, _unit(jnp.einsum("...io,...i->...o", fixed, v))

    v, u = jax.lax.fori_loop(0, _ITERATIONS, turn, (jnp.zeros(fixed.shape[:-1]), u))
    return jnp.einsum("...i,...io,...o->...", v, matrix, u)


@functools.cache
def keeping() -> Mapping[str, Op]:
    """Operations from `out` to `out` channels at equal size: dense 3x3 (`k3`) and separable 5x5 (`k5`), by norm."""
    dense = {f"k3{mark}": _normed(f"k3{mark}", _dense(3), conv, norm) for mark, norm in _NORMS.items()}
    return {**dense, "k5": _separable(""), "k5i": _separable("i")}


@functools.cache
def halving() -> Mapping[str, Op]:
    """Operations from `inner` to `out` channels at half the size, by norm.

    `s3` and `s4`: convolutions of stride 2; `p3`: a 3x3 convolution and the mean of 2x2 pixels, which folds nothing.
    """
    kinds: dict[str, tuple[Any, _ConvFn]] = {
        "s3": (_dense(3), halve),
        "s4": (_dense(4), halve),
        "p3": (_dense(3), lambda p, x, out: mean_pool2(conv(p, x, out))),
    }
    return {
        f"{kind}{m}": _normed(f"{kind}{m}", *how, norm) for kind, how in kinds.items() for m, norm in _NORMS.items()
    }


@functools.cache
def pool_op(full: int) -> Op:
    """Half the size without weights: means of 2x2 pixels, channels cut or filled with zeros; `full` is the widest."""

    def apply(p, x, out, inner):
        channels = size(out, full)
        y = mean_pool2(x)[..., :channels]
        filled = jnp.pad(y, [(0, 0)] * (y.ndim - 1) + [(0, channels - y.shape[-1])])
        return keep(filled, out)

    return Op(f"pool{full}", lambda c, out, inner: {}, apply)


def mean_pool2(x: Float[Array, "*d h w c"]) -> Float[Array, "*d i j c"]:
    """Means of 2x2 pixels; height and width are even."""
    *lead, height, width, channels = x.shape
    return x.reshape(*lead, height // 2, 2, width // 2, 2, channels).mean((-4, -2))


def _dense(kernel: int) -> Callable[[int, int], dict[str, Param]]:
    return lambda c, out: conv_params(kernel, c, out, gain=_GAIN)


def _normed(name: str, declare: Callable[[int, int], dict[str, Param]], convolve: _ConvFn, norm: str) -> Op:
    def params(c, out, inner):
        u = {"u": Param((out,), 1.0)} if norm == "spectral" else {}
        return {**declare(c, out), **u}

    def apply(p, x, out, inner):
        x = x[..., :inner] if isinstance(inner, int) else x
        if norm != "spectral":
            return leaky(convolve(p, normalise(x) if norm == "instance" else x, out))
        scale = spectral_size(p["w"], p["u"], out, inner=inner)
        y = convolve({"w": p["w"]}, x, out) / jnp.maximum(_spread(scale, x.ndim), _TINY).astype(x.dtype)
        bias = p["b"][: y.shape[-1]].astype(x.dtype)
        return leaky(keep(y + bias.reshape((1,) * (y.ndim - 1) + (-1,)), out))

    return Op(name, params, apply)


def _separable(mark: str) -> Op:
    point = _normed("k1", _dense(1), conv, "none")

    def params(c, out, inner):
        return {"d": depthwise_params(5, c, bias=False), "z": point.params(c, out, inner)}

    def apply(p, x, out, inner):
        x = normalise(x) if _NORMS[mark] == "instance" else x
        return point.apply(p["z"], depthwise(p["d"], x), out, inner)

    return Op(f"k5{mark}", params, apply)


def _part(w: jax.Array, out: Width, inner: Width) -> jax.Array:
    """The kernel's leading channels, cut where widths are static, else zeroed behind, once a stream."""
    if isinstance(inner, int):
        w = w[:, :, :inner]
    if isinstance(out, int):
        w = w[..., :out]
    w = _streams(w, out, inner)
    rows = keep(jnp.swapaxes(w, -1, -2), inner)
    return keep(jnp.swapaxes(rows, -1, -2), out)


def _streams(x: jax.Array, out: Width, inner: Width) -> jax.Array:
    """One copy a stream, where a width differs between them."""
    x = x[..., :out] if isinstance(out, int) else x
    shape = next((width.shape for width in (out, inner) if not isinstance(width, int)), ())
    return jnp.broadcast_to(x, (*shape, *x.shape))


def _spread(scale: jax.Array, ndim: int) -> jax.Array:
    return scale.reshape(*scale.shape, *(1,) * (ndim - scale.ndim))


def _unit(v: jax.Array) -> jax.Array:
    # Inside the root: what is masked altogether has a direction of zeros, not of NaN.
    return v * jax.lax.rsqrt(jnp.square(v).sum(-1, keepdims=True) + _TINY)
