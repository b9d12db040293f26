"""Stylising as one function of images of any sizes: what is written as a graph."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import export
from jaxtyping import Array, Float

from nasjax.export.finish import colour_match, corrected, matched, soft_limit
from nasjax.export.network import Function
from nasjax.export.stylist import StyleNetwork
from nasjax.linalg import Moments, apply_transfer, transfer
from nasjax.linalg.roots import identity
from nasjax.ops.guided import keep_detail
from nasjax.ops.reflect import fill_up
from nasjax.spaces.photonet import Points
from nasjax.supernet.extract import Static
from nasjax.typing import Scalar

METHOD = "newton-schulz"  # products of matrices only, which every runtime has
_EPSILON = 1e-5  # of instance normalisation, as in `ops.norm`
_SQUARE = 4  # pixels of a square of `ops.guided.keep_detail`


def style_function(network: StyleNetwork, *, smooth: bool = True, match: bool = True) -> Function:
    """`(content, style, alpha) -> output`: images `[b, h, w, 3]` in [-1, 1], the output of the content's size.

    A content and a style for each of a batch. Sizes are symbolic (`batch`, `height`, `width`, `style_height`,
    `style_width`), independent of each other, and at least `least_side(network)`; no multiple is asked for, since
    images are filled up inside. `alpha` is a scalar, 0 to 1. One region; statistics move by `METHOD`; `smooth` makes
    the change of colours follow the content's edges, `match` matches them to the style's, as `nasjax stylize` does
    unless told otherwise.
    """
    names = ("height", "width", "style_height", "style_width")
    scope = export.SymbolicScope([f"{name} >= {least_side(network)}" for name in names])
    content, style = (export.symbolic_shape(f"batch, {a}, {b}, 3", scope=scope) for a, b in (names[:2], names[2:]))

    def call(content: Array, style: Array, alpha: Array) -> Array:
        height, width = content.shape[1:3]
        x, there = (fill_up(image, _step(network)) for image in (content, style))
        ours, theirs = (_statistics(image.shape[1:3], _step(network)) for image in (content, style))
        y = _changed(network, (x, there), (ours, theirs), alpha=alpha)
        y = keep_detail(x, y) if smooth else y
        if match:
            found = colour_match(ours(y), theirs(there), alpha)
            y = matched(found, _pixels(y)).reshape(y.shape)
        return jax.lax.slice(soft_limit(y, x), (0, 0, 0, 0), (content.shape[0], height, width, 3))

    return Function(call, {"content": tuple(content), "style": tuple(style), "alpha": ()})


def least_side(network: StyleNetwork) -> int:
    """The least height and width of an image, such that two pixels remain at the bottleneck when it is filled up."""
    return _step(network) + 1


def _changed(
    network: StyleNetwork, images: tuple[Array, Array], statistics: tuple[Callable, Callable], *, alpha: Scalar
) -> Float[Array, "b h w 3"]:
    """The content with what the network's transfers change, all of them filled up."""
    (content, style), (ours, theirs) = images, statistics
    target: dict[str, Moments] = {}

    def note(name: str, h: Array) -> Array:
        target[name] = theirs(h)
        return h

    def move(name: str, h: Array) -> Array:
        found = transfer(ours(h), target[name], method=METHOD)
        return apply_transfer(found, _pixels(h), alpha).reshape(h.shape)

    def normalise(name: str, h: Array) -> Array:
        return _normalise(h, ours(h))

    _forward(network, style, Points(note, lambda name, h: _normalise(h, theirs(h))))
    moved = _forward(network, content, Points(move, normalise))
    return corrected(content, moved, _forward(network, content, Points(normalise=normalise)))


def _forward(network: StyleNetwork, x: Array, points: Points) -> Array:
    return network.forward._replace(points=points)(Static(network.net.space, network.params, network.arch), x)


def _step(network: StyleNetwork) -> int:
    return max(2 ** (network.levels - 1), _SQUARE)


def _statistics(size: Sequence[Any], step: int) -> Callable[[Array], Moments]:
    """Statistics of features over what is image, not what it was filled up with; `size` is that of the image."""

    def inside(length: Any, positions: Any) -> Array:
        """How much of each position lies in the image: 1, 0, or a part of one where the image ends."""
        factor = step * ((length + step - 1) // step) // positions
        return jnp.clip(jnp.asarray(length).astype(jnp.float32) / factor - jnp.arange(positions), 0, 1)

    def find(h: Array) -> Moments:
        rows, columns = (inside(length, n) for length, n in zip(size, h.shape[1:3], strict=True))
        return _moments(_pixels(h), (rows[:, None] * columns[None, :]).reshape(1, h.shape[1] * h.shape[2], 1))

    return find


def _moments(x: Float[Array, "b n c"], weights: Float[Array, "1 n 1"]) -> Moments:
    """As `linalg.moments`, of operations that graphs have in batches; sums of differences keep their digits."""
    count = weights.sum()
    guess = (x * weights).sum(1, keepdims=True) / count
    mean = guess + ((x - guess) * weights).sum(1, keepdims=True) / count
    centred = x - mean
    scatter = jnp.einsum("bnc,bnd->bcd", centred * weights, centred, precision=jax.lax.Precision.HIGHEST)
    return Moments(jnp.broadcast_to(count, x.shape[:1]), mean.squeeze(1), scatter)


def _normalise(h: Array, whole: Moments) -> Array:
    variance = (whole.scatter * identity(whole.scatter)).sum(-1) / whole.count[:, None]
    return (h - whole.mean[:, None, None]) * jax.lax.rsqrt(variance + _EPSILON)[:, None, None]


def _pixels(h: Array) -> Array:
    return h.reshape(h.shape[0], h.shape[1] * h.shape[2], h.shape[3])
