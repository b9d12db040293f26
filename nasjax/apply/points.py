"""The points of a `photonet` in windows: statistics of regions over the whole picture, and what is moved by them.

A network runs with `marked` points: jitted functions of one name each, which do nothing in themselves. Where it runs
window by window (`windows.windowed`), the rules of `point_rules` do the work at those names.
"""

import functools
import operator
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
from jax import export
from jaxtyping import Array

from nasjax.linalg import Moments, apply_transfer, merge, moments, transfer
from nasjax.windows.site import Rule, Site, Statistic
from nasjax.windows.sums import channel_sums, merge_sums, normalised
from nasjax.windows.values import Value

export.register_namedtuple_serialization(Moments, serialized_name="nasjax.Moments")
_EPSILON = 1e-5  # of instance normalisation, as in `ops.norm`


@functools.cache
def marked(kind: str, name: str) -> Callable[..., Any]:
    """A function of a feature and of what is needed at it, recognised as "KIND NAME"; it is traced, never run.

    Kinds and what they take beside the feature `[1, h, w, c]`: "move" shares `[1, h, w, k]`, counts `[1, h, w, 1]`, the
    style's `Moments` and alpha; "note" shares and counts; "normalise" counts. Shares say how much a place belongs to
    each region, counts how much it counts in statistics.
    """

    def point(h: Any, *given: Any) -> Any:
        # Not the feature itself: a call that hands its argument on leaves no equation behind.
        return h * jnp.ones((), h.dtype)

    point.__name__ = f"{kind} {name}"
    return jax.jit(point)


def point_rules(names: Iterable[str], *, method: str) -> dict[str, Rule]:
    """The rules of all points of these names; `method` is how statistics are moved (`linalg.transfer`)."""
    rules = {
        "move": _rule(_regions, _merge, functools.partial(_moved, method)),
        "note": _rule(_regions, _merge, lambda own, h, *_: h),
        "normalise": _rule(
            lambda core, h, counts: channel_sums(counts * core, h),
            merge_sums,
            lambda own, h, _: normalised(own, h, _EPSILON),
        ),
    }
    return {f"{kind} {name}": rule for kind, rule in rules.items() for name in names}


def at_feature(shares: Array, h: Array) -> Array:
    """Shares at a feature's resolution: means over the pixels that each position covers."""
    factor = shares.shape[1] // h.shape[-3]
    batch, height, width, labels = shares.shape
    return shares.reshape(batch, height // factor, factor, width // factor, factor, labels).mean((2, 4))


def _rule(measure: Callable[..., Any], merge_fn: Callable[[Any, Any], Any], use: Callable[..., Any]) -> Rule:
    def rule(site: Site, values: list[Value]) -> list[Value]:
        return [site.statistic(values, Statistic(measure, merge_fn, use))]

    return rule


def _regions(core: Array, h: Array, shares: Array, counts: Array, *_: Any) -> Moments:
    """Statistics of each region: `[labels, ...]`."""
    counted = (shares * counts * core).reshape(-1, shares.shape[-1])
    return jax.lax.map(lambda w: moments(h.reshape(-1, h.shape[-1]), w), counted.T)


def _moved(method: str, own: Moments, h: Array, shares: Array, counts: Array, *target: Array) -> Array:
    """Each region after its own map; where regions meet, their mixture. A region that either lacks stays as it is."""
    *style, alpha = target
    flat, mix = h.reshape(-1, h.shape[-1]), shares.reshape(-1, shares.shape[-1])
    moved = flat
    for label in range(mix.shape[-1]):
        mine, theirs = (jax.tree.map(operator.itemgetter(label), m) for m in (own, Moments(*style)))
        y = apply_transfer(transfer(mine, theirs, method=method), flat, alpha)
        there = (mine.count > 0) & (theirs.count > 0)
        moved = moved + mix[:, label : label + 1] * jnp.where(there, y - flat, 0.0)
    return moved.reshape(h.shape)


_merge: Callable[[Moments, Moments], Moments] = jax.vmap(merge)
