"""Results that are to be in memory before they are used: XLA for CPUs would rather compute them again for every use."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


@jax.jit
def materialised(x: Float[Array, "*d h w c"]) -> Float[Array, "*d h w c"]:
    """The same numbers; on CPUs, and of the gradient as well, they are stored before anything is done with them.

    XLA fuses a look-up into whatever follows it. Where that is another look-up, the first one is computed anew for each
    corner and channel of the second: 340 ns a pixel instead of 40 (`scripts/bench_lookups.py`). Optimization barriers
    are gone by then, a convolution stays. Named, so that exporters leave it out and costs do not count it.
    """
    return jax.lax.platform_dependent(x, cpu=_stored, default=lambda x: x)


def _stored(x: Array) -> Array:
    identity = jnp.eye(x.shape[-1], dtype=x.dtype)[None, None]
    lead = x.shape[:-3]
    images = x if len(lead) == 1 else x.reshape(-1, *x.shape[-3:])
    form = ("NHWC", "HWIO", "NHWC")
    y = jax.lax.conv_general_dilated(images, identity, (1, 1), "VALID", dimension_numbers=form, precision="highest")
    return y if len(lead) == 1 else y.reshape(x.shape)
