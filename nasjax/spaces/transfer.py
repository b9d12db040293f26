"""What the points of a `photonet` do at use: move statistics inside a batch, be counted, or follow a style's record."""

import functools

import jax.numpy as jnp
from jaxtyping import Array, Float

from nasjax.linalg import apply_transfer, moments, transfer, wct
from nasjax.spaces.photonet import Points


@functools.cache
def paired(method: str = "newton-schulz") -> Points:
    """Points over batches `[2b, h, w, c]` of b contents followed by their b styles, whose statistics the contents get.

    The second half of the output is the styles' reconstruction. This is how whole populations are compared: the
    function has no state, so it may run under `lax.switch`.
    """

    def move(name: str, x: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        content, style = jnp.split(x, 2)
        return jnp.concatenate([wct(content, style, method=method), style])

    return Points(transfer=move)


@functools.cache
def counted() -> Points:
    """Points that do the work of one content image whose style's statistics are given; for counting operations."""

    def move(name: str, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        flat = x.reshape(x.shape[0], -1, x.shape[-1])
        own = moments(flat)
        return apply_transfer(transfer(own, own, method="newton-schulz"), flat).reshape(x.shape)

    return Points(transfer=move)
