"""What a training rests on: written into its checkpoints, and compared before it goes on from one."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from zlib import crc32

import jax

import nasjax
from nasjax.basis import differences, fingerprint, in_words, program_fingerprint
from nasjax.files import to_json
from nasjax.sampling import Sampler
from nasjax.space import SearchSpace
from nasjax.task import Players, Task
from nasjax.train.config import TrainConfig
from nasjax.train.parallel import AXIS
from nasjax.train.state import TrainState

_OF = " of "  # behind a name: among which records it is compared


class Basis(NamedTuple):
    """What a training rests on, as JSON values by name.

    `fixed` must stay; `settings` may change for the rest of a training when `changed` names them; `place` (such as the
    number of devices) may differ whenever it goes on, and is said. A name may end in " of CONDITION": it is compared
    with records of the same condition.
    """

    fixed: Mapping[str, Any]
    settings: Mapping[str, Any] = {}
    place: Mapping[str, Any] = {}
    changed: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        """All of it, for a checkpoint."""
        return {**self.fixed, **self.settings, **self.place}

    def check(self, found: Mapping[str, Any]) -> dict[str, str]:
        """What differs from a record and may, `{name: "was A, now B"}`.

        Raises ValueError naming what differs and may not, and how a setting is changed on purpose. What a record lacks
        is not compared.
        """
        fixed, asked, place = (differences(found, part) for part in (self.fixed, self.settings, self.place))
        if "choices" in fixed:  # the same, told in words
            fixed.pop("space", None)
        if fixed:
            raise ValueError(f"of another training: {in_words(fixed)}; start this one in another folder")
        asked = {name.partition(_OF)[0]: text for name, text in asked.items()}
        if refused := {name: text for name, text in asked.items() if name not in self.changed}:
            names = ", ".join(repr(name) for name in refused)
            raise ValueError(
                f"of another config: {in_words(refused)}; go back to what it was, start in another folder, or go on "
                f"from here with the change: train.changed = ({names},), in a config that of the stage (stages.N), of "
                "confirm or of final"
            )
        return asked | place


def training_basis(
    task: Task, space: SearchSpace, sampler: Sampler, *, config: TrainConfig, state: TrainState, params: Players
) -> Basis:
    """What a training by `fit` rests on, from its first state; `params` are the initial ones that were given."""
    fixed = {
        "task": task.name,
        "choices": space.fingerprint()["choices"],
        "space": f"{space.name}@{crc32(space.to_json().encode()):08x}",  # as checkpoints of earlier versions have it
        "sampler": sampler.name,
        "slots": sampler.slots,
        **config.once(),
    }
    batch = {name: [*spec.shape, str(spec.dtype)] for name, spec in task.batch_spec.items()}
    # Versions and backends word the same program differently, and these settings make it another one by themselves.
    wording = to_json(
        [nasjax.__version__, jax.__version__, jax.default_backend(), config.precision, config.remat, batch]
    )
    weights = {player: fingerprint(tree) for player, tree in params.items()}
    told = {"batch": batch, "weights": weights, f"losses{_OF}{wording}": _programs(task, sampler, state)}
    return Basis(fixed, config.settings() | told, {"devices": len(state.step.sharding.device_set)}, config.changed)


def _programs(task: Task, sampler: Sampler, state: TrainState) -> dict[str, str]:
    """What each player's loss computes, its networks included."""
    key = jax.random.key(0)
    params = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), state.params)
    args = (params, jax.eval_shape(sampler.sample, key, 0), {**task.batch_spec, **task.memory}, key)
    return {player: program_fingerprint(loss, *args, axes=(AXIS,)) for player, loss in task.losses.items()}
