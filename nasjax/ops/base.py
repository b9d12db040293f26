"""Candidate operations as pairs of functions, their parameters as data, and widths that slice or mask.

Every operation is written once and serves three modes. A *width* is a number of channels: an int slices weights
statically (so that the work is really saved), a traced integer keeps the static shape and masks the trailing channels.
Weights are shared by their leading channels.
"""

import contextlib
import contextvars
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias
from zlib import crc32

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from nasjax.typing import Params, PRNGKey

Width: TypeAlias = int | jax.Array

_FORMULATION = contextvars.ContextVar("formulation", default="auto")


@dataclass(frozen=True)
class Param:
    """Shape and initial scale of one parameter: normal with standard deviation `std` around `mean`."""

    shape: tuple[int, ...]
    std: float = 0.0
    mean: float = 0.0


class Op(NamedTuple):
    """A candidate operation.

    `params(channels, out, inner)` declares its parameters for static widths (a nested dict of `Param`); narrower
    declarations are leading slices of wider ones. `apply(params, x, out, inner)` runs it on `[..., h, w, c]`. `fold`,
    where given, turns trained params into the smaller form that is deployed; `apply` accepts both forms.
    """

    name: str
    params: Callable[[Any, int, int], Mapping[str, Any]]
    apply: Callable[[Params, Any, Width, Width], Any]
    fold: Callable[[Params], Params] | None = None


@contextlib.contextmanager
def formulation(name: str) -> Iterator[None]:
    """Choose how convolutions are written while tracing: 'native' (one primitive each), 'cpu', or 'auto' by backend.

    Raises ValueError for another name. All formulations compute the same function; cost counting and export trace
    with 'native'.
    """
    if name not in ("auto", "native", "cpu"):
        raise ValueError(f"unknown formulation {name!r}; allowed: auto, native, cpu")
    token = _FORMULATION.set(name)
    try:
        yield
    finally:
        _FORMULATION.reset(token)


def is_native() -> bool:
    """Whether convolutions should be written as one native primitive each."""
    chosen = _FORMULATION.get()
    return chosen == "native" or (chosen == "auto" and jax.default_backend() != "cpu")


def keep(x: Float[Array, "*d c"], width: Width) -> Float[Array, "*d c"]:
    """Zero the channels from `width` on; leading axes of a traced `width` are the leading axes of `x`."""
    if isinstance(width, int):
        return x
    channel = jnp.arange(x.shape[-1]).reshape((1,) * (x.ndim - 1) + (-1,))
    return x * (channel < width.reshape(*width.shape, *(1,) * (x.ndim - width.ndim))).astype(x.dtype)


def size(width: Width, full: int) -> int:
    """The static number of channels that `width` needs of `full`."""
    return width if isinstance(width, int) else full


def draw(key: PRNGKey, specs: Mapping[str, Any]) -> dict[str, Any]:
    """Initial float32 parameters for nested `Param` declarations, each drawn by its own name from `key`."""
    return {
        name: draw(_named(key, name), s) if isinstance(s, Mapping) else _draw(_named(key, name), s)
        for name, s in specs.items()
    }


def lead(params: Params, specs: Mapping[str, Any]) -> dict[str, Any]:
    """The leading slices of shared params that match narrower declarations; differentiable."""
    return {
        name: lead(params[name], s) if isinstance(s, Mapping) else params[name][tuple(slice(0, n) for n in s.shape)]
        for name, s in specs.items()
    }


def zeros(specs: Mapping[str, Any]) -> dict[str, Any]:
    """Zero-filled params of the declared shapes, for tracing."""
    return {name: zeros(s) if isinstance(s, Mapping) else jnp.zeros(s.shape) for name, s in specs.items()}


def _named(key: PRNGKey, name: str) -> PRNGKey:
    return jax.random.fold_in(key, crc32(name.encode()))


def _draw(key: PRNGKey, spec: Param) -> jax.Array:
    """Drawn in lengths that are powers of two: eager initialisation compiles a dozen programs, not one a shape."""
    num = math.prod(spec.shape)
    if spec.std == 0.0:
        return jnp.asarray(np.full(spec.shape, spec.mean, np.float32))
    flat = jax.random.normal(key, (1 << max(num - 1, 1).bit_length(),))
    flat = flat if isinstance(key, jax.core.Tracer) else np.asarray(flat)
    return jnp.asarray(flat[:num].reshape(spec.shape) * np.float32(spec.std) + np.float32(spec.mean))
