"""What pictures look like, as far as a look goes: their light and colours, and how far two sets are apart by these."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nasjax.data.source import Source
from nasjax.metrics.colour import rgb_to_lab
from nasjax.systems.photo_filter.pictures import floats

_WANTED = 200  # pictures of a look


class Looks(NamedTuple):
    """What pictures as they are wanted look like (`look_of`), whole and the squares from their middles."""

    whole: Array
    squares: Array


def wanted_looks(source: Source, side: int) -> Looks:
    """Those of a set of single pictures, of up to 200 spread evenly; those that are smaller than a square, as they are.

    The pictures that are learned from: what a filter makes of others should look like all of them, and of held-out ones
    there may be one or two.
    """
    places = sorted({k * len(source) // _WANTED for k in range(_WANTED)})
    found = []
    for picture in (source[i]["image"] for i in places):
        top, left = (max(0, n - side) // 2 for n in picture.shape[:2])
        found.append([look_of(floats(p)) for p in (picture, picture[top : top + side, left : left + side])])
    return Looks(*(jnp.concatenate(each) for each in zip(*found, strict=True)))


@jax.jit
def look_of(images: Float[Array, "n h w 3"]) -> Float[Array, "n 6"]:
    """Mean and standard deviation of L, a and b of each picture."""
    lab = rgb_to_lab(images)
    return jnp.concatenate([lab.mean((-3, -2)), lab.std((-3, -2))], -1)


@jax.jit
def look_distance(a: Float[Array, "n 6"], b: Float[Array, "m 6"]) -> Float[Array, ""]:
    """Energy distance of two sets of pictures by their light and colours; 0 where they are the same set, else more.

    Szekely and Rizzo 2013, "Energy statistics", equation 5.1. Pictures with too little light beside pictures with too
    much have on average what is wanted, and are as far from it as each of them: means over a set do not see that. Two
    small sets of equally good pictures are some way apart (34 and 34 photographs: 2.6).
    """

    def between(x: Array, y: Array) -> Array:
        return jnp.sqrt(jnp.square(x[:, None] - y[None]).sum(-1)).mean()

    return 2 * between(a, b) - between(a, a) - between(b, b)
