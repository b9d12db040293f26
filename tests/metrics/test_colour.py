"""Colour differences against the published table of test pairs, and where sRGB's corners lie in Lab."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.metrics import colour_difference, colour_metric
from nasjax.metrics.colour import ciede2000, rgb_to_lab

# Sharma, Wu and Dalal 2005, table 1: two Lab colours and their difference.
PAIRS = """
50 2.6772 -79.7751 50 0 -82.7485 2.0425
50 3.1571 -77.2803 50 0 -82.7485 2.8615
50 2.8361 -74.0200 50 0 -82.7485 3.4412
50 -1.3802 -84.2814 50 0 -82.7485 1.0000
50 -1.1848 -84.8006 50 0 -82.7485 1.0000
50 -0.9009 -85.5211 50 0 -82.7485 1.0000
50 0 0 50 -1 2 2.3669
50 -1 2 50 0 0 2.3669
50 2.49 -0.001 50 -2.49 0.0009 7.1792
50 2.49 -0.001 50 -2.49 0.0011 7.2195
50 2.49 -0.001 50 -2.49 0.0012 7.2195
50 -0.001 2.49 50 0.0009 -2.49 4.8045
50 -0.001 2.49 50 0.0011 -2.49 4.7461
50 2.5 0 50 0 -2.5 4.3065
50 2.5 0 73 25 -18 27.1492
50 2.5 0 61 -5 29 22.8977
50 2.5 0 56 -27 -3 31.9030
50 2.5 0 58 24 15 19.4535
50 2.5 0 50 3.1736 0.5854 1.0000
50 2.5 0 50 3.2972 0 1.0000
50 2.5 0 50 1.8634 0.5757 1.0000
50 2.5 0 50 3.2592 0.3350 1.0000
60.2574 -34.0099 36.2677 60.4626 -34.1751 39.4387 1.2644
63.0109 -31.0961 -5.8663 62.8187 -29.7946 -4.0864 1.2630
61.2901 3.7196 -5.3901 61.4292 2.2480 -4.9620 1.8731
35.0831 -44.1164 3.7933 35.0232 -40.0716 1.5901 1.8645
22.7233 20.0904 -46.6940 23.0331 14.9730 -42.5619 2.0373
36.4612 47.8580 18.3852 36.2715 50.5065 21.2231 1.4146
90.8027 -2.0831 1.4410 91.1528 -1.6435 0.0447 1.4441
90.9257 -0.5406 -0.9208 88.6381 -0.8985 -0.7239 1.5381
6.7747 -0.2908 -2.4247 5.8714 -0.0985 -2.2286 0.6377
2.0776 0.0795 -1.1350 0.9033 -0.0636 -0.5514 0.9082
"""


def test_published_pairs():
    """To the four published digits, both ways round; two pairs on the formula's jump at 180 are left out."""
    rows = np.array([line.split() for line in PAIRS.split("\n") if line], np.float32)
    one, two, wanted = jnp.asarray(rows[:, :3]), jnp.asarray(rows[:, 3:6]), rows[:, 6]
    difference = jax.jit(ciede2000)
    np.testing.assert_allclose(difference(one, two), wanted, atol=2e-4)
    np.testing.assert_allclose(difference(two, one), wanted, atol=2e-4)
    np.testing.assert_allclose(difference(one, one), 0, atol=1e-5)


def test_corners_of_srgb():
    """White, black and the primaries, as tables of colour spaces have them."""
    rgb = np.array([[1, 1, 1], [0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    wanted = [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20], [87.73, -86.18, 83.18], [32.30, 79.19, -107.86]]
    found = jax.jit(rgb_to_lab)(jnp.asarray(2 * rgb - 1).reshape(1, 5, 3))[0]
    np.testing.assert_allclose(found, wanted, atol=0.03)


def test_differences_of_pictures():
    """A grey that is 10 units of L darker differs by about as much as the formula says; the metric averages."""
    grey = jnp.zeros((2, 3, 4, 3))
    found = jax.jit(colour_difference)(grey, grey.at[0].set(-0.2))
    assert 8 < float(found[0]) < 12 and float(found[1]) < 1e-5
    metric = colour_metric()
    state = jax.jit(metric.update)(metric.init(), grey, grey.at[0].set(-0.2))
    assert float(metric.compute(state)["ciede2000"]) == pytest.approx(float(found.mean()), rel=1e-5)


def test_gradients_are_finite():
    """On greys, equal pictures, black and white, where roots and angles have corners."""
    levels = jnp.array([-1.0, 0.0, 0.3, 1.0]).reshape(1, 4, 1) * jnp.ones((1, 4, 3))
    grad = jax.jit(jax.grad(lambda x, y: colour_difference(x, y).sum()))
    assert np.isfinite(grad(levels, levels)).all()
    assert np.isfinite(grad(levels, levels[:, ::-1])).all()
