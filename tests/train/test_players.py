"""Several players: in which order they move, who is trained together, and what training remembers from step to step."""

import functools
import os
import signal

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from nasjax.sampling import strict_fair
from nasjax.task import Task
from nasjax.train.log import RunLog
from nasjax.train.loop import Interrupted, fit
from nasjax.train.parallel import data_mesh, put_batch
from nasjax.train.state import init_state
from nasjax.train.step import make_step
from tests.train import parts

SAMPLER = strict_fair(parts.SPACE)
POOL = 3  # numbers that a device remembers
START = {"judge": 1.0, "maker": 2.0, "back": 3.0, "heads": 4.0}


def game() -> Task:
    """Four players, one number each: two owners of a loss, and two that are trained together with the second.

    The judge's loss is (judge - maker)^2 + its batch's mean; it remembers its steps and, in turn, the means of its
    batches. The maker's is (maker - judge)^2 + (back - 2 maker)^2 + heads * judge.
    """

    def judge(params, plan, batch, key):
        step, mean = batch["step"][0], batch["numbers"].mean()
        kept = {"step": batch["step"] + 1, "pool": batch["pool"].at[step % POOL].set(mean)}
        loss = jnp.square(params["judge"]["x"] - params["maker"]["x"]) + mean
        return loss, {"remembered": batch["pool"].sum(), **kept}

    def maker(params, plan, batch, key):
        own = {name: p["x"] for name, p in params.items()}
        pulled = jnp.square(own["maker"] - own["judge"]) + jnp.square(own["back"] - 2 * own["maker"])
        return pulled + own["heads"] * own["judge"], {"seen": batch["step"][0].astype(jnp.float32)}

    return Task(
        "game",
        init=lambda key: {name: {"x": jnp.asarray(x)} for name, x in START.items()},
        losses={"judge": judge, "maker": maker},
        predict=lambda params, plan, batch: jnp.zeros((SAMPLER.slots, 1, 1, 1, 1)),
        target=lambda batch: jnp.zeros((SAMPLER.slots, 1, 1, 1, 1)),
        metrics={},
        batch_spec={"numbers": jax.ShapeDtypeStruct((2,), np.float32)},
        together={"maker": ("back", "heads")},
        memory={
            "step": jax.ShapeDtypeStruct((1,), np.int32),
            "pool": jax.ShapeDtypeStruct((POOL,), np.float32),
        },
        after={"back": lambda p: {"x": jnp.minimum(p["x"], 5.0)}},
    )


@functools.cache
def stepper():
    """The jitted step on eight devices, plain gradient descent of rate 0.1, and its mesh."""
    task, mesh = game(), data_mesh()
    optimisers = {player: optax.sgd(0.1) for player in task.players}
    step = make_step(task, parts.SPACE, SAMPLER, optimisers=optimisers, mesh=mesh)
    return step, lambda: init_state(task, parts.SPACE, optimisers, mesh=mesh, seed=0), mesh


def numbers(row: float) -> np.ndarray:
    """Of eight devices, two numbers each; device d has the mean row + d."""
    return (row + np.repeat(np.arange(8.0), 2) + np.tile([-0.5, 0.5], 8)).astype(np.float32)


def by_hand(p: dict[str, float]) -> dict[str, float]:
    """One step: the judge first; the maker, back and heads together, by gradients at one point, which has it moved."""
    judge = p["judge"] - 0.1 * 2 * (p["judge"] - p["maker"])
    pull, stretch = p["maker"] - judge, p["back"] - 2 * p["maker"]
    return {
        "judge": judge,
        "maker": p["maker"] - 0.1 * (2 * pull - 4 * stretch),
        "back": min(p["back"] - 0.1 * 2 * stretch, 5.0),
        "heads": p["heads"] - 0.1 * judge,
    }


def test_four_players_by_hand():
    """Order, one gradient for those together, and what is applied behind an update: three steps, number by number."""
    step, start, mesh = stepper()
    state, wanted = start(), dict(START)
    assert game().players == ("judge", "maker", "back", "heads")
    for row in range(3):
        state, logs = step(state, put_batch({"numbers": numbers(row)}, mesh))
        before, wanted = wanted, by_hand(wanted)
        found = {name: float(p["x"]) for name, p in state.params.items()}
        assert found == pytest.approx(wanted, rel=1e-5)
        assert float(logs["heads/grad_norm"]) == pytest.approx(wanted["judge"], rel=1e-5)
        assert float(logs["back/grad_norm"]) == pytest.approx(2 * abs(before["back"] - 2 * before["maker"]), abs=1e-4)
        assert float(logs["loss"]) == pytest.approx(float(logs["judge/loss"]) + float(logs["maker/loss"]), rel=1e-5)
    assert set(logs) == {
        "loss", "judge/loss", "judge/grad_norm", "judge/remembered", "maker/loss", "maker/grad_norm", "maker/seen",
        "back/grad_norm", "heads/grad_norm",
    }  # fmt: skip


def test_the_projection_is_applied():
    """Behind its update a player is what `after` makes of it: 5 at most, where the gradient leads further."""
    step, start, mesh = stepper()
    params = {name: {"x": jnp.asarray(x)} for name, x in {**START, "maker": 9.0, "back": 4.9}.items()}
    state, _ = step(start()._replace(params=jax.device_put(params)), put_batch({"numbers": numbers(0)}, mesh))
    assert float(state.params["back"]["x"]) == 5.0


def test_every_device_remembers_its_own():
    """Zeros at first, then each device's means in turn; later players of a step see what earlier ones wrote."""
    step, start, mesh = stepper()
    state, sums = start(), []
    for row in (10.0, 20.0, 30.0, 40.0):
        state, logs = step(state, put_batch({"numbers": numbers(row)}, mesh))
        sums.append(float(logs["judge/remembered"]))
        assert float(logs["maker/seen"]) == int(state.step)
    assert sums == pytest.approx([0, 13.5, 37, 70.5])  # device means are 3.5 above the first device's
    assert state.memory is not None and state.memory["step"].tolist() == [4] * 8
    wanted = [[40 + d, 20 + d, 30 + d] for d in range(8)]
    np.testing.assert_allclose(np.asarray(state.memory["pool"]).reshape(8, POOL), wanted)


def test_a_bad_step_is_forgotten():
    """What is not finite leaves the memory as it was, and the first bad player of all four is named."""
    step, start, mesh = stepper()
    state, _ = step(start(), put_batch({"numbers": numbers(10)}, mesh))
    before = parts.host(state.memory)
    state, _ = step(state, put_batch({"numbers": numbers(np.nan)}, mesh))
    assert int(state.failed) == 1 and parts.host(state.params)["maker"]["x"] == pytest.approx(by_hand(START)["maker"])
    parts.assert_same(state.memory, before)
    params = {**state.params, "heads": {"x": jnp.asarray(np.inf, jnp.float32)}}
    state, _ = step(start()._replace(params=jax.device_put(params)), put_batch({"numbers": numbers(10)}, mesh))
    assert int(state.failed) == 1 + game().players.index("maker")  # whose loss it is


class Numbers:
    """Endless batches of the game, which may send this process a signal at a position."""

    def __init__(self, *, stop_at: int = 0):
        self.position, self.stop_at = 0, stop_at

    def __next__(self):
        self.position += 1
        if self.position == self.stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        return {"numbers": numbers(self.position)}

    def get_state(self):
        return {"position": self.position}

    def set_state(self, state):
        self.position = state["position"]


def train(folder, **stop):
    config = parts.config(8, log_every=1)
    with RunLog(folder, "game", 8) as log:
        return fit(game(), parts.SPACE, SAMPLER, data=Numbers(**stop), config=config, log=log)


def test_memory_is_resumed(tmp_path):
    """Stopped by a signal and continued, players and memory are those of the uninterrupted run, to the bit."""
    with pytest.raises(Interrupted):
        train(tmp_path / "stopped", stop_at=6)
    parts.assert_same(train(tmp_path / "stopped"), train(tmp_path / "whole"))
