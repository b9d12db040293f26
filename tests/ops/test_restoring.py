"""The branch that brings detail back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.ops.params import draw
from nasjax.ops.restoring import reach, restorers, step


@pytest.mark.parametrize("name", ["half4conv", "full4sep"])
def test_layers_that_are_shut_leave_the_branch_alive(name):
    """With every bias far below what layers receive, the stem still learns: its signal is cut once."""
    op = restorers((name,))[name]
    p = draw(jax.random.key(0), op.params(3, 3, 8))
    p = p | {"z": p["z"] | {"w": jnp.full_like(p["z"]["w"], 0.1)}}
    shut = p | {k: jax.tree.map(lambda v: v - 10 if v.ndim == 1 else v, v) for k, v in p.items() if k[0] == "l"}
    x = jax.random.uniform(jax.random.key(1), (1, 8, 8, 3), minval=-1)

    @jax.jit
    def reached(p):
        by_stem = jax.grad(lambda p: op.apply(p, x, 3, 8).sum())(p)["stem"]["w"]
        return jnp.abs(by_stem).mean()

    assert float(reached(shut)) > 0.01 * float(reached(p)) > 0


@pytest.mark.parametrize("name", ["full2conv", "half2conv", "quarter2conv"])
def test_what_a_branch_sees_is_what_it_says(name):
    """The pixels of a square change those of the squares up to `reach` away, and no others."""
    op, far, side = restorers((name,))[name], reach(name), step(name)
    p = jax.tree.map(lambda v: np.full(v.shape, 0.02, np.float32), draw(jax.random.key(0), op.params(3, 3, 4)))
    middle = far + side
    apply = jax.jit(lambda x: op.apply(p, x, 3, 4))
    plain = np.full((1, 2 * middle + side, 2 * middle + side, 3), 0.1, np.float32)
    other = plain.copy()
    other[0, middle, middle] += 0.5
    changed = np.abs(np.asarray(apply(other)) - np.asarray(apply(plain)))[0].max((-1, 0)) > 1e-9
    assert np.flatnonzero(changed).tolist() == list(range(middle - far, middle + far + side))


@pytest.mark.parametrize("name", ["half1sep", "quarter1conv"])
def test_squares_are_channels_and_back(name):
    """What moves by a whole square moves what comes out, and a branch that begins as the identity gives its input."""
    op, by = restorers((name,))[name], step(name)
    p = draw(jax.random.key(0), op.params(3, 3, 4))
    x = jax.random.uniform(jax.random.key(1), (1, 9 * by, 9 * by, 3), minval=-1)
    apply = jax.jit(lambda p, x: op.apply(p, x, 3, 4))
    assert jnp.array_equal(apply(p, x), x)
    p = p | {"z": p["z"] | {"w": jax.random.normal(jax.random.key(2), p["z"]["w"].shape)}}
    inner, before = slice(4 * by, 5 * by), slice(3 * by, 4 * by)  # far from every border
    moved = apply(p, jnp.roll(x, (by, by), (1, 2)))
    assert jnp.allclose(moved[:, inner, inner], apply(p, x)[:, before, before], atol=1e-5)
