"""Random search: the baseline that every other searcher must beat at equal budget."""

from functools import partial
from typing import NamedTuple

import jax
from jaxtyping import Array, Bool

from nasjax.search import memory
from nasjax.search.base import Objectives, Searcher, Violation, check_sizes
from nasjax.search.variation import Domain, draw, option_mask, structure
from nasjax.space import SearchSpace
from nasjax.typing import Archs, PRNGKey


class _Settings(NamedTuple):
    space: SearchSpace
    batch: int


class _State(NamedTuple):
    mask: Bool[Array, "k o"]
    memory: memory.Memory


def random_search(space: SearchSpace, *, batch: int = 32, capacity: int = 4096) -> Searcher:
    """Proposes `batch` random archs a generation, each choice uniform over its allowed options.

    None of the last `capacity` told is proposed again, so small spaces are enumerated.
    """
    check_sizes("random_search", {"batch": batch, "capacity": capacity})
    settings = _Settings(structure(space), batch)
    start = _State(option_mask(space), memory.empty(capacity))
    return Searcher(lambda key: start, partial(_ask, settings), partial(_tell, settings))


@partial(jax.jit, static_argnums=0)
def _ask(settings: _Settings, key: PRNGKey, state: _State) -> Archs:
    archs = draw(key, Domain(settings.space, state.mask), 4 * settings.batch)
    return memory.choose_new(state.memory, archs, settings.batch)


@partial(jax.jit, static_argnums=0)
def _tell(settings: _Settings, state: _State, archs: Archs, objectives: Objectives, violation: Violation) -> _State:
    return state._replace(memory=memory.remember(state.memory, archs))
