"""Powers by logarithms against those of numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.ops.power import power


@pytest.mark.parametrize("exponent", [1 / 3, 1 / 2.2, 2.2, 2.4])
def test_powers_are_those_of_numpy(exponent):
    """To a few units of the last place, 0 is 0 and 1 is 1, and gradients are those of powers."""
    x = np.concatenate([[0.0, 1.0], np.geomspace(1e-4, 4, 500)]).astype(np.float32)
    y = np.asarray(power(jnp.asarray(x), exponent))
    assert (y[0], y[1]) == (0, 1)
    np.testing.assert_allclose(y, x.astype(np.float64) ** exponent, rtol=3e-6)
    slopes = jax.grad(lambda x: power(x, exponent).sum())(jnp.asarray(x[1:]))
    np.testing.assert_allclose(slopes, exponent * x[1:].astype(np.float64) ** (exponent - 1), rtol=3e-6)
