"""Mirrored decoders, the ways to halve and double features, and auto-encoders made of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.nets.autoencoder import autoencoder, reconstruct
from nasjax.nets.decoder import mirror
from nasjax.nets.pooling import POOLINGS, fill_up, pooling
from nasjax.nets.vgg import vgg
from nasjax.ops.params import draw

KEY = jax.random.key(0)
WIDTHS, CONVS = (4, 6, 8), (2, 2, 3)
X = jax.random.uniform(KEY, (2, 8, 12, 3), minval=-1)
AUTO = {name: autoencoder(WIDTHS, CONVS, name) for name in POOLINGS}
PARAMS = {"encoder": draw(KEY, AUTO["haar"].encoder.params()), "decoder": draw(KEY, AUTO["haar"].decoder.params())}


def test_the_decoder_mirrors_the_encoder():
    """The same convolutions with input and output exchanged, for the whole VGG16."""
    wide = (64, 128, 256, 512, 512)
    encoder, decoder = vgg(wide), mirror(wide, (2, 2, 3, 3, 1))
    shapes = {name: p["w"].shape for name, p in decoder.params().items()}
    assert list(shapes) == sorted(encoder.params(), reverse=True)
    for name, p in encoder.params().items():
        assert shapes[name] == (3, 3, p["w"].shape[3], p["w"].shape[2])


@pytest.mark.parametrize("name", POOLINGS)
def test_an_image_comes_back_in_its_size(name):
    """Also where height and width are no multiples of what the levels need; and values on both sides of zero."""
    y = reconstruct(AUTO[name], PARAMS, X[..., :7, :9, :])
    assert y.shape == (2, 7, 9, 3)
    assert np.asarray(y).min() < 0 < np.asarray(y).max()


def test_the_encoder_is_vgg_where_maxima_are_pooled():
    """Features of the walk that keeps skips equal those of the plain encoder."""
    code = AUTO["indices"].encode(PARAMS["encoder"], X)
    for found, wanted in zip(code.features, vgg(WIDTHS, CONVS).apply(PARAMS["encoder"], X), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_a_change_of_a_level_reaches_the_levels_below():
    """`change_fn` sees levels in order, and what it returns is what goes on."""
    seen = []

    def change(level, feature):
        seen.append((level, feature.shape))
        return jnp.zeros_like(feature) if level == 2 else feature

    code = AUTO["haar"].encode(PARAMS["encoder"], X, change)
    assert seen == [(1, (2, 8, 12, 4)), (2, (2, 4, 6, 6)), (3, (2, 2, 3, 8))]
    assert not np.asarray(code.features[1]).any()
    np.testing.assert_allclose(code.features[2], np.asarray(code.features[2])[:1, :1, :1] + np.zeros((2, 2, 3, 8)))


def test_haar_pooling_loses_nothing():
    """Doubling undoes halving, and a constant keeps its value on the way down."""
    how, x = pooling("haar"), jax.random.normal(KEY, (2, 4, 6, 5))
    np.testing.assert_allclose(how.unpool(*how.pool(x)), x, atol=1e-5)
    np.testing.assert_allclose(how.pool(jnp.full((4, 4, 1), 3.0))[0], 3.0)


def test_indices_put_maxima_where_they_were():
    """Zeros beside them; equal maxima all stay."""
    how, x = pooling("indices"), jnp.asarray([[1.0, 2.0, 5.0, 5.0], [4.0, 3.0, 5.0, 0.0]])[..., None]
    half, skip = how.pool(x)
    np.testing.assert_array_equal(half[..., 0], [[4.0, 5.0]])
    np.testing.assert_array_equal(how.unpool(half, skip)[..., 0], [[0, 0, 5, 5], [4, 0, 5, 0]])


def test_images_are_filled_up_by_their_border():
    """To the next multiple; an image that fits is left alone."""
    x = jnp.arange(6.0).reshape(2, 3, 1)
    np.testing.assert_array_equal(fill_up(x, 4)[..., 0], [[0, 1, 2, 2], [3, 4, 5, 5], [3, 4, 5, 5], [3, 4, 5, 5]])
    assert fill_up(x, 1).shape == (2, 3, 1)


def test_bad_input_is_named():
    """An unknown pooling, and widths that do not fit the convolutions."""
    with pytest.raises(ValueError, match="unknown pooling 'mean'; allowed: nearest, indices, haar"):
        autoencoder(WIDTHS, CONVS, "mean")
    with pytest.raises(ValueError, match=r"one for each level; got \(4, 6, 8\) and \(2, 2\)"):
        mirror(WIDTHS, (2, 2))
