"""LPIPS: how different two pictures look, as a distance of features that was fitted to what people said."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from nasjax.metrics.base import Metric, mean_metric
from nasjax.typing import Params

# (trunk params, images [*d, h, w, 3] in [-1, 1]) -> features, each [*d, h', w', c]: `nets.trunks.Trunk.apply`
EncodeFn = Callable[[Params, Any], Sequence[Array]]


def lpips(
    encode_fn: EncodeFn, params: Params, x: Float[Array, "*d h w 3"], *, target: Float[Array, "*d h w 3"]
) -> Float[Array, "*d"]:
    """LPIPS v0.1 of each pair of images in [-1, 1]: 0 where equal, lower is better (arXiv 1801.03924, equation 1).

    `params` are {"trunk", "heads"} of `nets.trunks.load_trunk`, whose trunk is `encode_fn`: AlexNet for tables, VGG16
    for losses. The two networks' numbers are not comparable, nor are those of other image sizes. Nothing is rounded.
    """
    pairs = zip(encode_fn(params["trunk"], x), encode_fn(params["trunk"], target), strict=True)
    return sum(
        (_distance(params["heads"][f"head{i}"], a, b) for i, (a, b) in enumerate(pairs)), jnp.zeros(x.shape[:-3])
    )


def lpips_metric(encode_fn: EncodeFn, params: Params, name: str) -> Metric:
    """The mean over images, named after the network: `lpips_alexnet`, say. Images must fill the array."""

    def score(prediction, target, sizes):
        if sizes is not None:
            raise ValueError("lpips_metric: padded images would be compared with their padding; score them one by one")
        return lpips(encode_fn, params, jnp.asarray(prediction), target=jnp.asarray(target))

    return mean_metric({f"lpips_{name}": score})


def _distance(head: Float[Array, " c"], a: Array, b: Array) -> Array:
    """Weighted squared difference of features whose vectors have unit length, mean over positions."""
    squares = jnp.square(_unit(a) - _unit(b))
    weighted = jax.lax.dot_general(
        squares, head, (((squares.ndim - 1,), (0,)), ((), ())), precision=lax.Precision.HIGHEST
    )
    return weighted.mean((-2, -1))


def _unit(x: Array) -> Array:
    # Inside the root, a trifle that float32 does not see: a vector of zeros then has a gradient.
    x = x.astype(jnp.float32)
    return x / (jnp.sqrt(jnp.square(x).sum(-1, keepdims=True) + 1e-24) + 1e-10)
