"""Random variation of archs under a mask: draw, mutate, cross over; always canonical and allowed.

An inactive choice holds no information (it is 0), so it is given a random allowed option before its parent may change:
a block that a mutation switches on starts with a random operator, never with a forbidden one.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from nasjax.space import SearchSpace
from nasjax.typing import Archs, PRNGKey


class Domain(NamedTuple):
    """Where archs vary: the structure of a space, which is compiled in, and the allowed options, which are not.

    So all the stages of a coarse-to-fine search share one program. `mask` is padded, `bool[k, max options]`.
    """

    space: SearchSpace
    mask: Bool[Array, "k o"]


def structure(space: SearchSpace) -> SearchSpace:
    """The space with every option allowed: what spaces that differ only in their masks have in common."""
    return replace(space, allowed=())


def option_mask(space: SearchSpace) -> Bool[Array, "k o"]:
    """The allowed options as a padded table."""
    width = max(map(len, space.allowed))
    return jnp.asarray(np.array([(*mask, *(False,) * (width - len(mask))) for mask in space.allowed]))


def lots(key: PRNGKey, shape: Sequence[int]) -> Float[Array, "..."]:
    """Uniform random numbers in [0, 1); drawn flat, because XLA:CPU compiles a 3-D draw eight times as long."""
    return jax.random.uniform(key, (math.prod(shape),)).reshape(shape)


def draw(key: PRNGKey, domain: Domain, num: int) -> Archs:
    """`num` random archs, each choice uniform over its allowed options; `int32[num, k]`."""
    return domain.space.canonical(_pick(lots(key, (num, *domain.mask.shape)), domain.mask[None]))


def mutate(key: PRNGKey, domain: Domain, archs: Archs, *, rate: jax.Array | None = None) -> Archs:
    """Each arch with exactly one active choice changed to another allowed option, `[n, k]` -> `[n, k]`.

    Given a `rate`, each active choice changes with that probability instead. Choices with one option never change.
    Options near the present one in the list are likelier, since widths and depths are listed in order; every allowed
    one is reached in a single step, so little is lost where the order means nothing.
    """
    lot, scores = _lots_per_gene(key, domain, len(archs))
    active = domain.space.active(archs)
    opens = (domain.mask.sum(-1) > 1)[None] & active
    if rate is None:
        chosen = jnp.argmax(jnp.where(opens, lot, -1), -1)
        hit = opens & (jnp.arange(archs.shape[-1])[None] == chosen[:, None])
    else:
        hit = opens & (lot < rate)
    changed = jnp.where(hit, _step(scores, domain, archs), _pick(scores, domain.mask[None]))
    return domain.space.canonical(jnp.where(active & ~hit, archs, changed))


def cross(key: PRNGKey, domain: Domain, parents: tuple[Archs, Archs]) -> tuple[Archs, Archs]:
    """Uniform crossover of rows: each choice goes from either parent to either child; twice `[n, k]` -> twice `[n, k]`.

    A child whose parent lacks a choice takes it from the other parent.
    """
    first, second = parents
    coin, scores = _lots_per_gene(key, domain, len(first))
    in_first, in_second = domain.space.active(first), domain.space.active(second)
    filled = _pick(scores, domain.mask[None])
    first, second = (
        jnp.where(in_first, first, jnp.where(in_second, second, filled)),
        jnp.where(in_second, second, jnp.where(in_first, first, filled)),
    )
    swap = coin < 0.5
    children = jnp.where(swap, second, first), jnp.where(swap, first, second)
    return domain.space.canonical(children[0]), domain.space.canonical(children[1])


def _lots_per_gene(key: PRNGKey, domain: Domain, num: int) -> tuple[jax.Array, jax.Array]:
    """One random number a choice, `[num, k]`, and one an option, `[num, k, o]`: one draw, as each one compiles anew."""
    k, o = domain.mask.shape
    drawn = lots(key, (num, k, o + 1))
    return drawn[..., 0], drawn[..., 1:]


def _step(scores: jax.Array, domain: Domain, archs: Archs) -> jax.Array:
    """Another allowed option for each choice, each with a chance inversely proportional to its distance in the list."""
    distance = jnp.abs(jnp.asarray(archs)[..., None] - jnp.arange(domain.mask.shape[-1])[None, None])
    # Of uniform numbers u ** d the largest is that of an option with probability proportional to 1 / d.
    return _pick(scores**distance, domain.mask[None] & (distance > 0))


def _pick(scores: jax.Array, allowed: jax.Array) -> jax.Array:
    """The option with the highest score among the allowed ones, `[n, k, o]` -> `int32[n, k]`."""
    return jnp.argmax(jnp.where(allowed, scores, -1), -1).astype(jnp.int32)
