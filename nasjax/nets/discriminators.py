"""PatchGAN discriminators: how real each patch of an image looks (pix2pix, arXiv 1611.07004, section 3.2.2)."""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nasjax.ops.conv import biased, merged
from nasjax.ops.norm import normalise
from nasjax.ops.params import Param, draw
from nasjax.typing import Params, PRNGKey

Scores = tuple[Float[Array, "*_d _i _j 1"], ...]

_STD = 0.02  # of the initial weights (DCGAN, arXiv 1511.06434, section 3)
_NHWC = ("NHWC", "HWIO", "NHWC")
_TINY = 1e-12
_START = 15  # power iterations before the first use, as PyTorch has them


class Discriminator(NamedTuple):
    """A discriminator as pure functions: `init(key) -> params`, `apply(params, x) -> scores`.

    x: `[*d, h, w, channels]`; scores: one array `[*d, i, j, 1]` of raw values a scale, the finest first. Every network
    of several scales has params of its own. With spectral norm a layer holds, beside its weights, the direction `u`
    that its norm is estimated along; no gradient flows to it, and `advance(params) -> params` moves it on by one power
    iteration: once an update (`tasks.spectral.power_iterated` makes it part of an optimiser).
    """

    init: Callable[[PRNGKey], dict[str, Any]]
    apply: Callable[[Params, Array], Scores]
    advance: Callable[[Params], dict[str, Any]]


def patch_discriminator(
    channels: int = 3,
    *,
    width: int = 64,
    layers: int = 3,
    norm: str = "instance",
    spectral: bool = False,
    scales: int = 1,
) -> Discriminator:
    """`layers` halving 4x4 convolutions, one more of stride 1, and one to a score; leaky ReLU of slope 0.2 between.

    Widths double from `width` up to eight times it. With three layers a score sees 70x70 pixels. `channels`: 3, or 6
    for a pair of images joined along channels. `norm`: of the layers between, "instance" or "none". `spectral`: divide
    every kernel by its largest singular value (arXiv 1802.05957). `scales`: so many networks, each on images half as
    large as the one before (pix2pixHD, arXiv 1711.11585, section 3.2). Images must be at least 3 * 2^layers pixels at
    the coarsest scale, of smaller ones there is no score. Raises ValueError for numbers below 1, another norm, and,
    when it is applied, for smaller images.
    """
    if min(channels, width, layers, scales) < 1 or norm not in ("instance", "none"):
        raise ValueError(
            "patch_discriminator: channels, width, layers and scales must be 1 or more and norm 'instance' or 'none', "
            f"got {channels}, {width}, {layers}, {scales}, {norm!r}"
        )
    specs = dict(_specs(channels, width, layers, norm, spectral))
    names = [f"scale{i}" for i in range(1, scales + 1)]

    def init(key: PRNGKey) -> dict[str, Any]:
        params = draw(key, dict.fromkeys(names, specs))
        return _warmed(advance, params) if spectral else params

    def apply(params: Params, x: Float[Array, "*d h w c"]) -> Scores:
        least, scores = 3 * 2 ** (layers + scales - 1), []
        if min(x.shape[-3:-1]) < least:
            raise ValueError(
                f"a discriminator with {layers} halvings and {scales} scales (critic.layers, critic.scales) needs "
                f"patches of {least} pixels or more, got {x.shape[-3]}x{x.shape[-2]} (data.patch)"
            )
        for i, name in enumerate(names):
            x = _half(x) if i else x
            scores.append(_score(params[name], x, layers, norm))
        return tuple(scores)

    def advance(params: Params) -> dict[str, Any]:
        return {scale: {n: _advanced(p) for n, p in own.items()} for scale, own in params.items()}

    return Discriminator(init, apply, advance)


def _specs(channels: int, width: int, layers: int, norm: str, spectral: bool) -> Iterator[tuple[str, dict[str, Param]]]:
    for i in range(layers + 2):
        out = 1 if i == layers + 1 else width * min(2**i, 8)
        spec = {"w": Param((4, 4, channels, out), _STD)}
        # A norm takes back what a bias adds.
        if norm == "none" or i in (0, layers + 1):
            spec["b"] = Param((out,))
        if spectral:
            spec["u"] = Param((out,), 1.0)
        yield f"conv{i + 1}", spec
        channels = out


def _score(p: Params, x: Array, layers: int, norm: str) -> Array:
    for i in range(layers + 2):
        own = p[f"conv{i + 1}"]
        x = biased(own, _convolve(x, _kernel(own), 2 if i < layers else 1))
        if i <= layers:
            x = normalise(x) if norm == "instance" and i else x
            x = jnp.maximum(x, 0.2 * x)
    return x


def _convolve(x: Array, w: Array, stride: int) -> Array:
    def convolve(x: Array, w: Array) -> Array:
        return jax.lax.conv_general_dilated(x, w, (stride,) * 2, [(1, 1)] * 2, dimension_numbers=_NHWC)

    return merged(convolve, x, w.astype(x.dtype))


def _kernel(p: Params) -> Array:
    """The kernel, divided by the norm that is estimated along `u` where there is one."""
    if "u" not in p:
        return p["w"]
    u, v = _iterated(p["w"], p["u"])
    # Directions are constants; the norm along them depends on the weights (section 2.1, equation 11).
    return p["w"] / jnp.maximum(v @ _matrix(p["w"]) @ u, _TINY)


def _advanced(p: Mapping[str, Array]) -> dict[str, Array]:
    return {**p, "u": _iterated(p["w"], p["u"])[0]} if "u" in p else dict(p)


@functools.partial(jax.jit, static_argnums=0)
def _warmed(advance: Callable[[Params], Any], params: Params) -> Any:
    return jax.lax.fori_loop(0, _START, lambda _, p: advance(p), params)


def _iterated(w: Array, u: Array) -> tuple[Array, Array]:
    """One power iteration: the directions of output and input."""
    matrix, u = jax.lax.stop_gradient((_matrix(w), u))
    v = _unit(matrix @ u)
    return _unit(v @ matrix), v


def _matrix(w: Array) -> Array:
    return w.reshape(-1, w.shape[-1])


def _unit(v: Array) -> Array:
    return v / jnp.maximum(jnp.linalg.norm(v), _TINY)


def _half(x: Array) -> Array:
    """Means of 2x2 pixels; an odd last row or column is left out."""
    *lead, height, width, channels = x.shape
    x = x[..., : height // 2 * 2, : width // 2 * 2, :]
    return x.reshape(*lead, height // 2, 2, width // 2, 2, channels).mean((-4, -2))
