"""What a training rests on: anything of it that changed is refused by name, allowed when asked, and said."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.sampling import Sampler
from nasjax.space import SearchSpace
from nasjax.task import Task
from nasjax.train import loop
from nasjax.train.basis import Basis
from nasjax.train.config import TrainConfig
from nasjax.train.log import RunLog
from nasjax.train.loop import fit
from nasjax.train.parallel import data_mesh
from nasjax.train.state import TrainState
from tests.train import parts
from tests.train.runner import SAMPLER, TASK

STEPS, STOP = 6, 3
WEIGHTS = {"table": {"numbers": np.ones((parts.SPACE.num_choices, 4), np.float32)}}
CONFIG = parts.config(STEPS, checkpoint_every=STOP)


def run(
    folder: Path,
    *,
    task: Task = TASK,
    space: SearchSpace = parts.SPACE,
    sampler: Sampler = SAMPLER,
    config: TrainConfig = CONFIG,
    params: Any = WEIGHTS,
    stop: int = 0,
    heard: list[str] | None = None,
) -> TrainState:
    """Train in a folder; the data end behind `stop` steps."""

    def event(position: int, batch: dict) -> None:
        if stop and position > stop + 2:  # two are read ahead
            raise OSError("no more data")

    say = (heard if heard is not None else []).append
    with RunLog(folder, "finetune", config.steps, say=say) as log:
        data = parts.Numbers(task, devices=loop.data_mesh().size, event=event)
        return fit(task, space, sampler, data=data, config=config, log=log, params=params)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory) -> Path:
    """A run that ended by an error behind its first checkpoint."""
    folder = tmp_path_factory.mktemp("stopped")
    with pytest.raises(OSError, match="no more data"):
        run(folder, stop=STOP)
    return folder


def squared(loss: Callable) -> Callable:
    """Another loss under the same name."""
    return lambda *args: (lambda value, logs: (2 * value, logs))(*loss(*args))


class Doubled:
    """The table task's loss times an array that it closes over: of another value, another loss."""

    def __init__(self, factor: float):
        self.factor = jnp.full((3,), factor)

    def __call__(self, *args):
        value, logs = TASK.losses["table"](*args)
        return value * self.factor.sum(), logs


OTHER_WEIGHTS = jax.tree.map(np.zeros_like, WEIGHTS)
NEVER = {
    "task": ({"task": TASK._replace(name="other")}, "task was 'table', now 'other'"),
    "space": ({"space": parts.SPACE.restrict({"skip": ["long"]})}, "choices skip allowed was short, long, now long"),
    "option": (
        {"space": replace(parts.SPACE, choices=(parts.SPACE.choices[0]._replace(default=0), *parts.SPACE.choices[1:]))},
        "choices trunk default was 1, now 0",
    ),
    "sampler": ({"sampler": SAMPLER._replace(name="other")}, "sampler was 'strict-fair', now 'other'"),
    "seed": ({"config": replace(CONFIG, seed=1)}, "seed was 0, now 1"),
}
ASKED = {
    "lr": ({"config": replace(CONFIG, lr=0.01)}, r"lr was 0\.05, now 0\.01"),
    "betas": ({"config": replace(CONFIG, betas=(0.5, 0.9))}, r"betas was \[0\.9, 0\.999\], now \[0\.5, 0\.9\]"),
    "steps": ({"config": replace(CONFIG, steps=8)}, "steps was 6, now 8"),
    "losses": ({"task": TASK._replace(losses={"table": squared(TASK.losses["table"])})}, "losses table differs"),
    "weights": ({"params": OTHER_WEIGHTS}, "weights table differs"),
}


@pytest.mark.parametrize("name", NEVER)
def test_what_may_not_change(stopped, name):
    """Refused by name with both values, before a step is made, whatever is asked for."""
    changes, told = NEVER[name]
    with pytest.raises(ValueError, match=f"finetune holds checkpoints of another training: {told}; start this one in"):
        run(stopped, **changes)


@pytest.mark.parametrize("name", ASKED)
def test_what_may_change_when_asked(stopped, name):
    """Refused by name, with the line that would allow it."""
    changes, told = ASKED[name]
    with pytest.raises(ValueError, match=rf"of another config: {told}; .* train\.changed = \('{name}',\)"):
        run(stopped, **changes)


def copied(folder: Path, to: Path) -> Path:
    """The same run folder elsewhere."""
    import shutil

    return Path(shutil.copytree(folder, to / "run"))


def test_a_lower_rate_goes_on_from_the_checkpoint(stopped, tmp_path):
    """Asked for, the rest is trained at the lower rate and both are said; from then on, going back must be asked."""
    folder, lower, heard = copied(stopped, tmp_path), replace(CONFIG, lr=1e-6), []
    state = run(folder, config=replace(lower, changed=("lr",)), heard=heard)
    assert any("goes on from step 3 of 6" in line and "lr was 0.05, now 1e-06" in line for line in heard)
    again = run(folder, config=lower, heard=heard)
    parts.assert_same(again, state)
    assert heard[-1].startswith("finetune: finished before")
    with pytest.raises(ValueError, match="is finished: lr cannot change any more"):
        run(folder, config=replace(CONFIG, lr=1e-7, changed=("lr",)))
    with pytest.raises(ValueError, match="lr was 1e-06, now 0.05"):
        run(folder)


def test_more_steps_are_trained_when_asked_and_fewer_never(stopped, tmp_path):
    """Two more steps; and a training of fewer than there are is another one."""
    folder = copied(stopped, tmp_path)
    assert int(run(folder, config=replace(CONFIG, steps=8, changed=("steps",))).step) == 8
    with pytest.raises(ValueError, match=r"holds 8 steps of training, more than train\.steps = 4"):
        run(folder, config=replace(CONFIG, steps=4, changed=("steps",)))


def test_constants_are_part_of_a_loss(tmp_path):
    """A frozen array that a loss closes over decides what it computes."""
    one = TASK._replace(losses={"table": Doubled(1.0)})
    run(tmp_path, task=one)
    parts.assert_same(run(tmp_path, task=TASK._replace(losses={"table": Doubled(1.0)})), run(tmp_path, task=one))
    with pytest.raises(ValueError, match="losses table differs"):
        run(tmp_path, task=TASK._replace(losses={"table": Doubled(2.0)}))


@pytest.mark.parametrize("devices", [1, 2])
def test_another_number_of_devices(stopped, tmp_path, monkeypatch, devices):
    """Goes on at the checkpoint's step and place in the data, says so, and stays fair."""
    folder, heard, taken = copied(stopped, tmp_path), [], []
    monkeypatch.setattr(loop, "data_mesh", lambda: data_mesh(jax.devices()[:devices]))
    monkeypatch.setattr(parts.Numbers, "set_state", lambda self, state: taken.append(state))
    state = run(folder, heard=heard)
    assert int(state.step) == STEPS and taken == [{"position": STOP}]
    assert any(f"devices was 8, now {devices}" in line for line in heard)
    assert parts.gap(parts.SPACE, state.counts) == 0
    trained = SAMPLER.slots * (8 * STOP + devices * (STEPS - STOP))
    assert int(state.counts[parts.SPACE.index("skip")].sum()) == trained


def test_a_checkpoint_of_an_earlier_version(tmp_path, monkeypatch):
    """What it kept is compared (its space by a checksum), what it did not keep is not, and it goes on."""
    kept = {"task", "space", "sampler", "devices", *CONFIG.fingerprint()}
    record = Basis.record
    with monkeypatch.context() as before:
        before.setattr(Basis, "record", lambda self: {k: v for k, v in record(self).items() if k in kept})
        with pytest.raises(OSError, match="no more data"):
            run(tmp_path, stop=STOP)
    with pytest.raises(ValueError, match="space was 'toy@.*, now 'toy@"):
        run(tmp_path, space=parts.SPACE.restrict({"skip": ["long"]}))
    with pytest.raises(ValueError, match="lr was 0.05"):
        run(tmp_path, config=replace(CONFIG, lr=0.01))
    assert int(run(tmp_path, params=OTHER_WEIGHTS).step) == STEPS


def test_only_what_can_change_can_be_asked_for():
    """The error lists it."""
    with pytest.raises(ValueError, match=r"train\.changed: 'seed' cannot change; what can: steps, lr, .*losses"):
        TrainConfig(changed=("lr", "seed"))
