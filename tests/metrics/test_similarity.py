"""Structure of pictures, whatever their light and contrast."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from nasjax.metrics.similarity import WINDOW, structure_map

RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.uniform(60, 190, (1, 24, 30, 1)).astype(np.float32))


@pytest.mark.parametrize(
    "change, least, most",
    [
        (lambda x: x, 1.0, 1.0),
        (lambda x: 0.5 * x, 0.97, 1.0),  # darker
        (lambda x: 128 + 0.6 * (x - 128), 0.98, 1.0),  # flatter
        (lambda x: 255 - x, -1.0, -0.9),
        (lambda x: jnp.full_like(x, 120.0), 0.0, 0.3),
        (lambda x: x[:, ::-1], -0.2, 0.2),
    ],
)
def test_structure_is_what_light_and_contrast_leave_alone(change, least, most):
    """A picture in another light has all of it; its negative the opposite, a flat one and another one next to none."""
    assert least - 1e-5 <= float(structure_map(change(X), X).mean()) <= most + 1e-5


def test_what_has_no_detail_loses_none():
    """A flat window is like another flat one, and not like one in which there is something."""
    flat = jnp.full_like(X, 90.0)
    assert float(structure_map(flat, flat + 40).mean()) == pytest.approx(1, abs=1e-4)
    assert float(structure_map(X, flat).mean()) < 0.3


def test_structure_is_the_correlation_of_windows_with_a_little_noise():
    """By scipy, in float64."""
    y = np.asarray(X) * 0.8 + RNG.uniform(0, 60, X.shape)
    a, b = (np.asarray(p, np.float64)[0, :, :, 0] for p in (X, y))

    def blur(p):
        for axis in (0, 1):
            p = gaussian_filter1d(p, 1.5, axis, truncate=(WINDOW // 2) / 1.5)
        return p[5:-5, 5:-5]

    noise = (0.03 * 255) ** 2 / 2
    cov, var_a, var_b = blur(a * b) - blur(a) * blur(b), blur(a * a) - blur(a) ** 2, blur(b * b) - blur(b) ** 2
    expected = (cov + noise) / np.sqrt((var_a + noise) * (var_b + noise))
    np.testing.assert_allclose(structure_map(jnp.asarray(y, jnp.float32), X)[0, :, :, 0], expected, atol=2e-4)
