"""A task without convolutions that compiles in no time, its data, and how tests read a training state."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from nasjax.metrics import mean_metric
from nasjax.sampling import Sampler
from nasjax.space import SearchSpace
from nasjax.spaces.toy import toy
from nasjax.task import Task
from nasjax.train.config import TrainConfig

SPACE = toy().space.at_stage("path")
IMAGES = 2  # a stream and step


def table_task(space: SearchSpace, sampler: Sampler, players: tuple[str, ...] = ("table",)) -> Task:
    """Each player learns one number an option; a stream's sum over its arch should be the mean of its batch.

    Player p reads the batch entry p, so that a test can spoil one player's data. The loss has noise from its key.
    """
    width = max(len(c.options) for c in space.choices)

    def predict(params, plan, batch, player=players[0]):
        own = params[player]["numbers"][jnp.arange(space.num_choices)[None], plan].sum(-1)
        return jnp.broadcast_to(own[:, None, None, None, None], (sampler.slots, IMAGES, 1, 1, 1))

    def loss_of(player: str) -> Callable:
        def loss(params, plan, batch, key):
            wanted = batch[player].reshape(sampler.slots, IMAGES, 1, 1, 1) + 0.1 * jax.random.normal(key, ())
            error = jnp.square(predict(params, plan, batch, player) - wanted).mean()
            return error, {"error": error}

        return loss

    def init(key):
        numbers = 0.1 * jax.random.normal(key, (space.num_choices, width))
        return {player: {"numbers": numbers} for player in players}

    return Task(
        "table",
        init=init,
        losses={player: loss_of(player) for player in players},
        predict=predict,
        target=lambda batch: batch[players[0]].reshape(sampler.slots, IMAGES, 1, 1, 1),
        metrics={"mean": mean_metric({"value": lambda y, t, sizes: jnp.abs(y - t).mean((1, 2, 3))})},
        batch_spec={p: jax.ShapeDtypeStruct((sampler.slots * IMAGES,), np.float32) for p in players},
    )


class Numbers:
    """Endless random numbers for `players`, a pure function of the position; `event(position, batch)` may spoil it."""

    def __init__(self, task: Task, *, devices: int = 8, event: Callable[[int, dict], None] | None = None):
        self.sizes = {name: spec.shape[0] * devices for name, spec in task.batch_spec.items()}
        self.position, self.event = 0, event

    def __iter__(self):
        return self

    def __next__(self) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(self.position)
        batch = {name: rng.normal(2.0, 1.0, n).astype(np.float32) for name, n in self.sizes.items()}
        self.position += 1
        if self.event is not None:
            self.event(self.position, batch)
        return batch

    def get_state(self) -> dict[str, int]:
        return {"position": self.position}

    def set_state(self, state: Mapping[str, int]) -> None:
        self.position = state["position"]


def config(steps: int = 20, **changes) -> TrainConfig:
    """A config that neither warms up nor saves by time."""
    return TrainConfig(
        **({"steps": steps, "warmup": 0, "lr": 0.05, "log_every": 5, "checkpoint_seconds": 0.0} | changes)
    )


def gap(space: SearchSpace, counts) -> int:
    """The largest difference, over free choices, between how often two allowed options have been trained."""
    rows = {name: np.asarray(counts)[space.index(name), list(space.options(name))] for name in space.free}
    assert rows and all(row.min() > 0 for row in rows.values()), f"an option was never trained: {rows}"
    return max(int(row.max() - row.min()) for row in rows.values())


def host(tree):
    """A copy on the host, keys as their words."""
    is_key = lambda x: jnp.issubdtype(x.dtype, jax.dtypes.prng_key)  # noqa: E731
    return jax.tree.map(lambda x: np.array(jax.random.key_data(x) if is_key(x) else x), tree)


def assert_same(a, b) -> None:
    """Equal to the bit, leaf by leaf."""
    a, b = host(a), host(b)
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for (path, x), y in zip(jax.tree.leaves_with_path(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(x, y, err_msg=jax.tree_util.keystr(path))
