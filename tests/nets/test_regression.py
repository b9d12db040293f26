"""Decoders by least squares: exact where the encoder's layer can be inverted, and better than random below poolings."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.nets.autoencoder import autoencoder, reconstruct
from nasjax.nets.regression import regress_decoder
from nasjax.nets.vgg import init_encoder
from nasjax.ops.params import draw

KEY = jax.random.key(0)
IMAGES = jax.image.resize(jax.random.uniform(KEY, (4, 5, 6, 3), minval=-1.0), (4, 16, 16, 3), "bicubic")


def _error(auto, encoder, decoder):
    return float(jnp.square(reconstruct(auto, {"encoder": encoder, "decoder": decoder}, IMAGES) - IMAGES).mean())


def test_a_layer_that_loses_nothing_is_inverted():
    """With a bias that keeps every feature positive, ReLU does nothing, and the image is a linear map of them."""
    auto = autoencoder((8,), (1,), "nearest")
    encoder = init_encoder(auto.encoder, KEY)
    encoder["conv1_1"]["b"] = jnp.full(8, 10.0)
    decoder = regress_decoder(auto, encoder, IMAGES, ridge=1e-10)
    assert _error(auto, encoder, decoder) < 5e-3 * float(IMAGES.var())  # float32's share of a mean of 10


@pytest.mark.parametrize("pool", ["indices", "haar"])
def test_deeper_decoders_start_better_than_random(pool):
    """Of the declared shapes, and much nearer to the images than drawn layers, or than no image at all."""
    auto = autoencoder((8, 12), (2, 1), pool)
    encoder = init_encoder(auto.encoder, KEY)
    decoder, drawn = regress_decoder(auto, encoder, IMAGES), draw(KEY, auto.decoder.params())
    assert jax.tree.map(jnp.shape, decoder) == jax.tree.map(jnp.shape, drawn)
    assert list(decoder) == list(drawn)
    assert _error(auto, encoder, decoder) < 0.5 * min(_error(auto, encoder, drawn), float(IMAGES.var()))


def test_the_smallest_error_of_all_maps():
    """No small change of the fitted layer comes closer to the images."""
    auto = autoencoder((4,), (1,), "nearest")
    encoder = init_encoder(auto.encoder, KEY)
    decoder = regress_decoder(auto, encoder, IMAGES, ridge=1e-10)
    best = _error(auto, encoder, decoder)
    for sign in (-1, 1):
        for name, change in (("w", 0.01), ("b", 0.01)):
            layer = decoder["conv1_1"]
            moved = {"conv1_1": layer | {name: layer[name] + sign * np.float32(change)}}
            assert _error(auto, encoder, moved) > best
