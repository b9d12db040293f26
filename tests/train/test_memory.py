"""What a step needs is said before it is made: what its arrays take, and what the compiler or the gradient says."""

import jax
import numpy as np
import pytest

from nasjax.train.memory import num_bytes, readable_bytes, step_memory
from nasjax.train.parallel import data_mesh, put_batch
from nasjax.train.schedules import optimiser
from nasjax.train.state import init_state
from nasjax.train.step import make_step
from tests.train import parts
from tests.train.runner import SAMPLER, TASK, train


@pytest.fixture(scope="module")
def prepared():
    """The table task's step on two devices, its first state, and a batch."""
    mesh, optimisers = data_mesh(jax.devices()[:2]), {"table": optimiser(parts.config())}
    state = init_state(TASK, parts.SPACE, optimisers, mesh=mesh, seed=0)
    step = make_step(TASK, parts.SPACE, SAMPLER, optimisers=optimisers, mesh=mesh)
    return step, state, put_batch(next(parts.Numbers(TASK, devices=2)), mesh)


def test_what_is_kept_is_counted(prepared):
    """Params as float32, Adam's two moments and its counters, one average, and one device's share of the batch."""
    _, state, batch = prepared
    found, params = step_memory(TASK, SAMPLER, state, batch=batch), 4 * parts.SPACE.num_choices * 4
    assert (found.params, found.average) == (params, params)
    assert 2 * params < found.optimiser <= 2 * params + 16
    assert found.batch == 4 * TASK.batch_spec["table"].shape[0]
    assert found.total == sum(found[:5])


def test_the_compiler_tells_what_the_step_needs(prepared):
    """With the compiled step its word counts; without, at least the batch and the output wait for the gradient."""
    step, state, batch = prepared
    compiled = step.lower(state, batch).compile()
    told, guessed = (step_memory(TASK, SAMPLER, state, batch=batch, compiled=c) for c in (compiled, None))
    assert told.exact and not guessed.exact and str(guessed).startswith("about ")
    assert told.activations == compiled.memory_analysis().temp_size_in_bytes
    assert guessed.activations >= 4 * TASK.batch_spec["table"].shape[0]


def test_it_is_said_before_training(tmp_path, capfd):
    """One line, before the first of the progress."""
    train(tmp_path, 2)
    lines = [line for line in capfd.readouterr().err.splitlines() if "supernet/path" in line]
    assert "supernet/path: a step needs" in lines[0] and " a device: params 96 B, optimiser" in lines[0]
    assert sum("needs" in line for line in lines) == 1


def test_too_little_memory_is_said_before_training(tmp_path, capfd, monkeypatch):
    """In the same line, with what to do; where nobody tells how much is free, nothing is said of it."""
    beyond = "which is more than the 10 B that are free beside what is kept: lower the batch"
    for free, said in ((10, beyond), (None, "")):
        monkeypatch.setattr("nasjax.train.loop.free_bytes", lambda device, free=free: free)
        train(tmp_path / str(free), 2)
        line = next(line for line in capfd.readouterr().err.splitlines() if "a step needs" in line)
        assert line.endswith(said) and ("free" in line) == bool(said)


def test_bytes_in_words():
    """The unit that suits, one digit behind the point."""
    assert [readable_bytes(n) for n in (0, 96, 1536, 3 * 2**30)] == ["0 B", "96 B", "1.5 KiB", "3.0 GiB"]
    assert num_bytes({"a": np.zeros((2, 3), np.float32), "b": jax.ShapeDtypeStruct((4,), np.int8)}) == 28
