"""Parameters as data: declared by shape and scale, drawn by name, sliced by their leading channels."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from nasjax.typing import Params, PRNGKey


@dataclass(frozen=True)
class Param:
    """Shape and initial scale of one parameter: normal with standard deviation `std` around `mean`.

    `tied`: the channels of its last axis may not change places (`supernet.channels`).
    """

    shape: tuple[int, ...]
    std: float = 0.0
    mean: float = 0.0
    tied: bool = False


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


def merge_params(params: Params, part: Params) -> dict[str, Any]:
    """`params` with the leaves of `part` in place of its own."""
    merged = dict(params)
    for name, value in part.items():
        merged[name] = merge_params(params.get(name, {}), value) if isinstance(value, Mapping) else value
    return merged


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
    flat = flat if isinstance(key, Tracer) else np.asarray(flat)
    return jnp.asarray(flat[:num].reshape(spec.shape) * np.float32(spec.std) + np.float32(spec.mean))
