"""Powers, as XLA:CPU is fast at them."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def power(x: Float[Array, "*d"], exponent: float) -> Float[Array, "*d"]:
    """`x ** exponent` of numbers that are not negative, for an exponent over 0; a number below 0 gives NaN.

    Within a few units of the last place. XLA:CPU calls a function for each single number's power or cube root, and has
    logarithms and exponentials of many numbers at once (`scripts/bench_lookups.py`). The gradient at 0 is NaN, whatever
    the exponent: differentiate where numbers are positive.
    """
    return jnp.exp(jnp.log(x) * exponent)
