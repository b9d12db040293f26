"""Programs on disk: what was traced once is not traced again, and nothing that differs is taken for it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.windows.store import Store, kept_programs
from nasjax.windows.windowed import Place, fitted

PIXELS = np.random.default_rng(0).uniform(-1, 1, (1, 32, 40, 3)).astype(np.float32)
PLACE = Place(np.zeros(2, np.int32), np.array([32, 40], np.int32), np.array([[0, 32], [0, 40]], np.int32), (True, True))


def _run(folder, identity, traced, factor=2.0):
    """A new function each time, as each process has one; what is traced is noted."""

    def fn(params, x):
        traced.append(x.shape)
        return factor * jnp.abs(x - x.mean((1, 2), keepdims=True)) * params

    windowed, plan = fitted(fn, np.float32(3), multiple=1, side=64, store=Store(folder, identity))
    assert plan.points == (("reduce_sum", 0),)
    return np.asarray(windowed.output(np.float32(3), [PIXELS], place=PLACE, known={})[0])


def test_the_second_process_traces_nothing(tmp_path):
    """Neither to plan nor to run; the result is the same, to the last bit."""
    traced: list = []
    first = _run(tmp_path, "a", traced)
    assert traced
    traced.clear()
    np.testing.assert_array_equal(_run(tmp_path, "a", traced), first)
    assert traced == []


def test_another_function_is_another_program(tmp_path):
    """By its identity, which the caller gives."""
    traced: list = []
    first = _run(tmp_path, "a", traced)
    traced.clear()
    np.testing.assert_allclose(_run(tmp_path, "b", traced, factor=4.0), 2 * first, rtol=1e-6)
    assert traced


@pytest.mark.parametrize("content", [b"", b"no program", None])
def test_what_is_broken_is_made_again(tmp_path, content):
    """Programs that cannot be read, or a folder that cannot be written to, cost time only."""
    traced: list = []
    first = _run(tmp_path, "a", traced)
    for path in tmp_path.glob("*.program"):
        if content is None:
            path.unlink()
            path.mkdir()
        elif path.read_bytes()[:1] != b"[":  # plans are text
            path.write_bytes(content)
    traced.clear()
    np.testing.assert_array_equal(_run(tmp_path, "a", traced), first)
    assert traced


def test_programs_lie_beside_what_jax_keeps(tmp_path):
    """And nowhere where JAX keeps nothing."""
    before = jax.config.jax_compilation_cache_dir
    try:
        jax.config.update("jax_compilation_cache_dir", str(tmp_path))
        assert kept_programs() == tmp_path
        jax.config.update("jax_compilation_cache_dir", None)
        assert kept_programs() is None
    finally:
        jax.config.update("jax_compilation_cache_dir", before)
