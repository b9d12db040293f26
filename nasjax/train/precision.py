"""Which numbers are computed with, and which are kept.

Activations may be bfloat16: operations follow the dtype of their input, so a model casts its input and nothing else
(`tasks.base`). Params, optimiser statistics, averages and losses are float32 always.
"""

from typing import Any

import jax
import jax.numpy as jnp

from nasjax.train.config import TrainConfig


def compute_dtype(config: TrainConfig) -> jnp.dtype:
    """The dtype of activations, to build a model with."""
    return jnp.dtype(config.precision)


def check_kept(tree: Any, what: str) -> None:
    """Raises ValueError naming the first leaf of floating point that is not float32."""
    for path, leaf in jax.tree.leaves_with_path(tree):
        if jnp.issubdtype(leaf.dtype, jnp.floating) and leaf.dtype != jnp.float32:
            raise ValueError(f"{what}{jax.tree_util.keystr(path)} must be kept in float32, got {leaf.dtype}")
