"""Random variation of archs under a space's mask: draw, mutate, cross over; always canonical and allowed.

An inactive choice holds no information (it is 0), so it is given a random allowed option before its parent may change:
a block that a mutation switches on starts with a random operator, never with a forbidden one.
"""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from nasjax.space import SearchSpace
from nasjax.typing import Archs, PRNGKey


def option_mask(space: SearchSpace) -> np.ndarray:
    """The allowed options as a padded table, `bool[k, max options]`."""
    width = max(map(len, space.allowed))
    return np.array([(*mask, *(False,) * (width - len(mask))) for mask in space.allowed])


def lots(key: PRNGKey, shape: Sequence[int]) -> Float[Array, "..."]:
    """Uniform random numbers in [0, 1); drawn flat, because XLA:CPU compiles a 3-D draw eight times as long."""
    return jax.random.uniform(key, (math.prod(shape),)).reshape(shape)


def draw(key: PRNGKey, space: SearchSpace, num: int) -> Archs:
    """`num` random archs, each choice uniform over its allowed options; `int32[num, k]`."""
    return space.canonical(_genes(key, space, num))


def mutate(key: PRNGKey, space: SearchSpace, archs: Archs, *, rate: float | None = None) -> Archs:
    """Each arch with exactly one active choice changed to another allowed option, `[n, k]` -> `[n, k]`.

    Given a `rate`, each active choice changes with that probability instead. Choices with one option never change.
    """
    pick, change, fill = jax.random.split(key, 3)
    opens = (option_mask(space).sum(-1) > 1)[None] & space.active(archs)
    lot = lots(pick, archs.shape)
    if rate is None:
        chosen = jnp.argmax(jnp.where(opens, lot, -1), -1)
        hit = opens & (jnp.arange(space.num_choices)[None] == chosen[:, None])
    else:
        hit = opens & (lot < rate)
    return space.canonical(jnp.where(hit, _others(change, space, archs), _complete(fill, space, archs)))


def cross(key: PRNGKey, space: SearchSpace, parents: tuple[Archs, Archs]) -> Archs:
    """Uniform crossover: each choice from either parent with equal chance; twice `[n, k]` -> `[n, k]`.

    A choice that exists in one parent only is taken from that one.
    """
    fill, coin = jax.random.split(key)
    first, second = parents
    in_first, in_second = space.active(first), space.active(second)
    from_first = lots(coin, first.shape) < 0.5
    take_first = in_first & (from_first | ~in_second)
    both = jnp.where(take_first, first, second)
    genes = _genes(fill, space, len(first))
    return space.canonical(jnp.where(in_first | in_second, both, genes))


def _genes(key: PRNGKey, space: SearchSpace, num: int) -> jax.Array:
    """A random allowed option for every choice, active or not."""
    mask = option_mask(space)
    scores = lots(key, (num, *mask.shape))
    return jnp.argmax(jnp.where(mask[None], scores, -1), -1).astype(jnp.int32)


def _others(key: PRNGKey, space: SearchSpace, archs: Archs) -> jax.Array:
    """A random allowed option for every choice, different from the present one where there is another."""
    mask = option_mask(space)
    present = jnp.asarray(archs)[..., None] == jnp.arange(mask.shape[-1])[None, None]
    scores = lots(key, (len(archs), *mask.shape))
    return jnp.argmax(jnp.where(mask[None] & ~present, scores, -1), -1).astype(jnp.int32)


def _complete(key: PRNGKey, space: SearchSpace, archs: Archs) -> jax.Array:
    return jnp.where(space.active(archs), archs, _genes(key, space, len(archs)))
