"""Spectral norm as a part of the optimiser: its power iteration moves with every update."""

from collections.abc import Callable
from typing import Any

import jax
import optax

from nasjax.typing import Params


def power_iterated(
    optimiser: optax.GradientTransformation, advance: Callable[[Params], Any]
) -> optax.GradientTransformation:
    """The optimiser, whose update also carries every direction `u` of the player to where one power iteration leads.

    `advance` is the discriminator's (`nets.discriminators.Discriminator`). Leaves of other names are updated as they
    were. So a player's state stays its params: it is checkpointed, resumed and skipped after a bad step like them.
    Raises ValueError where the optimiser is not given the params.
    """

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        if params is None:
            raise ValueError("power_iterated: the update needs the params, as optax's weight decay does")
        updates, state = optimiser.update(updates, state, params)
        moved: Any = optax.apply_updates(params, updates)
        return jax.tree_util.tree_map_with_path(_choose, updates, advance(moved), params), state

    return optax.GradientTransformation(optimiser.init, update)


def _choose(path: Any, update: jax.Array, after: jax.Array, before: jax.Array) -> jax.Array:
    return after - before if path[-1].key == "u" else update
