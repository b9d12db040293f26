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

from nasjax.say import sizes
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


def check_params(params: Params, specs: Mapping[str, Any], place: str, *, exact: bool) -> None:
    """Raises ValueError naming the first leaf of the declarations that `params` lack or have in another shape.

    Unless `exact`, larger shapes will do, of which `lead` takes a part, and leaves beside those declared. `place` says
    what asks for them.
    """
    found, wanted = _leaf_shapes(params), _leaf_shapes(specs)
    for path, shape in wanted.items():
        has = found.get(path)
        fits = has is not None and len(has) == len(shape) and all(h >= n for h, n in zip(has, shape, strict=True))
        if not fits or (exact and has != shape):
            said = f"is {sizes(has)}" if has else f"is missing (there are {', '.join([*params][:4]) or 'none'})"
            raise ValueError(f"{place} needs params {path} of {sizes(shape)}, which {said} in those given")
    if exact and (more := [path for path in found if path not in wanted]):
        raise ValueError(f"{place} has no params {more[0]}, which those given have")


def _leaf_shapes(tree: Any, place: str = "") -> dict[str, tuple[int, ...]]:
    if not isinstance(tree, Mapping):
        return {place: tuple(getattr(tree, "shape", ()))}
    return {path: s for name, v in tree.items() for path, s in _leaf_shapes(v, f"{place}/{name}".strip("/")).items()}


def merge_params(params: Params, part: Params) -> dict[str, Any]:
    """`params` with the leaves of `part` in place of its own."""
    merged = dict(params)
    for name, value in part.items():
        merged[name] = merge_params(params.get(name, {}), value) if isinstance(value, Mapping) else value
    return merged


def interpolate(params_a: Params, params_b: Params, sharpness: float | int) -> dict[str, Any]:
    """Params `sharpness` of the way from `params_a`, say of fidelity (0), to `params_b`, perceptual ones (1).

    Of two networks of which one was trained on from the other, those in between work as well: network interpolation
    (ESRGAN, arXiv 1809.00219, section 3.4). Raises ValueError for a sharpness outside 0..1, or params of two networks.
    """
    if not 0 <= sharpness <= 1:
        raise ValueError(f"interpolate: sharpness must be in 0..1, got {sharpness}")
    a, b = _leaf_shapes(params_a), _leaf_shapes(params_b)
    if differ := [path for path in sorted({*a, *b}) if a.get(path) != b.get(path)]:
        path = differ[0]
        raise ValueError(
            f"interpolate: {path} is {a.get(path, 'absent')} in the one, {b.get(path, 'absent')} in the other"
        )
    return jax.tree.map(lambda x, y: (1 - sharpness) * x + sharpness * y, dict(params_a), dict(params_b))


def zeros(specs: Mapping[str, Any]) -> dict[str, Any]:
    """Zero-filled params of the declared shapes, for tracing."""
    return {name: zeros(s) if isinstance(s, Mapping) else jnp.zeros(s.shape) for name, s in specs.items()}


def _named(key: PRNGKey, name: str) -> PRNGKey:
    return jax.random.fold_in(key, crc32(name.encode()))


def _draw(key: PRNGKey, spec: Param) -> jax.Array:
    """Drawn in lengths that are powers of two: eager initialisation compiles a dozen programs, not one a shape."""
    num, traced = math.prod(spec.shape), isinstance(key, Tracer)
    placed = jnp.asarray if traced else jax.device_put  # the former compiles a program for each shape of numpy's
    if spec.std == 0.0:
        return placed(np.full(spec.shape, spec.mean, np.float32))
    flat = jax.random.normal(key, (1 << max(num - 1, 1).bit_length(),))
    flat = flat if traced else np.asarray(flat)
    return placed(flat[:num].reshape(spec.shape) * np.float32(spec.std) + np.float32(spec.mean))
