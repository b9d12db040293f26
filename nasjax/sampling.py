"""Which sub-networks a training step visits: uniform, strict-fair, pairwise-fair, sandwich.

A *plan* is the canonical archs of one round, `int32[slots, num_choices]`. In a fair plan every allowed option of every
choice occurs equally often among the streams where the choice is active, so that the whole round can be executed with
static slots (`supernet/routed.py`).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple
from zlib import crc32

import jax
import jax.numpy as jnp
import numpy as np

from nasjax.rounds import Round, fair_round
from nasjax.space import SearchSpace
from nasjax.typing import Arch, Archs, PRNGKey


class Sampler(NamedTuple):
    """`sample(key, step) -> plan` and what a trainer must know about its plans.

    `fair`: the plan has the counts of `fair_round`, so it may be executed routed. `teacher`: the stream whose output
    the other streams are distilled from, or None.
    """

    name: str
    slots: int
    fair: bool
    sample: Callable[[PRNGKey, jax.Array | int], jax.Array]
    teacher: int | None = None


def uniform(space: SearchSpace, slots: int) -> Sampler:
    """Independent archs, each choice uniform over its allowed options."""

    def sample(key, step):
        return random_archs(jax.random.fold_in(key, step), space, slots)

    return Sampler("uniform", slots, False, sample)


def strict_fair(space: SearchSpace) -> Sampler:
    """A random permutation of the options per choice (FairNAS, arXiv 1907.01845, section 3.2)."""
    plan = fair_round(space)

    def sample(key, step):
        lots = _lots(jax.random.fold_in(key, step), space, plan.slots)
        return _assemble(space, plan, lambda i, n: jnp.argsort(lots[i, :n]))

    return Sampler("strict-fair", plan.slots, True, sample)


def pairwise_fair(space: SearchSpace) -> Sampler:
    """Strict fairness whose permutations shift cyclically against each other over a cycle of rounds.

    Over `slots` consecutive rounds every two options of neighbouring choices that are always active meet equally
    often (a Latin-square schedule); the permutations are drawn anew for each cycle.
    """
    plan = fair_round(space)
    place = {space.index(name): j for j, name in enumerate(space.free)}  # neighbours among the free shift by one

    def sample(key, step):
        lots = _lots(jax.random.fold_in(key, step // plan.slots), space, plan.slots)
        shift = step % plan.slots
        return _assemble(space, plan, lambda i, n: jnp.roll(jnp.argsort(lots[i, :n]), -shift * place[i]))

    return Sampler("pairwise-fair", plan.slots, True, sample)


def sandwich(space: SearchSpace, largest: Arch, smallest: Arch, *, num_random: int = 2) -> Sampler:
    """The largest and the smallest sub-network plus random ones; the largest teaches the others in place.

    Source: universally slimmable networks, arXiv 1903.05134, section 3.
    """
    fixed = jnp.asarray(np.stack([space.check(largest), space.check(smallest)]))

    def sample(key, step):
        return jnp.concatenate([fixed, random_archs(jax.random.fold_in(key, step), space, num_random)])

    return Sampler("sandwich", 2 + num_random, False, sample, teacher=0)


def single(arch: Arch | Sequence[int]) -> Sampler:
    """Always the one arch: for training a stand-alone network with the same trainer."""
    plan = jnp.asarray(np.asarray(arch, np.int32))[None]
    return Sampler("single", 1, False, lambda key, step: plan)


def random_archs(key: PRNGKey, space: SearchSpace, num: int) -> jax.Array:
    """`num` canonical archs, each choice uniform over its allowed options; `int32[num, k]`."""
    lots = _lots(key, space, num)
    columns = []
    for i, choice in enumerate(space.choices):
        options = jnp.asarray(space.options(choice.name), jnp.int32)
        columns.append(options[jnp.minimum((lots[i] * len(options)).astype(jnp.int32), len(options) - 1)])
    return jnp.asarray(space.canonical(jnp.stack(columns, -1)))


def option_counts(space: SearchSpace, plan: Archs) -> jax.Array:
    """How often each option of each choice occurs where active; `[slots, k]` -> `int32[k, max options]`."""
    width = max(len(c.options) for c in space.choices)
    hits = (plan[..., None] == jnp.arange(width)[None, None]) & space.active(jnp.asarray(plan))[..., None]
    return hits.sum(0, dtype=jnp.int32)


def _assemble(space: SearchSpace, plan: Round, shuffle: Callable[[int, int], jax.Array]) -> jax.Array:
    """Fill choice after choice: the streams where it is active take a shuffled, balanced list of its options."""
    archs = jnp.zeros((plan.slots, space.num_choices), jnp.int32)
    for i, n in enumerate(plan.active):
        if n == 0:
            continue
        options = space.options(space.choices[i].name)
        values = jnp.tile(jnp.asarray(options, jnp.int32), n // len(options))
        if len(options) > 1:
            values = values[shuffle(i, n)]
        active = space.active(archs)[:, i]
        archs = archs.at[:, i].set(jnp.where(active, values[jnp.cumsum(active) - 1], 0))
    return archs


def _lots(key: PRNGKey, space: SearchSpace, num: int) -> jax.Array:
    """`num` uniform numbers a choice, `[k, num]`, each row drawn by the choice's name, all rows by one program."""
    names = jnp.asarray([crc32(c.name.encode()) for c in space.choices], jnp.uint32)
    return jax.vmap(lambda name: jax.random.uniform(jax.random.fold_in(key, name), (num,)))(names)
