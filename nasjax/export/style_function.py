"""Stylising as one function of two images of any sizes: what is written as a graph."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import export
from jaxtyping import Array, Float

from nasjax.export.network import Function
from nasjax.export.stylist import StyleNetwork
from nasjax.linalg import Moments, apply_transfer, moments, transfer
from nasjax.linalg.roots import identity
from nasjax.ops.guided import keep_detail
from nasjax.ops.reflect import fill_up
from nasjax.spaces.photonet import Points
from nasjax.supernet.extract import Static
from nasjax.typing import Scalar

METHOD = "newton-schulz"  # products of matrices only, which every runtime has
_EPSILON = 1e-5  # of instance normalisation, as in `ops.norm`


def style_function(network: StyleNetwork, *, smooth: bool = True) -> Function:
    """`(content, style, alpha) -> output`: images `[1, h, w, 3]` in [-1, 1], the output clipped and of content's size.

    Sizes are symbolic (`height`, `width`, `style_height`, `style_width`), independent of each other, and at least
    `least_side(network)`; no multiple is asked for, since images are filled up inside. `alpha` is a scalar, 0 to 1.
    One region; statistics move by `METHOD`; `smooth` makes the change of colours follow the content's edges, as
    `nasjax stylize` does unless told otherwise (`ops.guided.keep_detail`).
    """
    names = ("height", "width", "style_height", "style_width")
    scope = export.SymbolicScope([f"{name} >= {least_side(network)}" for name in names])
    content, style = (export.symbolic_shape(f"1, {a}, {b}, 3", scope=scope) for a, b in (names[:2], names[2:]))

    def call(content: Array, style: Array, alpha: Array) -> Array:
        y = _stylised(network, content, style, alpha=alpha)
        return keep_detail(content, y).clip(-1, 1) if smooth else y

    return Function(call, {"content": tuple(content), "style": tuple(style), "alpha": ()})


def least_side(network: StyleNetwork) -> int:
    """The least height and width of an image, such that two pixels remain at the bottleneck when it is filled up."""
    return _step(network) + 1


def _stylised(
    network: StyleNetwork, content: Float[Array, "1 h w 3"], style: Float[Array, "1 i j 3"], *, alpha: Scalar
) -> Float[Array, "1 h w 3"]:
    height, width = content.shape[1:3]
    ours, theirs = (_statistics(x.shape[1:3], _step(network)) for x in (content, style))
    target: dict[str, Moments] = {}

    def note(name: str, h: Array) -> Array:
        target[name] = theirs(h)
        return h

    def move(name: str, h: Array) -> Array:
        found = transfer(ours(h), target[name], method=METHOD)
        return apply_transfer(found, _pixels(h), alpha).reshape(h.shape)

    _forward(network, style, Points(note, lambda name, h: _normalise(h, theirs(h))))
    y = _forward(network, content, Points(move, lambda name, h: _normalise(h, ours(h))))
    return jax.lax.slice(y, (0, 0, 0, 0), (1, height, width, 3)).clip(-1, 1)


def _forward(network: StyleNetwork, x: Array, points: Points) -> Array:
    forward, step = network.forward._replace(points=points), _step(network)
    return forward(Static(network.net.space, network.params, network.arch), fill_up(x, step))


def _step(network: StyleNetwork) -> int:
    return 2 ** (network.levels - 1)


def _filled(length: Any, step: int) -> Any:
    return step * ((length + step - 1) // step)


def _statistics(size: Sequence[Any], step: int) -> Callable[[Array], Moments]:
    """Statistics of features over what is image, not what it was filled up with; `size` is that of the image."""

    def inside(length: Any, positions: Any) -> Array:
        """How much of each position lies in the image: 1, 0, or a part of one where the image ends."""
        factor = _filled(length, step) // positions
        return jnp.clip(jnp.asarray(length).astype(jnp.float32) / factor - jnp.arange(positions), 0, 1)

    def find(h: Array) -> Moments:
        rows, columns = (inside(length, n) for length, n in zip(size, h.shape[1:3], strict=True))
        return moments(_pixels(h), (rows[:, None] * columns[None, :]).reshape(h.shape[1] * h.shape[2]))

    return find


def _normalise(h: Array, whole: Moments) -> Array:
    variance = (whole.scatter * identity(whole.scatter)).sum(-1) / whole.count
    return (h - whole.mean[None, None, None]) * jax.lax.rsqrt(variance + _EPSILON)[None, None, None]


def _pixels(h: Array) -> Array:
    return h.reshape(h.shape[1] * h.shape[2], h.shape[3])
