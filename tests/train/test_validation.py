"""Validation beside training: it changes nothing, is in the record, and the best params survive what training does."""

import json
from pathlib import Path

import jax
import numpy as np
import optax
import pytest
from jax.sharding import Mesh

from nasjax.train.log import RunLog
from nasjax.train.loop import fit
from nasjax.train.parallel import data_mesh
from nasjax.train.state import TrainState, init_state
from nasjax.train.validation import Validation, validate, with_best
from tests.train import parts
from tests.train.runner import SAMPLER, TASK, train

STEPS, EVERY = 12, 3
NAN = float("nan")


class Scores:
    """Gives its validations, one a call, and keeps the params that each was given."""

    def __init__(self, *values: float):
        self.values, self.seen = list(values), []

    def __call__(self, params) -> dict[str, float]:
        self.seen.append(parts.host(params))
        return {"quality": self.values[len(self.seen) - 1], "other": 1.0}


def run(folder: Path, validation: Validation | None, *, stop_after: int = 0, **changes) -> TrainState:
    """Train the table task with a validation; the data fail after some batches."""

    def event(position, batch):
        if stop_after and position > stop_after:
            raise OSError("no more data")

    config = parts.config(STEPS, **({"validate_every": EVERY, "checkpoint_every": 4, "log_every": 4} | changes))
    with RunLog(folder, "finetune", STEPS, validation=validation) as log:
        data = parts.Numbers(TASK, event=event)
        return fit(TASK, parts.SPACE, SAMPLER, data=data, config=config, log=log)


def rows(folder: Path) -> dict[int, dict]:
    """The lines of the record by step, each there once."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert len({line["step"] for line in lines}) == len(lines)
    return {line["step"]: line for line in lines}


@pytest.fixture(scope="module")
def best_in_the_middle(tmp_path_factory):
    """An uninterrupted run with its best, 3.0, at steps 6 and 12: (folder, scores, final state)."""
    folder, scores = tmp_path_factory.mktemp("whole"), Scores(1.0, 3.0, 2.0, 3.0)
    state = run(folder, Validation(scores, best="quality"))
    return folder, scores, state


def test_training_is_the_same_with_and_without(tmp_path, best_in_the_middle):
    """Looking changes nothing of the rest of the state; without validation there is no best."""
    without = train(tmp_path, STEPS)
    parts.assert_same(best_in_the_middle[2]._replace(best=None), without)
    assert without.best is None


def test_the_best_average_is_kept(best_in_the_middle):
    """The params are the average as it was measured at the best step, each of the four measured being another."""
    _, scores, state = best_in_the_middle
    assert (int(state.best.step), float(state.best.value)) == (2 * EVERY, 3.0)
    assert len(scores.seen) == 4 and len({seen["table"]["numbers"].tobytes() for seen in scores.seen}) == 4
    parts.assert_same(state.best.params, scores.seen[1])
    assert len(state.best.params["table"]["numbers"].sharding.device_set) == jax.device_count()


def at_the_start() -> tuple[Mesh, TrainState]:
    """A state before the first step, on all devices, with a place for the best."""
    mesh = data_mesh()
    state = init_state(TASK, parts.SPACE, {"table": optax.sgd(0.1)}, mesh=mesh, seed=0)
    return mesh, with_best(state, mesh)


@pytest.mark.parametrize(
    ("values", "highest", "index"),
    [
        ((1, 3, 2, 3), True, 1),
        ((1, 3, 2, 3), False, 0),
        ((4, 3, 0.5, 1), False, 2),
        ((1, NAN, 2, 0), True, 2),
        ((NAN, -5, NAN, -6), True, 1),
        ((NAN, NAN, NAN, NAN), True, 3),
    ],
)
def test_what_is_best(values, highest, index):
    """The first of the best, in either direction; NaN loses against any number, and of NaN alone the last is kept."""
    mesh, state = at_the_start()
    validation = Validation(Scores(*values), best="quality", highest=highest)
    for step in range(1, 5):
        average = jax.tree.map(lambda x: x + 1, state.ema)
        state, measured = validate(validation, state._replace(step=state.step + 1, ema=average), mesh)
        np.testing.assert_equal(measured, {"val/quality": values[step - 1], "val/other": 1.0})
    assert int(state.best.step) == index + 1
    np.testing.assert_array_equal(state.best.value, np.float32(values[index]))
    parts.assert_same(state.best.params, validation.score.seen[index])


def test_the_record_has_one_line_a_step(tmp_path):
    """What is measured is in the line of its step, which is there for it, and in no other."""
    run(tmp_path, Validation(Scores(1, NAN, 2, 3)), validate_every=5)
    found = rows(tmp_path)
    assert {step: row["val/quality"] for step, row in found.items() if "val/quality" in row} == {5: 1, 10: None, 12: 2}
    assert list(found) == [4, 5, 8, 10, 12]
    assert all(row["val/other"] == 1.0 and row["loss"] > 0 for step, row in found.items() if step in (5, 10, 12))


def test_the_best_survives_a_stop(tmp_path, best_in_the_middle):
    """Stopped after the best step, by an error, and resumed from step 8: the same state and best to the bit."""
    values = {EVERY: 1.0, 2 * EVERY: 3.0, 3 * EVERY: 2.0, 4 * EVERY: 3.0}
    validation = Validation(Scores(*values.values()), best="quality")
    with pytest.raises(OSError, match="no more data"):
        run(tmp_path, validation, stop_after=9)
    saved = max(int(p.name) for p in (tmp_path / "checkpoints" / "finetune").iterdir() if p.name.isdigit())
    assert 2 * EVERY < saved < 3 * EVERY
    rest = Scores(*(value for step, value in values.items() if step > saved))
    parts.assert_same(run(tmp_path, validation._replace(score=rest)), best_in_the_middle[2])
    assert len(rest.seen) == len(rest.values)
    assert {s: row["val/quality"] for s, row in rows(tmp_path).items() if "val/quality" in row} == values


def test_a_finished_run_still_has_its_best(best_in_the_middle):
    """Called again, nothing is measured, and the best is what it was."""
    folder, _, state = best_in_the_middle
    parts.assert_same(run(folder, Validation(Scores(), best="quality")), state)


def test_what_was_not_measured_is_refused_by_name(tmp_path):
    """A name that the scores lack: the error lists those there are. No validation at all: it says where to give one."""
    mesh, state = at_the_start()
    with pytest.raises(ValueError, match="best='psnr' was not measured; measured: quality, other"):
        validate(Validation(Scores(1), best="psnr"), state, mesh)
    with pytest.raises(ValueError, match=r"train\.validate_every is 3, but the log of finetune has no validation"):
        run(tmp_path, None)


def test_another_rule_for_the_best_is_another_training(best_in_the_middle):
    """When and by what the best is chosen decides a result."""
    folder = best_in_the_middle[0]
    for rule, every in ((Validation(Scores(1), "quality", False), EVERY), (Validation(Scores(1), "quality"), 2)):
        with pytest.raises(ValueError, match="another training: best was 'highest quality every 3 steps', now "):
            run(folder, rule, validate_every=every)


def test_measuring_alone_may_change(tmp_path):
    """Without a best, validation is but looking: a run resumes without it."""
    with pytest.raises(OSError, match="no more data"):
        run(tmp_path, Validation(Scores(1, 2)), stop_after=9)
    state = run(tmp_path, None, validate_every=0)
    assert int(state.step) == STEPS and state.best is None
