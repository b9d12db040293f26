"""How much memory a step of training needs, said before it is made."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax

from nasjax.sampling import Sampler
from nasjax.task import Task
from nasjax.train.parallel import AXIS
from nasjax.train.state import TrainState


class Memory(NamedTuple):
    """Bytes on one device: what a state keeps, the batch, and what the step itself needs for activations and gradients.

    `exact` when the compiler said what the step needs; otherwise that is what its gradients keep from the forward pass.
    """

    params: int
    optimiser: int
    average: int
    batch: int
    activations: int
    exact: bool

    @property
    def total(self) -> int:
        """All of it."""
        return self.params + self.optimiser + self.average + self.batch + self.activations

    def beyond(self, free: int | None) -> str:
        """What to say where a step needs more than `free` bytes beside a state that is there already; else nothing."""
        needed = self.batch + self.activations
        if free is None or needed <= free:
            return ""
        return f", which is more than the {readable_bytes(free)} that are free beside what is kept: lower the batch"

    def __str__(self) -> str:
        parts = {name.replace("_", " "): readable_bytes(getattr(self, name)) for name in self._fields[:-1]}
        said = ", ".join(f"{name} {size}" for name, size in parts.items())
        return f"{'' if self.exact else 'about '}{readable_bytes(self.total)} a device: {said}"


def step_memory(
    task: Task, sampler: Sampler, state: TrainState, *, batch: Mapping[str, Any], compiled: Any = None
) -> Memory:
    """The memory of a step: `compiled` is `make_step(...).lower(state, batch).compile()`, or None before compiling.

    Nothing is run. Without the compiler's word (None, or a backend that does not tell), activations are worked out from
    what the gradient of each player keeps, of which a compiler may need less.
    """
    analysis = None if compiled is None else compiled.memory_analysis()
    work = _kept(task, sampler, state) if analysis is None else int(analysis.temp_size_in_bytes)
    devices = len(state.step.sharding.device_set)
    params, optimiser, average = (num_bytes(x) for x in (state.params, state.opt_state, (state.ema, state.best)))
    return Memory(params, optimiser, average, num_bytes(batch) // devices, work, analysis is not None)


def num_bytes(tree: Any) -> int:
    """Bytes of the arrays, or shapes, of a tree."""
    return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(tree))


def readable_bytes(number: int) -> str:
    """Bytes with the unit that suits them: 1536 -> `1.5 KiB`."""
    units = ("B", "KiB", "MiB", "GiB", "TiB")
    power = min(max(number.bit_length() - 1, 0) // 10, len(units) - 1)
    return f"{number / 1024**power:.{0 if power == 0 else 1}f} {units[power]}"


def free_bytes(device: Any) -> int | None:
    """Free bytes of a device's memory, or of this machine's for its CPU; None where nobody tells."""
    stats = device.memory_stats() if device.platform != "cpu" else None
    if stats and "bytes_limit" in stats:
        return int(stats["bytes_limit"]) - int(stats.get("bytes_in_use", 0))
    if device.platform != "cpu":
        return None
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            lines = dict(line.split(":", 1) for line in file)
        return int(lines["MemAvailable"].split()[0]) * 1024 // max(1, jax.local_device_count())
    except (OSError, KeyError, ValueError):
        return None


def _kept(task: Task, sampler: Sampler, state: TrainState) -> int:
    """Bytes that the dearest player's gradient keeps from its forward pass, on one device."""
    key = jax.random.key(0)
    params = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), state.params)
    plan = jax.eval_shape(sampler.sample, key, 0)

    def kept(player: str) -> int:
        def residuals(params, plan, batch):
            gradient = jax.vjp(
                lambda own: task.losses[player]({**params, player: own}, plan, batch, key), params[player]
            )
            return gradient[1]

        traced = jax.make_jaxpr(residuals, axis_env=[(AXIS, 1)], return_shape=True)
        return num_bytes(traced(params, plan, {**task.batch_spec, **task.memory})[1])

    return max(kept(player) for player in task.losses)
