"""Ageing evolution: the oldest members die, whatever their score (Real et al. 2019, arXiv 1802.01548)."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from nasjax.search import memory
from nasjax.search.base import Objectives, Searcher, Violation, check_sizes, scalarise, tidy
from nasjax.search.variation import Domain, draw, lots, mutate, option_mask, structure
from nasjax.space import SearchSpace
from nasjax.typing import Archs, PRNGKey


class _Settings(NamedTuple):
    space: SearchSpace
    population: int
    batch: int
    tournament: int
    weights: tuple[float, ...]


class _State(NamedTuple):
    """A ring of the youngest members; `count` archs were told so far."""

    mask: Bool[Array, "k o"]
    archs: Int[Array, "p k"]
    score: Float[Array, " p"]
    violation: Float[Array, " p"]
    count: Int[Array, ""]
    memory: memory.Memory


def aging_evolution(
    space: SearchSpace,
    *,
    population: int = 64,
    batch: int = 16,
    tournament: int = 10,
    weights: Sequence[float] = (1.0,),
    capacity: int = 4096,
) -> Searcher:
    """Random until `population` archs were told, then one-choice mutants of tournament winners (algorithm 1).

    Single-objective: minimises the sum of the objectives weighted by `weights`, one weight an objective; a smaller
    violation wins over any score. `batch` archs are proposed a generation (1 is the original; more lets them be
    evaluated in parallel). None of the last `capacity` told is proposed again.
    """
    sizes = {"population": population, "batch": batch, "tournament": tournament, "capacity": capacity}
    check_sizes("aging_evolution", sizes | {"number of weights": len(weights)})
    if batch > population:
        raise ValueError(f"aging_evolution: batch {batch} must not exceed population {population}")
    settings = _Settings(structure(space), population, batch, tournament, tuple(map(float, weights)))
    archs = np.zeros((population, space.num_choices), np.int32)
    nothing = (archs, np.zeros(population, np.float32), np.full(population, np.inf, np.float32), np.int32(0))
    start = _State(option_mask(space), *map(jnp.asarray, nothing), memory=memory.empty(capacity))
    return Searcher(lambda key: start, partial(_ask, settings), partial(_tell, settings))


@partial(jax.jit, static_argnums=0)
def _ask(settings: _Settings, key: PRNGKey, state: _State) -> Archs:
    tournament, change, again, fill = jax.random.split(key, 4)
    domain, num = Domain(settings.space, state.mask), 2 * settings.batch
    members = jnp.minimum(state.count, settings.population)
    entrants = jnp.int32(lots(tournament, (num, settings.tournament)) * members)
    place = jnp.argsort(jnp.lexsort((state.score, state.violation)))
    winners = jnp.take_along_axis(entrants, jnp.argmin(place[entrants], 1)[:, None], 1)[:, 0]
    children = mutate(change, domain, state.archs[winners])
    # Near an exhausted neighbourhood every one-choice mutant is known: mutants of mutants come next, random ones last.
    candidates = jnp.concatenate([children, mutate(again, domain, children)])
    fresh = draw(fill, domain, 2 * num)
    candidates = jnp.where(state.count < settings.population, fresh, candidates)
    return memory.choose_new(state.memory, jnp.concatenate([candidates, fresh[:num]]), settings.batch)


@partial(jax.jit, static_argnums=0)
def _tell(settings: _Settings, state: _State, archs: Archs, objectives: Objectives, violation: Violation) -> _State:
    objectives, violation = tidy(objectives, violation, len(settings.weights))
    last = slice(-settings.population, None)
    score = scalarise(objectives, settings.weights)[last]
    places = (state.count + jnp.arange(len(score))) % settings.population
    return _State(
        state.mask,
        state.archs.at[places].set(archs[last]),
        state.score.at[places].set(score),
        state.violation.at[places].set(violation[last]),
        state.count + len(score),
        memory.remember(state.memory, archs),
    )
