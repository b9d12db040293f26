"""The loop: killed, stopped, diverged or finished, it goes on to the same parameters."""

import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from nasjax.sampling import strict_fair
from nasjax.train.log import RunLog
from nasjax.train.loop import Diverged, Interrupted, Training, fit, fit_training
from tests.train import parts
from tests.train.runner import SAMPLER, TASK, train

STEPS = 12


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The final state of an uninterrupted run of twelve steps."""
    return parts.host(train(tmp_path_factory.mktemp("whole"), STEPS))


def saved_steps(folder: Path) -> list[int]:
    """The steps of the finished checkpoints in a run folder."""
    return sorted(int(p.name) for p in (folder / "checkpoints" / "supernet-path").iterdir() if p.name.isdigit())


def record(folder: Path) -> list[dict]:
    """The lines of `metrics.jsonl`."""
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def killed_within(folder: Path, steps: int, rng: random.Random) -> None:
    """Start the run in a process of its own and kill it at a random moment after its first new checkpoint."""
    before = saved_steps(folder)[-1] if (folder / "checkpoints" / "supernet-path").exists() else 0
    command = [sys.executable, "-m", "tests.train.runner", str(folder), str(steps)]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2], stderr=subprocess.PIPE)
    try:
        end = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < end:
            if (folder / "checkpoints" / "supernet-path").exists() and max(saved_steps(folder), default=0) > before:
                break
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.2))
    finally:
        process.kill()
        error = process.communicate()[1]
    assert process.returncode == -signal.SIGKILL, f"the run ended before it was killed: {error.decode()[-2000:]}"


def test_killed_at_random_moments(tmp_path):
    """Killed twice by SIGKILL and resumed, the final state is that of the uninterrupted run to the bit, and fair."""
    steps, rng = 300, random.Random(0)
    for _ in range(2):
        killed_within(tmp_path / "killed", steps, rng)
    resumed_from = saved_steps(tmp_path / "killed")[-1]
    assert 0 < resumed_from < steps
    state = train(tmp_path / "killed", steps, checkpoint_every=0)
    parts.assert_same(state, train(tmp_path / "whole", steps, checkpoint_every=0, log_every=100))
    assert [row["step"] for row in record(tmp_path / "killed")] == list(range(1, steps + 1))
    assert parts.gap(parts.SPACE, state.counts) == 0
    assert int(state.counts[parts.SPACE.index("skip")].sum()) == steps * 8 * SAMPLER.slots


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_the_run_goes_on(tmp_path, whole, signum):
    """A signal in the middle: saved off the interval, Interrupted says so, and the resumed run is the same."""

    def event(position, batch):
        if position == 7:
            os.kill(os.getpid(), signum)

    handler = signal.getsignal(signum)
    with pytest.raises(Interrupted, match="supernet/path: stopped after step") as caught:
        train(tmp_path, STEPS, data=parts.Numbers(TASK, event=event), checkpoint_every=0)
    assert caught.value.signum == signum and signal.getsignal(signum) == handler
    (step,) = saved_steps(tmp_path)
    assert 0 < step < STEPS and f"step {step} of {STEPS}" in str(caught.value)
    parts.assert_same(train(tmp_path, STEPS), whole)


def test_a_finished_run_is_not_trained_again(tmp_path, whole):
    """Called again after the end, fit returns the saved state and takes no batch."""
    train(tmp_path, STEPS)

    def event(position, batch):
        raise AssertionError("a batch was taken")

    parts.assert_same(train(tmp_path, STEPS, data=parts.Numbers(TASK, event=event)), whole)


def test_the_record_of_a_run(tmp_path):
    """Lines at the asked steps and the last one, with speed; batches that were prepared and not used do not count."""
    train(tmp_path, 7, log_every=3, checkpoint_every=0)
    rows = record(tmp_path)
    assert [row["step"] for row in rows] == [3, 6, 7]
    assert all(row["steps_per_s"] > 0 and np.isfinite(row["loss"]) for row in rows)
    # Cosine from 0.05 to a hundredth of it: the first of seven steps is made with the peak, step s with that of s - 1.
    expected = [0.05 * (0.01 + 0.99 * (1 + math.cos(math.pi * (row["step"] - 1) / 7)) / 2) for row in rows]
    assert [row["lr"] for row in rows] == pytest.approx(expected, rel=1e-5)
    assert saved_steps(tmp_path) == [7]


@pytest.mark.parametrize("stop_after", [4, 10])
def test_a_resumed_run_has_each_step_once(tmp_path, whole, stop_after):
    """Stopped by an error before or after the first checkpoint: what was logged since is logged anew, not twice."""

    def event(position, batch):
        if position > stop_after:
            raise OSError("no more data")

    changes = {"checkpoint_every": 5, "log_every": 1}
    with pytest.raises(OSError, match="no more data"):
        train(tmp_path, STEPS, data=parts.Numbers(TASK, event=event), **changes)
    assert record(tmp_path)[-1]["step"] > max(saved_steps(tmp_path), default=0)
    parts.assert_same(train(tmp_path, STEPS, **changes), whole)
    assert [row["step"] for row in record(tmp_path)] == list(range(1, STEPS + 1))


@pytest.fixture(scope="module")
def run_of_two(tmp_path_factory):
    """How two players are trained in a folder, by one compiled step; and the state where nothing happened to them."""
    task, steps = parts.table_task(parts.SPACE, SAMPLER, ("first", "second")), {}
    config = parts.config(STEPS, checkpoint_every=3, log_every=4)

    def run(folder, event=None):
        with RunLog(folder, "supernet/path", STEPS) as log:
            data = parts.Numbers(task, event=event)
            return fit_training(Training(task, parts.SPACE, SAMPLER, data, config, log, steps=steps))

    return run, parts.host(run(tmp_path_factory.mktemp("good")))


@pytest.mark.parametrize("player", ["first", "second"])
def test_divergence_names_where_and_keeps_what_was_good(tmp_path, run_of_two, player):
    """NaN in the data of one player at step 8: the error names phase, step and player; with good data the state before
    it leads to the result of the undisturbed run."""
    run, good = run_of_two

    def spoil(position, batch):
        if position == 8:
            batch[player][0] = np.nan

    with pytest.raises(Diverged, match=rf"supernet/path: .*{player!r} is not finite after step 7"):
        run(tmp_path, spoil)
    assert saved_steps(tmp_path) == [6, 7]
    state = run(tmp_path)
    assert int(state.failed) == 0 and int(state.step) == STEPS
    parts.assert_same(state, good)


@pytest.mark.parametrize("bad", [1, 3, 10])
def test_divergence_before_the_first_checkpoint(tmp_path, whole, bad):
    """What was good of the training is kept, wherever it was looked at; of none that was, nothing, and it is said."""

    def spoil(position, batch):
        if position == bad:
            batch["table"][0] = np.nan

    good, rare = bad - 1, {"checkpoint_every": 0, "log_every": 5}
    said = f"the state after step {good} is kept" if good else "no step was applied, and nothing is kept"
    with pytest.raises(Diverged, match=f"not finite after step {good}; .*{said}"):
        train(tmp_path, STEPS, data=parts.Numbers(TASK, event=spoil), **rare)
    assert saved_steps(tmp_path) == ([good] if good else [])
    parts.assert_same(train(tmp_path, STEPS, **rare), whole)


def test_another_config_is_refused_by_what_differs(tmp_path):
    """Resuming with another learning rate names it with both values; looking more often is allowed."""
    train(tmp_path, 3)
    with pytest.raises(ValueError, match=r"another config: lr was 0\.05, now 0\.01"):
        train(tmp_path, 3, lr=0.01)
    train(tmp_path, 3, log_every=2, keep=5)


def test_a_batch_of_another_shape_is_refused_by_name(tmp_path):
    """Data for one device given to a loop over eight: the entry is named with both shapes."""
    with pytest.raises(ValueError, match=r"batch: 'table' must be 32 float32 \(.*\), got 4 float32"):
        train(tmp_path, 3, data=parts.Numbers(TASK, devices=1))


def test_a_stage_goes_on_from_the_params_of_the_one_before(tmp_path):
    """`params` are where training starts, and they stay the caller's."""
    mine = {"table": {"numbers": 5 + TASK.init(jax.random.key(1))["table"]["numbers"]}}
    with RunLog(tmp_path, "finetune", 1) as log:
        config = parts.config(1, lr=1e-6)
        state = fit(TASK, parts.SPACE, SAMPLER, data=parts.Numbers(TASK), config=config, log=log, params=mine)
    np.testing.assert_allclose(state.params["table"]["numbers"], mine["table"]["numbers"], atol=1e-4)


def test_samplers_are_part_of_what_is_resumed(tmp_path):
    """Other plans are another training: the sampler is in the fingerprint."""
    train(tmp_path, 3)
    other = strict_fair(parts.SPACE)._replace(name="other")
    with RunLog(tmp_path, "supernet/path", 3) as log, pytest.raises(ValueError, match="sampler was 'strict-fair'"):
        fit(TASK, parts.SPACE, other, data=parts.Numbers(TASK), config=parts.config(3), log=log)


def test_another_mask_is_another_training(tmp_path):
    """A space of the same shapes with other options allowed is refused, not resumed."""
    train(tmp_path, 3)
    other = parts.SPACE.restrict({"skip": ["long"]})
    with (
        RunLog(tmp_path, "supernet/path", 3) as log,
        pytest.raises(ValueError, match="choices skip allowed was short, long, now long"),
    ):
        fit(TASK, other, SAMPLER, data=parts.Numbers(TASK), config=parts.config(3), log=log)
