"""Classical colour transfer: the style's statistics come out, and nothing degenerate breaks it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.nets.colour import _to_lab, monge_kantorovich, reinhard

RNG = np.random.default_rng(0)
TRANSFERS = {"monge-kantorovich": jax.jit(monge_kantorovich), "reinhard": jax.jit(reinhard)}


def _image(mean, mix, height=24, width=31):
    """Correlated colours well inside the cube, so that clipping changes nothing."""
    colours = RNG.uniform(-1, 1, (height, width, 3)) @ np.asarray(mix) + np.asarray(mean)
    return jnp.asarray(colours, jnp.float32)


CONTENT = _image([-0.2, 0.0, 0.2], [[0.2, 0.1, 0.0], [0.0, 0.2, 0.1], [0.05, 0.0, 0.2]])
STYLE = _image([0.3, 0.1, -0.2], [[0.1, 0.1, 0.1], [0.0, 0.1, 0.0], [0.0, 0.05, 0.1]], 24, 31)


def _pixels(x):
    return np.asarray(x, np.float64).reshape(-1, 3)


def test_monge_kantorovich_has_the_mean_and_covariance_of_the_style():
    """Up to the noise floor."""
    y = _pixels(TRANSFERS["monge-kantorovich"](CONTENT, STYLE))
    np.testing.assert_allclose(y.mean(0), _pixels(STYLE).mean(0), atol=1e-5)
    np.testing.assert_allclose(np.cov(y.T), np.cov(_pixels(STYLE).T), atol=1e-4)


def test_monge_kantorovich_is_the_symmetric_positive_map():
    """Among all linear maps between the covariances: the one that moves colours the least."""
    y, x = (_pixels(image) for image in (TRANSFERS["monge-kantorovich"](CONTENT, STYLE), CONTENT))
    matrix = np.linalg.lstsq(x - x.mean(0), y - y.mean(0), rcond=None)[0]
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-3)
    assert np.linalg.eigvalsh(matrix).min() > 0


def test_reinhard_has_the_mean_and_deviation_of_the_style():
    """In its own colour space."""
    y, style = (np.asarray(_to_lab(x)) for x in (TRANSFERS["reinhard"](CONTENT, STYLE), STYLE))
    np.testing.assert_allclose(y.mean(0), style.mean(0), atol=2e-3)
    np.testing.assert_allclose(y.std(0), style.std(0), atol=4e-3)


@pytest.mark.parametrize("name", TRANSFERS)
def test_the_own_style_changes_nothing(name):
    """Also for an image that fills the cube, black and white included, and one without colour."""
    grey = RNG.uniform(-1, 1, (24, 31, 1)).repeat(3, -1)
    for image in (CONTENT, jnp.asarray(RNG.uniform(-1, 1, (24, 31, 3)), jnp.float32), jnp.asarray(grey, jnp.float32)):
        np.testing.assert_allclose(TRANSFERS[name](image, image), image, atol=4e-3)


@pytest.mark.parametrize("name", TRANSFERS)
def test_a_flat_content_becomes_the_mean_of_the_style(name):
    """Its only colour is its mean."""
    y = TRANSFERS[name](jnp.full((24, 31, 3), 0.3), STYLE)
    assert np.ptp(_pixels(y), axis=0).max() < 1e-4
    np.testing.assert_allclose(_pixels(y)[0], _pixels(STYLE).mean(0), atol=5e-2)


@pytest.mark.parametrize("name", TRANSFERS)
@pytest.mark.parametrize("kind", ["black", "white", "flat", "outlier"])
def test_degenerate_images_stay_finite_and_in_range(name, kind):
    """As content and as style; an outlier is one white pixel of a black image."""
    value = {"black": -1.0, "white": 1.0, "flat": 0.2, "outlier": -1.0}[kind]
    odd = jnp.full((24, 31, 3), value).at[3, 4].set(1.0 if kind == "outlier" else value)
    for y in (TRANSFERS[name](odd, STYLE), TRANSFERS[name](CONTENT, odd), TRANSFERS[name](odd, odd)):
        assert np.isfinite(y).all() and np.abs(y).max() <= 1


@pytest.mark.parametrize("name", TRANSFERS)
def test_one_pixel_and_batches(name):
    """The smallest image there is, and images of a batch that do not mix, with styles of another size."""
    one = TRANSFERS[name](jnp.full((1, 1, 3), 0.1), jnp.full((1, 1, 3), 0.4))
    np.testing.assert_allclose(one, 0.4, atol=5e-3)
    styles = jnp.stack([STYLE[:5], CONTENT[:5]])
    both = TRANSFERS[name](jnp.stack([CONTENT, STYLE]), styles)
    alone = TRANSFERS[name](STYLE, CONTENT[:5])
    np.testing.assert_allclose(both[1], alone, atol=1e-4)
