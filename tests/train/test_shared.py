"""Trainings that are alike but for seed and start share a compiled step; others never do."""

from dataclasses import replace

import pytest

from nasjax.train.log import RunLog
from nasjax.train.loop import Training, fit_training
from tests.train import parts
from tests.train.runner import SAMPLER, TASK

CONFIG = parts.config(4)


@pytest.fixture
def traced():
    """The task, and a list that grows whenever its loss is traced in a step."""
    calls = []

    def loss(*args):
        calls.append(args)
        return TASK.losses["table"](*args)

    return TASK._replace(losses={"table": loss}), calls


def train(folder, task, config, steps):
    """The final state."""
    with RunLog(folder, "alone", config.steps) as log:
        return fit_training(Training(task, parts.SPACE, SAMPLER, parts.Numbers(task), config, log, None, steps))


def test_another_seed_needs_no_other_step(tmp_path, traced):
    """The second training traces its loss for the record of what it depends on alone, and gives what it would alone."""
    task, calls = traced
    steps = {}
    first = train(tmp_path / "0", task, CONFIG, steps)
    once = len(calls)
    second = train(tmp_path / "1", task, replace(CONFIG, seed=1), steps)
    again = len(calls) - once
    assert len(steps) == 1 and again < once
    parts.assert_same(first, train(tmp_path / "2", TASK, CONFIG, None))
    parts.assert_same(second, train(tmp_path / "3", TASK, replace(CONFIG, seed=1), None))
    with pytest.raises(AssertionError):
        parts.assert_same(first, second)


@pytest.mark.parametrize("changes", [{"lr": 0.01}, {"steps": 5}, {"ema": 0.5}])
def test_other_settings_need_another_step(tmp_path, changes):
    """A rate, a schedule or an average of its own is in the program."""
    steps, other = {}, replace(CONFIG, **changes)
    train(tmp_path / "0", TASK, CONFIG, steps)
    shared = train(tmp_path / "1", TASK, other, steps)
    assert len(steps) == 2
    parts.assert_same(shared, train(tmp_path / "2", TASK, other, None))
