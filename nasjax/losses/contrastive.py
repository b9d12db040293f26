"""CUT's contrastive loss: a patch of the output should recall the input's patch at its place (arXiv 2007.15651).

Features of several layers are looked at in `num` places each, and pass through a small head a layer. Both images
share the places and the heads; the other places of the same image are what a patch must not recall.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from nasjax.ops.conv import conv_params
from nasjax.ops.params import Param
from nasjax.typing import Params, PRNGKey

_HE = 2**0.5


def nce_heads(channels: Sequence[int], width: int = 256) -> dict[str, dict[str, dict[str, Param]]]:
    """Declaration of a two-layer perceptron of `width` for each layer of features (section 3.2, the network H)."""
    return {
        f"head{i}": {"a": conv_params(1, c, width, gain=_HE), "z": conv_params(1, width, width, gain=1.0)}
        for i, c in enumerate(channels)
    }


def contrastive_loss(
    heads: Params,
    output: Sequence[Float[Array, "b _h _w _c"]],
    source: Sequence[Float[Array, "b _h _w _c"]],
    *,
    key: PRNGKey,
    num: int = 256,
    tau: float = 0.07,
) -> Float[Array, ""]:
    """The mean over layers of `patch_nce` in `num` places of output and input features (equation 4).

    Layers with fewer places give all of them. No gradient flows to the input's features, as in the authors' code.
    """
    losses = []
    for i, (ours, theirs) in enumerate(zip(output, source, strict=True)):
        places = _places(jax.random.fold_in(key, i), ours.shape[1] * ours.shape[2], num)
        head = heads[f"head{i}"]
        queries, keys = (_embed(head, x, places) for x in (ours, lax.stop_gradient(theirs)))
        losses.append(patch_nce(queries, lax.stop_gradient(keys), tau=tau))
    return jnp.stack(losses).mean()


def patch_nce(queries: Float[Array, "b p d"], keys: Float[Array, "b p d"], *, tau: float) -> Float[Array, ""]:
    """Cross-entropy of recognising each query's own key among the p keys of its image (equation 3).

    Vectors have unit length; `tau` is the temperature that divides their products.
    """
    # In full precision: divided by a small temperature, rounded products would change the softmax.
    logits = jnp.einsum("bpd,bqd->bpq", queries, keys, precision=lax.Precision.HIGHEST) / tau
    own = jnp.diagonal(logits, axis1=1, axis2=2)
    return (jax.nn.logsumexp(logits, axis=-1) - own).mean()


def _places(key: PRNGKey, there: int, num: int) -> Array:
    return jax.random.permutation(key, there)[: min(num, there)]


def _embed(head: Params, x: Float[Array, "b h w c"], places: Array) -> Float[Array, "b p d"]:
    x = x.reshape(x.shape[0], -1, x.shape[-1])[:, places].astype(jnp.float32)
    a, z = head["a"], head["z"]
    hidden = jax.nn.relu(x @ a["w"][0, 0] + a["b"].reshape(1, 1, -1))
    return _unit(hidden @ z["w"][0, 0] + z["b"].reshape(1, 1, -1))


def _unit(x: Array) -> Array:
    return x * lax.rsqrt(jnp.square(x).sum(-1, keepdims=True) + 1e-12)
