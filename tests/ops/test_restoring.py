"""The branch that brings detail back."""

import jax
import jax.numpy as jnp
import pytest

from nasjax.ops.params import draw
from nasjax.ops.restoring import restorers


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
