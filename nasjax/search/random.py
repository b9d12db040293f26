"""Random search: the baseline that every other searcher must beat at equal budget."""

from functools import partial
from typing import NamedTuple

import jax

from nasjax.search import memory
from nasjax.search.base import Objectives, Searcher, Violation, check_sizes
from nasjax.search.variation import draw
from nasjax.space import SearchSpace
from nasjax.typing import Archs, PRNGKey


class _Settings(NamedTuple):
    space: SearchSpace
    batch: int
    capacity: int


def random_search(space: SearchSpace, *, batch: int = 32, capacity: int = 4096) -> Searcher:
    """Proposes `batch` random archs a generation, each choice uniform over its allowed options.

    None of the last `capacity` told is proposed again, so small spaces are enumerated.
    """
    check_sizes("random_search", {"batch": batch, "capacity": capacity})
    settings = _Settings(space, batch, capacity)
    return Searcher(lambda key: memory.empty(capacity), partial(_ask, settings), partial(_tell, settings))


@partial(jax.jit, static_argnums=0)
def _ask(settings: _Settings, key: PRNGKey, state: memory.Memory) -> Archs:
    return memory.choose_new(state, draw(key, settings.space, 4 * settings.batch), settings.batch)


@partial(jax.jit, static_argnums=0)
def _tell(
    settings: _Settings, state: memory.Memory, archs: Archs, objectives: Objectives, violation: Violation
) -> memory.Memory:
    return memory.remember(state, archs)
