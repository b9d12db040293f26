"""Blur, noise and JPEG on the device, against what they stand for."""

import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from nasjax.data.embedded import embedded_photos
from nasjax.tasks.degradation import blur, jpeg, practical

PHOTO = embedded_photos("test")[6]["image"][300:364, 300:396]  # a coat with spots


def _floats(pixels):
    return jnp.asarray(pixels[None], jnp.float32) / 127.5 - 1


def _levels(x):
    return np.round((np.asarray(x)[0] + 1) * 127.5)


@pytest.mark.parametrize("quality", [30, 75])
def test_jpeg_is_what_a_library_writes(quality):
    """Pillow's file differs by a small part of what compression changes; in colours, which it smooths, by more."""
    for colour in (False, True):
        picture = PHOTO if colour else PHOTO[..., :1].repeat(3, -1)
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=quality, subsampling="4:2:0")
        expected = np.asarray(Image.open(file), np.float32)
        found = _levels(jpeg(_floats(picture), jnp.full(1, float(quality))))
        lost, differs = np.square(expected - picture).mean(), np.square(found - expected).mean()
        assert differs < (0.3 if colour else 0.05) * lost


def test_blur_has_the_deviations_asked_for():
    """A point becomes a Gaussian whose second moments are the squares of the deviations; its sum stays."""
    point = jnp.zeros((1, 15, 15, 1)).at[0, 7, 7, 0].set(1.0)
    spread = np.asarray(blur(point, jnp.array([[0.6, 0.9]])))[0, :, :, 0]
    place = np.arange(15) - 7
    assert np.isclose(spread.sum(), 1, atol=1e-5)
    np.testing.assert_allclose((spread.sum(1) * place**2).sum(), 0.36, rtol=0.04)
    np.testing.assert_allclose((spread.sum(0) * place**2).sum(), 0.81, rtol=0.04)


def test_pictures_of_a_batch_are_changed_differently_and_the_same_for_a_key():
    """Each of many copies of one becomes another picture, none leaves [-1, 1], and a key decides everything."""
    x = jnp.repeat(_floats(PHOTO[:24, :24]), 64, 0)
    run = jax.jit(practical)
    y = np.asarray(run(jax.random.key(0), x))
    assert np.abs(y).max() <= 1 and (y == np.asarray(run(jax.random.key(0), x))).all()
    changes = np.abs(y - np.asarray(x)).mean((1, 2, 3))
    assert len(np.unique(changes)) > 48 and (changes > 0).any()
    assert not np.array_equal(y, np.asarray(run(jax.random.key(1), x)))
