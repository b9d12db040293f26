"""NSGA-II over integers: Deb, Pratap, Agarwal, Meyarivan 2002, with constraint domination and without duplicates."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from nasjax.search import memory
from nasjax.search.base import Objectives, Searcher, Violation, check_sizes, tidy
from nasjax.search.pareto import crowding, ranks
from nasjax.search.variation import Domain, cross, draw, lots, mutate, option_mask, structure
from nasjax.space import SearchSpace
from nasjax.typing import Archs, PRNGKey


class _Settings(NamedTuple):
    space: SearchSpace
    num_objectives: int
    population: int
    batch: int
    crossover: float


class _State(NamedTuple):
    """The survivors, best first (rank, then crowding); the first `count` rows are filled."""

    mask: Bool[Array, "k o"]
    rate: Float[Array, ""]
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
    settings = _Settings(structure(space), num_objectives, population, batch, crossover)
    archs = np.zeros((population, space.num_choices), np.int32)
    scores = np.zeros((population, num_objectives), np.float32), np.full(population, np.inf, np.float32)
    nothing = map(jnp.asarray, (np.float32(rate), archs, *scores, np.int32(0)))
    start = _State(option_mask(space), *nothing, memory=memory.empty(capacity))
    return Searcher(lambda key: start, partial(_ask, settings), partial(_tell, settings))


@partial(jax.jit, static_argnums=0)
def _ask(settings: _Settings, key: PRNGKey, state: _State) -> Archs:
    domain, num = Domain(settings.space, state.mask), settings.batch
    select, coin, mate, change, again, fill = jax.random.split(key, 6)
    first, second = state.archs[_tournaments(select, state.count, settings.population, num)]
    crossed = (lots(coin, (num,)) < settings.crossover)[:, None]
    pairs = [
        jnp.where(crossed, child, parent)
        for child, parent in zip(cross(mate, domain, (first, second)), (first, second), strict=True)
    ]
    children = mutate(change, domain, jnp.stack(pairs, 1).reshape(2 * num, -1), rate=state.rate)
    fresh = draw(fill, domain, 3 * num)
    candidates = jnp.concatenate([children, mutate(again, domain, children[:num])])
    candidates = jnp.where(state.count > 0, candidates, fresh)
    return memory.choose_new(state.memory, jnp.concatenate([candidates, fresh]), num)


def _tournaments(key: PRNGKey, count: jax.Array, population: int, num: int) -> jax.Array:
    """`int32[2, num]` winners of binary tournaments among the first `count` rows.

    Entrants come from shuffled populations, so that within `population` draws every member enters once: drawing each by
    itself loses good ones by chance. Rows are stored best first, so the smaller index wins.
    """
    shuffles = -(-4 * num // population)
    lot = jnp.where(jnp.arange(population)[None] < count, lots(key, (shuffles, population)), 2)
    order = jnp.argsort(lot, 1)[:, jnp.arange(population) % jnp.maximum(count, 1)]
    return order.reshape(-1)[: 4 * num].reshape(num, 2, 2).min(-1).T


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
    return _State(state.mask, state.rate, archs[best], objectives[best], violation[best], count, told)


def _copies(archs: Archs, empty: jax.Array) -> jax.Array:
    """Rows told before; empty rows are no originals, so they are set apart by an option that no arch has."""
    return memory.repeats(jnp.where(empty[:, None], -1, archs))
