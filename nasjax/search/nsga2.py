"""NSGA-II over integers: Deb, Pratap, Agarwal, Meyarivan 2002, with constraint domination and without duplicates."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from nasjax.search import memory
from nasjax.search.base import Objectives, Searcher, Violation, check_sizes, tidy
from nasjax.search.pareto import crowding, ranks
from nasjax.search.variation import cross, draw, lots, mutate
from nasjax.space import SearchSpace
from nasjax.typing import Archs, PRNGKey


class _Settings(NamedTuple):
    space: SearchSpace
    num_objectives: int
    population: int
    batch: int
    crossover: float
    rate: float
    capacity: int


class _State(NamedTuple):
    """The survivors, best first (rank, then crowding); the first `count` rows are filled."""

    archs: Int[Array, "p k"]
    objectives: Float[Array, "p m"]
    violation: Float[Array, " p"]
    count: Int[Array, ""]
    memory: memory.Memory


def nsga2(
    space: SearchSpace,
    *,
    num_objectives: int,
    population: int = 64,
    batch: int | None = None,
    crossover: float = 0.9,
    rate: float | None = None,
    capacity: int = 4096,
) -> Searcher:
    """Keeps a front of `population` archs and proposes `batch` (by default as many) children a generation.

    Children come from binary tournaments, uniform crossover with probability `crossover`, and mutation of each choice
    with probability `rate` (by default one choice in every second child). Those already told, of the last `capacity`,
    are replaced by mutants, then by random archs. Any number of objectives.
    """
    batch = population if batch is None else batch
    sizes = {"num_objectives": num_objectives, "population": population, "batch": batch, "capacity": capacity}
    check_sizes("nsga2", sizes)
    rate = 0.5 / max(len(space.free), 1) if rate is None else rate
    settings = _Settings(space, num_objectives, population, batch, crossover, rate, capacity)
    return Searcher(lambda key: _init(settings), partial(_ask, settings), partial(_tell, settings))


def _init(settings: _Settings) -> _State:
    p = settings.population
    archs = jnp.zeros((p, settings.space.num_choices), jnp.int32)
    objectives = jnp.zeros((p, settings.num_objectives))
    return _State(archs, objectives, jnp.full(p, jnp.inf), jnp.int32(0), memory.empty(settings.capacity))


@partial(jax.jit, static_argnums=0)
def _ask(settings: _Settings, key: PRNGKey, state: _State) -> Archs:
    space, num = settings.space, 2 * settings.batch
    parents, mate, coin, change, again, fill = jax.random.split(key, 6)
    # Rows are stored best first, so the winner of a binary tournament is the smaller index.
    entrants = jnp.int32(lots(parents, (2, num, 2)) * state.count)
    first, second = state.archs[entrants.min(-1)]
    crossed = lots(coin, (num, 1)) < settings.crossover
    children = jnp.where(crossed, cross(mate, space, (first, second)), first)
    children = mutate(change, space, children, rate=settings.rate)
    fresh = draw(fill, space, len(children) + settings.batch)
    candidates = jnp.concatenate([children, mutate(again, space, children[: settings.batch])])
    candidates = jnp.where(state.count > 0, candidates, fresh)
    return memory.choose_new(state.memory, jnp.concatenate([candidates, fresh]), settings.batch)


@partial(jax.jit, static_argnums=0)
def _tell(settings: _Settings, state: _State, archs: Archs, objectives: Objectives, violation: Violation) -> _State:
    objectives, violation = tidy(objectives, violation, settings.num_objectives)
    archs = jnp.concatenate([state.archs, archs])
    objectives = jnp.concatenate([state.objectives, objectives])
    violation = jnp.concatenate([state.violation, violation])
    empty = (jnp.arange(len(archs)) >= state.count) & (jnp.arange(len(archs)) < settings.population)
    violation = jnp.where(empty | _copies(archs, empty), jnp.inf, violation)
    rank = ranks(objectives, violation)
    best = jnp.lexsort((-crowding(objectives, rank), rank))[: settings.population]
    count = jnp.minimum(jnp.sum(jnp.isfinite(violation)), settings.population).astype(jnp.int32)
    told = memory.remember(state.memory, archs[settings.population :])
    return _State(archs[best], objectives[best], violation[best], count, told)


def _copies(archs: Archs, empty: jax.Array) -> jax.Array:
    """Rows told before; empty rows are no originals, so they are set apart by an option that no arch has."""
    return memory.repeats(jnp.where(empty[:, None], -1, archs))
