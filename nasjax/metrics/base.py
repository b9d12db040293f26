"""Metrics as four pure functions over sums, so that batches and devices merge without a mean of means."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

Images = Array | np.ndarray
# (prediction, target, sizes) -> one score an image; sizes is None where images fill the array.
ScoreFn = Callable[[Images, Images, Int[Array, "b 2"] | None], Float[Array, " b"]]


class Metric(NamedTuple):
    """A measurement over a data set; each function is pure and may be jitted.

    State is a pytree of sums: `merge` adds two, `jax.lax.psum(state, axis)` adds those of a mesh.
    `update(state, prediction, target, *, weight=None, sizes=None)`: weight [batch] is 0 for images that only fill up
    the last batch; sizes [batch, 2] is the (height, width) an image really has in the top left of its padded array.
    `compute(state)` gives {name: scalar}, NaN where nothing was counted.
    """

    init: Callable[[], Any]
    update: Callable[..., Any]
    merge: Callable[[Any, Any], Any]
    compute: Callable[[Any], dict[str, Array]]


class _Mean(NamedTuple):
    total: Float[Array, ""]
    count: Float[Array, ""]


def mean_metric(score_fns: Mapping[str, ScoreFn]) -> Metric:
    """The mean over images of each named score, in one pass over the data."""

    def init() -> dict[str, _Mean]:
        return {name: _Mean(jnp.zeros(()), jnp.zeros(())) for name in score_fns}

    def update(state, prediction: Images, target: Images, *, weight=None, sizes=None) -> dict[str, _Mean]:
        weight = jnp.ones(prediction.shape[0]) if weight is None else jnp.asarray(weight, jnp.float32)
        return {
            name: _add(state[name], score_fn(prediction, target, sizes), weight) for name, score_fn in score_fns.items()
        }

    def merge(a, b):
        return jax.tree.map(jnp.add, a, b)

    def compute(state) -> dict[str, Array]:
        return {name: mean.total / mean.count for name, mean in state.items()}

    return Metric(init, update, merge, compute)


def _add(mean: _Mean, scores: Float[Array, " b"], weight: Float[Array, " b"]) -> _Mean:
    # An image of weight 0 may score infinity (PSNR of equal fillers) or NaN, which a product with 0 would keep.
    counted = jnp.where(weight > 0, scores * weight, 0.0)
    return _Mean(mean.total + counted.sum(), mean.count + weight.sum())
