"""Candidate operations as pairs of functions, their parameters as data, and widths that slice or mask.

Every operation is written once and serves three modes. A *width* is a number of channels: an int slices weights
statically (so that the work is really saved), a traced integer keeps the static shape and masks the trailing channels.
Weights are shared by their leading channels.
"""

import contextlib
import contextvars
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nasjax.typing import Params

Width: TypeAlias = int | jax.Array

_FORMULATION = contextvars.ContextVar("formulation", default="auto")


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
