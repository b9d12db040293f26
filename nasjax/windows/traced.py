"""An image function as equations, at three sizes: what differs between them depends on the picture's size.

At the window's size, with more rows, and with more columns: an axis that grows is spatial, by as much as it grows.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

# Calls that only group equations, and the parameter that holds them.
CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "remat": "jaxpr",
    "remat2": "jaxpr",
    "checkpoint": "jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "custom_vjp_call_jaxpr": "fun_jaxpr",
}
_MORE = 256  # pixels between the sizes, or more: a stride of this and less is seen


class Traced(NamedTuple):
    """The function's jaxprs, the (rows, columns) at which they were made, `more` apart, and its output's tree."""

    jaxprs: tuple[Any, Any, Any]
    sizes: tuple[tuple[int, int], ...]
    more: int
    tree: Any


def trace(
    fn: Callable[..., Any], parameters: Any, channels: Sequence[int], *, window: tuple[int, int], multiple: int = 1
) -> Traced:
    """Trace `fn(parameters, *images)`; images are float32 `[1, h, w, channels]`. `multiple` divides all sizes."""
    more, (height, width) = math.lcm(_MORE, multiple), window
    sizes = ((height, width), (height + more, width), (height, width + more))
    jaxprs, tree = [], None
    for rows, columns in sizes:
        images = [jax.ShapeDtypeStruct((1, rows, columns, c), jnp.float32) for c in channels]
        jaxpr, shape = jax.make_jaxpr(fn, return_shape=True)(parameters, *images)
        jaxprs.append(jaxpr)
        tree = jax.tree.structure(shape)
    return Traced((jaxprs[0], jaxprs[1], jaxprs[2]), sizes, more, tree)


def opened(eqn: Any) -> tuple[Any, list[Any]]:
    """The equations that a call groups, and their constants."""
    inner = eqn.params[CALLS[eqn.primitive.name]]
    # Before jax 0.12 some hold their equations open.
    return (inner.jaxpr, [*inner.consts]) if hasattr(inner, "consts") else (inner, [])
