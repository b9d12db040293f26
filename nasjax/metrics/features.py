"""Pictures as features: one row a picture, from any network, and the sums that a Frechet distance needs of them.

features = collect(jax.jit(lambda x: pooled(trunk.apply(params, x))), pictures, batch=16)
frechet = frechet_distance(moments(features), reference.moments)
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from nasjax.metrics.style import gram

Rows = Float[np.ndarray, "_n _d"]
# (images [b, ...]) -> features [b, d]
_FeatureFn = Callable[[Any], Array]


class Moments(NamedTuple):
    """Count, sum and sum of outer products of features, in float64: sums of parts are those of the whole."""

    count: int
    total: Float[np.ndarray, " d"]
    outer: Float[np.ndarray, "d d"]


def collect(
    feature_fn: _FeatureFn, images: Iterable[np.ndarray], *, batch: int, sharding: jax.sharding.Sharding | None = None
) -> Rows:
    """The features of images of one shape, one row each, as float32 on the host.

    `feature_fn` is called on batches of one size (jit it: one program, whatever the number of images); the last one is
    filled up with zeros, whose rows are dropped. `sharding` spreads a batch over devices. ValueError
    without images.
    """
    source, found = iter(images), []
    while chunk := list(islice(source, batch)):
        x = np.stack([*chunk, *[np.zeros_like(chunk[0])] * (batch - len(chunk))])
        y = feature_fn(x if sharding is None else jax.device_put(x, sharding))
        found.append(np.asarray(y, np.float32)[: len(chunk)])
    if not found:
        raise ValueError("collect: there are no images")
    return np.concatenate(found)


def pooled(features: Sequence[Float[Array, "..."]], levels: Sequence[int] | None = None) -> Float[Array, "..."]:
    """The mean over positions of some features (1 is the shallowest; default: all), channels joined: `[*d, sum c]`."""
    chosen = range(1, len(features) + 1) if levels is None else levels
    return jnp.concatenate([features[i - 1].astype(jnp.float32).mean((-3, -2)) for i in chosen], -1)


def gram_vector(feature: Float[Array, "*d h w c"]) -> Float[Array, "..."]:
    """The upper triangle of a feature's Gram matrix, diagonal included: `[*d, c (c + 1) / 2]` (arXiv 2604.03064)."""
    rows, columns = np.triu_indices(feature.shape[-1])
    return gram(feature)[..., rows, columns]


def moments(features: Rows) -> Moments:
    """The moments of features."""
    x = np.asarray(features, np.float64)
    return Moments(len(x), x.sum(0), x.T @ x)


def merge_moments(a: Moments, b: Moments) -> Moments:
    """The moments of both sets together."""
    return Moments(a.count + b.count, a.total + b.total, a.outer + b.outer)
