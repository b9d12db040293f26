"""What a searcher has been told already, as fixed-size hashes, so that nothing is proposed twice."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, UInt32

from nasjax.typing import Archs


class Memory(NamedTuple):
    """The hashes of the last archs told: a ring of fixed capacity, `count` archs written so far."""

    codes: UInt32[Array, "c 2"]
    count: Int[Array, ""]


def empty(capacity: int) -> Memory:
    """A memory of `capacity` archs; the oldest are forgotten first."""
    return Memory(jnp.asarray(np.zeros((capacity, 2), np.uint32)), jnp.asarray(np.int32(0)))


def remember(memory: Memory, archs: Archs) -> Memory:
    """The memory after these archs, `[n, k]`."""
    codes = _codes(archs)[-len(memory.codes) :]
    places = (memory.count + jnp.arange(len(codes))) % len(memory.codes)
    return Memory(memory.codes.at[places].set(codes), memory.count + len(codes))


def repeats(archs: Archs) -> Bool[Array, " n"]:
    """Whether each arch stands in an earlier row, too; `[n, k]` -> `[n]`."""
    codes = _codes(archs)
    return jnp.any(jnp.tril(_equal(codes, codes), -1), 1)


def choose_new(memory: Memory, candidates: Archs, num: int) -> Int[Array, "num k"]:
    """The first `num` candidates that are new, `[n, k]` -> `[num, k]`; filled up with known ones when too few are.

    Known ones that are distinct come before repetitions within the batch.
    """
    codes = _codes(candidates)
    written = jnp.arange(len(memory.codes)) < memory.count
    known = jnp.any(_equal(codes, memory.codes) & written[None], 1)
    order = jnp.argsort(known + 2 * repeats(candidates), stable=True)
    return jnp.asarray(candidates)[order[:num]]


def _codes(archs: Archs) -> jax.Array:
    """Two multiplicative 32-bit hashes an arch, `[n, k]` -> `uint32[n, 2]`.

    Two archs of options below 64 share both with a chance below 1e-15; the price would be one arch never proposed.
    """
    factors = np.random.default_rng(0x5EED).integers(0, 2**32, (archs.shape[-1], 2), np.uint32)
    return jnp.sum(jnp.asarray(archs).astype(jnp.uint32)[..., None] * jnp.asarray(factors | 1)[None], 1)


def _equal(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.all(a[:, None] == b[None], -1)
