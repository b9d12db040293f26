"""Snapshots of warm restarts: taken where cycles end, and taken again where a training goes on before them."""

import numpy as np
import pytest

from nasjax.train.log import RunLog
from nasjax.train.loop import Interrupted, fit
from tests.train import parts
from tests.train.runner import SAMPLER, TASK

CONFIG = parts.config(12, schedule="restarts", cycle=2, cycle_growth=2.0, checkpoint_every=5)


def _train(folder, data=None):
    kept = {}
    log = RunLog(folder, "phase", CONFIG.steps, say=None)
    log.on_snapshot = lambda number, params: kept.update({number: parts.host(params)})
    with log:
        state = fit(TASK, parts.SPACE, SAMPLER, data=data or parts.Numbers(TASK), config=CONFIG, log=log)
    return kept, parts.host(state.params)


def test_each_cycle_leaves_a_snapshot(tmp_path):
    """Cycles of 2, 4 and 8 steps in 12: two have ended, after steps 2 and 6, with different params."""
    kept, last = _train(tmp_path)
    assert sorted(kept) == [1, 2]
    assert not np.array_equal(kept[1]["table"]["numbers"], kept[2]["table"]["numbers"])
    assert not np.array_equal(kept[2]["table"]["numbers"], last["table"]["numbers"])


def test_a_training_that_goes_on_takes_the_same_snapshots(tmp_path):
    """Broken off in step 8 and gone on with from step 5, it takes the second snapshot again, to the bit."""

    def stop(position, batch):
        if position == 11:
            raise Interrupted("stopped", 15)

    whole, _ = _train(tmp_path / "whole")
    with pytest.raises(Interrupted):
        _train(tmp_path / "parts", parts.Numbers(TASK, event=stop))
    again, _ = _train(tmp_path / "parts")
    assert sorted(again) == [2]
    np.testing.assert_array_equal(again[2]["table"]["numbers"], whole[2]["table"]["numbers"])
