"""What becomes of a stylising network's output: errors taken off, colours matched, values bent."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.export.finish import STRENGTH, colour_match, corrected, matched, soft_limit
from nasjax.linalg import apply_transfer, covariance, moments

_GREY = np.array([1, 1, 1]) / np.sqrt(3)


def _pixels(seed, spread=0.15):
    """Correlated colours around a colour of their own, `[5000, 3]`."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(5000, 3)) @ rng.normal(size=(3, 3))
    return np.float32(rng.uniform(-0.3, 0.3, 3) + spread * mixed / mixed.std())


@pytest.fixture(scope="module")
def both():
    """Statistics of two sets of colours."""
    return moments(jnp.asarray(_pixels(0))), moments(jnp.asarray(_pixels(1)))


def _split(matrix):
    """The variance along grey, and the covariance in the plane of colours."""
    plane = np.eye(3) - np.outer(_GREY, _GREY)
    return _GREY @ matrix @ _GREY, plane @ matrix @ plane


def test_the_whole_map_gives_the_styles_statistics(both):
    """Means; the deviation along grey; the covariance of colours, by a map without a turn."""
    found = colour_match(*both).transfer
    y = apply_transfer(found, jnp.asarray(_pixels(0)))
    got, wanted = moments(y), both[1]
    np.testing.assert_allclose(got.mean, wanted.mean, atol=1e-5)
    for a, b in zip(_split(np.asarray(covariance(got))), _split(np.asarray(covariance(wanted))), strict=True):
        np.testing.assert_allclose(a, b, rtol=5e-3, atol=5e-5)  # a floor of coding noise is in both
    # What moves colours the least is symmetric and positive: no colour is turned into another.
    np.testing.assert_allclose(found.matrix, found.matrix.T, atol=1e-6)
    assert np.linalg.eigvalsh(np.asarray(found.matrix)).min() > 0


def test_colours_go_half_of_the_way(both):
    """Each pixel, to where the whole map would take it; and half of that with half of a transfer."""
    x = jnp.asarray(_pixels(0))
    whole = apply_transfer(colour_match(*both).transfer, x)
    for alpha in (1.0, 0.5, 0.0):
        y = matched(colour_match(*both, alpha), x)
        np.testing.assert_allclose(y - x, alpha * STRENGTH * (whole - x), atol=1e-6)


def test_a_grey_style_leaves_no_tint(both):
    """All of the way: what distance from grey is left is coding noise."""
    grey = moments(jnp.asarray(np.repeat(_pixels(2)[:, :1], 3, 1)))
    found = colour_match(both[0], grey)
    y = np.asarray(matched(found, jnp.asarray(_pixels(0))))
    assert float(found.strength) == 1
    tint = [np.abs(a - a.mean(-1, keepdims=True)).max() for a in (y, _pixels(0))]
    assert tint[0] < 0.05 * tint[1]


def test_equal_statistics_change_nothing(both):
    """The map is the identity."""
    x = _pixels(0)
    np.testing.assert_allclose(matched(colour_match(both[0], both[0]), jnp.asarray(x)), x, atol=1e-5)


def test_the_networks_own_error_is_taken_off():
    """Where nothing is moved, all of it, to the bit; where much is, none: the network's output stands."""
    rng = np.random.default_rng(0)
    content, error = (jnp.float32(rng.uniform(-a, a, (50, 3))) for a in (0.9, 0.05))
    own = content + error
    assert (np.asarray(corrected(content, own, own)) == content).all()
    moved = own + jnp.float32([[0.8, -0.8, 0.8]])
    np.testing.assert_allclose(corrected(content, moved, own), moved, atol=2e-3)


def test_values_are_bent_and_not_cut_off():
    """Up to 0.9, or to the content's own, they stay; beyond, they rise on towards 1 and never reach over it."""
    y = jnp.asarray(np.repeat(np.linspace(-1.3, 1.3, 201, dtype=np.float32)[:, None], 3, 1))
    found = np.asarray(jax.jit(soft_limit)(y, jnp.zeros_like(y)))
    inside = np.abs(np.asarray(y)) <= 0.9
    assert (found[inside] == np.asarray(y)[inside]).all() and np.abs(found).max() <= 1
    assert (np.diff(found[:, 0]) > 0).all()
    assert (np.asarray(soft_limit(y.clip(-1, 1), y.clip(-1, 1))) == np.asarray(y.clip(-1, 1))).all()
