"""The one training loop, for any task: dispatch steps, look now and then, save, and resume exactly."""

import collections
import contextlib
import signal
import threading
import time
from collections.abc import Generator, Iterator, Mapping, MutableMapping
from dataclasses import replace
from typing import Any, NamedTuple, Protocol, final, runtime_checkable

import jax
import numpy as np
from jax.sharding import Mesh

from nasjax.basis import in_words
from nasjax.sampling import Sampler
from nasjax.space import SearchSpace
from nasjax.task import Task
from nasjax.train.basis import training_basis
from nasjax.train.checkpoint import Checkpoints
from nasjax.train.config import TrainConfig
from nasjax.train.health import diagnose
from nasjax.train.log import RunLog
from nasjax.train.memory import free_bytes, step_memory
from nasjax.train.parallel import check_batch, data_mesh, host_spec, put_batch
from nasjax.train.processes import gather
from nasjax.train.schedules import cycle_ends, learning_rate, optimiser
from nasjax.train.state import TrainState, init_state
from nasjax.train.step import StepFn, make_step
from nasjax.train.validation import validate, with_best
from nasjax.typing import Params, Spec

_AHEAD = 2  # batches already on the device while a step runs


@runtime_checkable
class Data(Protocol):
    """Endless batches with a position: what a loop needs of a data pipeline."""

    def __next__(self) -> dict[str, np.ndarray]:
        """The next batch of this process: `parallel.host_spec`."""
        ...

    def get_state(self) -> dict[str, Any]:
        """The position as JSON values."""
        ...

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go to a position."""
        ...


class Interrupted(Exception):
    """A signal asked training to stop, and the state was saved; `signum` is that signal."""

    def __init__(self, message: str, signum: int):
        super().__init__(message)
        self.signum = signum


class Diverged(RuntimeError):
    """A loss, gradient or update stopped being finite."""


def fit(
    task: Task,
    space: SearchSpace,
    sampler: Sampler,
    *,
    data: Data,
    config: TrainConfig,
    log: RunLog,
    params: Mapping[str, Params] | None = None,
) -> TrainState:
    """Train to `config.steps` on all devices and return the state; an interrupted training goes on where it was.

    Checkpoints are in `log.folder/checkpoints/<phase>`: called again with the same arguments, the result is the same
    to the bit (on one kind of device), and each step is in `metrics.jsonl` once; the log says from where it goes on.
    Raises ValueError when they are of another task, space, sampler, seed, loss, weights or setting (`train.basis`);
    settings may change if `config.changed` names them, the number of devices may by itself. SIGTERM and SIGINT save and
    raise Interrupted. A non-finite loss raises Diverged: that step is not applied, and the state before it is saved.
    `params` are the initial params of players (default: the task's own). With `config.validate_every`, the averaged
    params are measured as `log.validation` says, and `state.best` are the best of them. Over several processes each
    calls it with its own part of the data, and resumes with as many.
    """
    return fit_training(Training(task, space, sampler, data, config, log, params))


class Training(NamedTuple):
    """The arguments of `fit`; `steps` are compiled steps that trainings of the same task and sampler share."""

    task: Task
    space: SearchSpace
    sampler: Sampler
    data: Data
    config: TrainConfig
    log: RunLog
    params: Mapping[str, Params] | None = None
    steps: MutableMapping[Any, Any] | None = None


def fit_training(training: Training) -> TrainState:
    """`fit`, of all its arguments together."""
    with Signals() as signals:
        return _finished(train(training, data_mesh(), signals))


def train(
    training: Training, mesh: Mesh, signals: "Signals", *, alone: bool = False
) -> Generator[None, None, TrainState]:
    """`fit` as a generator: dispatches a step at each `next`, returns the state; `alone`: without other processes."""
    task, space, sampler, data, config, log, params, shared = training
    keeps_best = _keeps_best(log, config)
    optimisers = {player: optimiser(config) for player in task.players}
    step_fn = make_step(task, space, sampler, optimisers=optimisers, mesh=mesh, ema=config.ema)
    state = init_state(task, space, optimisers, mesh=mesh, seed=config.seed, params=params)
    state = with_best(state, mesh) if keeps_best else state
    basis = training_basis(task, space, sampler, config=config, state=state, params=params or {})
    basis = basis._replace(fixed={**basis.fixed, "best": keeps_best})
    folder = log.folder / "checkpoints" / log.phase.replace("/", "-")
    checkpoints = Checkpoints(folder, basis, keep=config.keep, alone=alone)
    spec, look = host_spec(task.batch_spec, mesh), _Look(task, config, log, mesh)
    # Before the checkpoint of their step: what is gone on from has its snapshots.
    ends = cycle_ends(config) if config.schedule == "restarts" else ()
    with contextlib.closing(checkpoints):
        state = _resume(checkpoints, state, data, log=log, config=config)
        log.rewind(int(state.step))
        first, position = int(state.step) + 1, data.get_state()
        alike = mesh, replace(config, seed=0), bool(keeps_best)  # all else that a program depends on
        run_step = _Compiled(step_fn, task, sampler, log, shared={} if shared is None else shared, key=alike)
        saver = _Saver(checkpoints, config, first - 1, position)
        for step, (batch, position) in zip(range(first, config.steps + 1), _on_device(data, spec, mesh)):  # noqa: B905
            state, logs = run_step(state, batch)
            if step == first:
                jax.block_until_ready(logs)  # compiled: from here on steps per second mean something
                log.start(step)
            with saver.rescuing(state, step, position):
                state = look(state, logs, step)
            if step in ends:
                log.snapshot(ends.index(step) + 1, state.params)
            signum = signals.signum if alone else signals.seen_by_any(step % config.log_every == 0)
            if signum or saver.due(step):
                saver.save(state, position)
            if signum:
                checkpoints.wait()
                raise Interrupted(f"{log.phase}: stopped after step {step} of {config.steps}, saved", signum)
            yield
        saver.save(state, position)
    return state


def _finished(steps: Generator[None, None, TrainState]) -> TrainState:
    """The state that a training ends with."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def _keeps_best(log: RunLog, config: TrainConfig) -> str | None:
    """What decides which params are the best; None when none are kept."""
    if config.validate_every and log.validation is None:
        raise ValueError(
            f"train.validate_every is {config.validate_every}, but the log of {log.phase} has no validation: "
            "give RunLog one, or set validate_every to 0"
        )
    if not config.validate_every or log.validation is None or log.validation.best is None:
        return None
    way = "highest" if log.validation.highest else "lowest"
    return f"{way} {log.validation.best} every {config.validate_every} steps"


def _resume(checkpoints: Checkpoints, state: TrainState, data: Data, *, log: RunLog, config: TrainConfig) -> TrainState:
    saved = checkpoints.restore(state)
    if saved is None:
        return state
    step, steps = int(saved.state.step), config.steps
    if step > steps:
        raise ValueError(
            f"{log.phase} holds {step} steps of training, more than train.steps = {steps}; start the "
            "shorter training in another folder"
        )
    if step == steps and (late := [name for name in saved.changes if name in config.changed]):
        raise ValueError(
            f"{log.phase} is a training that is finished: {', '.join(late)} cannot change any more; "
            "start in another folder"
        )
    data.set_state(saved.data)
    where = "finished before" if step == steps else f"goes on from step {step} of {steps}"
    changes = f"; {in_words(saved.changes)}" if saved.changes else ""
    log.tell(f"{log.phase}: {where}{changes}")
    return saved.state


@final
class _Compiled:
    """A step that is compiled at its first call, unless it is among the `shared`; says before what memory it needs."""

    def __init__(
        self, step_fn: StepFn, task: Task, sampler: Sampler, log: RunLog, *, shared: MutableMapping[Any, Any], key: Any
    ):
        self._step_fn, self._task, self._sampler, self._log = step_fn, task, sampler, log
        self._shared, self._key = shared, key
        self._run: Any = None

    def __call__(self, state: TrainState, batch: Mapping[str, jax.Array]) -> tuple[TrainState, dict[str, jax.Array]]:
        if self._run is None:
            if self._key not in self._shared:
                compiled = self._step_fn.lower(state, batch).compile()
                memory = step_memory(self._task, self._sampler, state, batch=batch, compiled=compiled)
                self._shared[self._key] = compiled, memory
            self._run, memory = self._shared[self._key]
            beyond = memory.beyond(free_bytes(jax.local_devices()[0]))
            self._log.tell(f"{self._log.phase}: a step needs {memory}{beyond}")
        return self._run(state, batch)


@final
class _Look:
    """Looks at a training now and then: the only places where it waits for the device, beside saving."""

    def __init__(self, task: Task, config: TrainConfig, log: RunLog, mesh: Mesh):
        self._players, self._config, self._log, self._mesh = task.players, config, log, mesh
        self._rate = jax.jit(learning_rate(config))
        self._rows: list[Mapping[str, Any]] = []
        self._said: set[tuple[str, str]] = set()

    def __call__(self, state: TrainState, logs: Mapping[str, jax.Array], step: int) -> TrainState:
        """Log, validate, or do nothing, as is due after `step`; stop where something is no longer finite."""
        validating = self._due(step, self._config.validate_every)
        if not validating and not self._due(step, self._config.log_every):
            return state
        self._check(state)
        values = {name: float(value) for name, value in jax.device_get(dict(logs)).items()}
        values["lr"] = float(self._rate(step - 1))  # the schedule counts the steps before
        if validating and self._log.validation is not None:
            state, measured = validate(self._log.validation, state, self._mesh)
            values |= measured
        self._log.write(step, values)
        self._diagnose({"step": step, **values})
        return state

    def _diagnose(self, row: Mapping[str, float | int]) -> None:
        """Say and keep once what is wrong with a discriminator."""
        self._rows.append(dict(row))
        for found in diagnose(self._rows):
            if (found.player, found.name) not in self._said:
                self._said.add((found.player, found.name))
                self._log.warn(int(row["step"]), str(found))

    def _due(self, step: int, every: int) -> bool:
        return every > 0 and (step % every == 0 or step == self._config.steps)

    def _check(self, state: TrainState) -> None:
        if failed := int(state.failed):
            after = (
                f"nothing of it was applied and the state after step {step} is kept. Look at the data, or go on from "
                "there with a lower lr and changed = ('lr',) beside it"
                if (step := int(state.step))
                else "no step was applied, and nothing is kept. Look at the data, or lower lr"
            )
            raise Diverged(
                f"{self._log.phase}: the loss or gradient of {self._players[failed - 1]!r} is not finite after step "
                f"{step}; {after}"
            )


def _on_device(
    data: Data, spec: Mapping[str, Spec], mesh: Mesh
) -> Iterator[tuple[dict[str, jax.Array], dict[str, Any]]]:
    """Batches placed ahead of their use, each with the data position just behind it."""
    waiting: collections.deque = collections.deque()
    while True:
        while len(waiting) < _AHEAD:
            batch = next(data)
            check_batch(batch, spec)
            waiting.append((put_batch(batch, mesh), data.get_state()))
        yield waiting.popleft()


@final
class _Saver:
    """Decides when to save: every so many steps, after so many seconds, or when a training has diverged."""

    def __init__(self, checkpoints: Checkpoints, config: TrainConfig, step: int, position: Mapping[str, Any]):
        self._checkpoints, self._config, self._saved = checkpoints, config, time.monotonic()
        # Positions in the data behind the latest steps: since somebody looked at a good state, any may be the last.
        most = max(config.log_every, config.validate_every) + 1
        self._behind = collections.deque([(step, position)], maxlen=most)

    @contextlib.contextmanager
    def rescuing(self, state: TrainState, step: int, position: Mapping[str, Any]) -> Generator[None, None, None]:
        """Around a look at a state after `step`: where it has diverged, what was good of it is saved."""
        self._behind.append((step, position))
        try:
            yield
        except Diverged:
            last = int(state.step)
            if last:  # which a step that was not applied has not moved
                self._checkpoints.save(state._replace(failed=state.failed * 0), dict(self._behind)[last])
                self._checkpoints.wait()
            raise

    def due(self, step: int) -> bool:
        every, seconds = self._config.checkpoint_every, self._config.checkpoint_seconds
        late = seconds > 0 and time.monotonic() - self._saved > seconds and self._checkpoints.alone
        return late or (every > 0 and step % every == 0)

    def save(self, state: TrainState, position: Mapping[str, Any]) -> None:
        """Save, unless a bad step has already stopped the state: its checkpoint would never be resumed."""
        if not int(state.failed):
            self._checkpoints.save(state, position)
        self._saved = time.monotonic()


@final
class Signals:
    """Notes SIGTERM and SIGINT instead of dying of them; the second SIGINT interrupts at once."""

    STOP = signal.SIGTERM

    def __init__(self):
        self.signum = 0
        self._old: dict[int, Any] = {}

    def __enter__(self) -> "Signals":
        if threading.current_thread() is threading.main_thread():
            self._old = {s: signal.signal(s, self._note) for s in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *error: object) -> None:
        for signum, handler in self._old.items():
            signal.signal(signum, handler)

    def seen_by_any(self, together: bool) -> int:
        """The signal to stop for; several processes agree on it where all of them ask `together`."""
        if jax.process_count() == 1:
            return self.signum
        return (self.signum or signal.SIGTERM) if together and any(gather(self.signum > 0)) else 0

    def _note(self, signum: int, frame: Any) -> None:
        if self.signum == signal.SIGINT == signum:
            raise KeyboardInterrupt
        self.signum = signum
