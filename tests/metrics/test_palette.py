"""Colours as distributions: published values of CIELAB, and distances that are known by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.metrics.palette import clipped_share, contrast, mean_chroma, sliced_wasserstein, to_lab


def _flat(red, green, blue, size=(4, 5)):
    return jnp.full((*size, 3), jnp.array([red, green, blue], jnp.float32) / 127.5 - 1)


@pytest.mark.parametrize(
    "colour, lab",
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0, 0)),
    ],
)
def test_lab_has_its_published_values(colour, lab):
    """The primaries, black, white and a middle grey of sRGB."""
    np.testing.assert_allclose(to_lab(_flat(*colour))[0, 0], lab, atol=0.03)


def test_the_distance_of_two_flat_pictures():
    """A point is moved as a whole: along a random direction by half of the way, on average over the sphere."""
    a, b = _flat(119, 119, 119), _flat(255, 255, 255, size=(7, 3))
    assert sliced_wasserstein(a, b) == pytest.approx((100 - 50.03) / 2, rel=0.01)
    red = _flat(255, 0, 0)
    way = float(np.linalg.norm(to_lab(red)[0, 0] - to_lab(b)[0, 0]))
    assert sliced_wasserstein(red, b, directions=512) == pytest.approx(way / 2, rel=0.01)


def test_a_palette_does_not_know_where_its_colours_are():
    """Shuffled pixels are the same palette, and half the pixels moved are half the distance."""
    rng = np.random.default_rng(0)
    image = rng.uniform(-1, 1, (16, 16, 3)).astype(np.float32)
    assert sliced_wasserstein(image, rng.permutation(image.reshape(-1, 3)).reshape(16, 16, 3)) == 0
    half = jnp.concatenate([_flat(119, 119, 119), _flat(255, 255, 255)])
    whole = sliced_wasserstein(_flat(119, 119, 119), _flat(255, 255, 255))
    assert sliced_wasserstein(_flat(119, 119, 119), half) == pytest.approx(whole / 2, rel=0.01)


def test_what_is_cut_off():
    """A pixel counts once, at either end and within half a level of it."""
    image = jnp.zeros((2, 4, 3)).at[0, 0].set(1.0).at[0, 1, 1].set(-1.0).at[0, 2, 0].set(1 - 0.4 / 127.5)
    assert float(clipped_share(image.at[1, 1, 0].set(1 - 0.6 / 127.5))) == 3 / 8


def test_strength_of_colours_and_of_light():
    """Greys have no chroma; two lightnesses deviate by half their difference."""
    assert float(mean_chroma(_flat(119, 119, 119))) == pytest.approx(0, abs=0.02)
    assert float(mean_chroma(_flat(255, 0, 0))) == pytest.approx(104.55, abs=0.05)
    both = jnp.concatenate([_flat(0, 0, 0), _flat(255, 255, 255)])
    assert float(contrast(both)) == pytest.approx(50, abs=0.01)
