"""Ways for an auto-encoder to halve its features and to double them again, and what it hands across in between."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from nasjax.ops.haar import Bands, haar_analysis, haar_synthesis
from nasjax.ops.reflect import max_pool2, upsample2


class Pooling(NamedTuple):
    """A pair of functions over `[*d, h, w, c]` with even sizes.

    `pool(x)` gives the halved features and a `skip`, whatever the decoder needs of what was lost (None: nothing);
    `unpool(y, skip)` doubles. Means keep their size: features of mean 1 are halved to features of about mean 1.
    """

    name: str
    pool: Callable[[Any], tuple[Any, Any]]
    unpool: Callable[[Any, Any], Any]


def _nearest() -> Pooling:
    """The maximum of each 2x2 square on the way down; pixels repeated on the way up, and nothing handed across."""
    return Pooling("nearest", lambda x: (max_pool2(x), None), lambda y, skip: upsample2(y))


def _indices() -> Pooling:
    """Maxima, and where they were: the decoder puts each value there, and zeros beside it.

    Equal maxima (zeros after a ReLU, mostly) all get the value. Source: PhotoWCT, arXiv 1802.06474, section 3.1.
    """

    def pool(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        largest = max_pool2(x)
        return largest, x == upsample2(largest)

    return Pooling("indices", pool, lambda y, skip: upsample2(y) * skip.astype(y.dtype))


def _haar() -> Pooling:
    """The means of the Haar wavelet, and its other three bands: the decoder loses nothing.

    The orthonormal low band is twice the mean. It is halved on the way down and doubled on the way up, so that the
    encoder sees features of the size it was trained on. Source: WCT2, arXiv 1903.09760, section 3.2.
    """

    def pool(x: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...]]:
        bands = haar_analysis(x)
        return bands.ll / 2, (bands.lh, bands.hl, bands.hh)

    return Pooling("haar", pool, lambda y, skip: haar_synthesis(Bands(2 * y, *skip)))


POOLINGS = {made.name: made for made in (_nearest(), _indices(), _haar())}


def pooling(name: str) -> Pooling:
    """The pooling of a name; ValueError naming the known ones."""
    if name not in POOLINGS:
        raise ValueError(f"unknown pooling {name!r}; allowed: {', '.join(POOLINGS)}")
    return POOLINGS[name]


def fill_up(x: jax.Array, step: int) -> jax.Array:
    """The image with its last row and column repeated until height and width are multiples of `step`."""
    rows, columns = (-size % step for size in x.shape[-3:-1])
    return jnp.pad(x, [(0, 0)] * (x.ndim - 3) + [(0, rows), (0, columns), (0, 0)], mode="edge")
