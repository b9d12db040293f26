"""The costs of one network alone, without a table of all others."""

import jax
import jax.numpy as jnp

from nasjax.cost.count import Counts, count
from nasjax.ops.base import formulation


def counted(net, arch, size: int = 256) -> Counts:
    """What is counted of an arch at `size` x `size` pixels; nothing is executed."""
    module, x = net.extract(arch), jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
    with formulation("native"):
        params = jax.eval_shape(module.init, jax.random.key(0), x)["params"]
        return count(lambda params, x: module.apply({"params": params}, x), params, x)
