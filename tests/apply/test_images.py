"""A bundle on arrays and Pillow pictures."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from nasjax.apply import apply_bundle, upscale
from nasjax.export.bundle import Bundle, load_bundle, write_bundle
from nasjax.export.card import Card
from tests.export.networks import NETWORKS, sr_cell


def _bundle(fn, **card):
    return Bundle(fn, {"scale": 1, "size_multiple": 1, "min_size": 1, **card}, "none", {})


SAME = _bundle(lambda x: x)
DOUBLE = _bundle(lambda x: jnp.repeat(jnp.repeat(x, 2, 1), 2, 2), scale=2)
IMAGE = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)


def test_the_same_kind_of_image_comes_back():
    """uint8 is exact through a network that changes nothing; floats are not clipped; batches stay batches."""
    np.testing.assert_array_equal(upscale(SAME, IMAGE), IMAGE)
    assert upscale(SAME, IMAGE).dtype == np.uint8
    floats = np.random.default_rng(0).uniform(-1.5, 1.5, (2, 5, 7, 3)).astype(np.float32)
    np.testing.assert_array_equal(upscale(SAME, floats), floats)
    assert isinstance(upscale(SAME, jnp.asarray(floats)), jax.Array)
    picture = upscale(SAME, Image.fromarray(IMAGE))
    assert isinstance(picture, Image.Image)
    np.testing.assert_array_equal(np.asarray(picture), IMAGE)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 4), (2, 5, 7, 4)])
def test_every_kind_of_array_comes_back_as_it_was(shape, dtype):
    """Greys, colours and opacity, of 8 and 16 bits and floats: the same shape, type and values."""
    most = 1 if dtype == np.float32 else np.iinfo(dtype).max
    # Opaque or clear nowhere: colours there are not those that are stored.
    image = np.random.default_rng(0).uniform(0.1 * most, most, shape).astype(dtype)
    rows = 0 if len(shape) < 4 else 1
    for bundle, wanted in ((SAME, image), (DOUBLE, image.repeat(2, rows).repeat(2, rows + 1))):
        found = upscale(bundle, image)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, wanted, atol=1e-6 if dtype == np.float32 else 0)


def test_greys_of_pillow_keep_sixteen_bits():
    """I;16 gives I;16, level for level."""
    levels = np.random.default_rng(0).integers(0, 65536, (5, 7)).astype(np.uint16)
    found = upscale(SAME, Image.fromarray(levels))
    assert found.mode == "I;16"
    np.testing.assert_array_equal(np.asarray(found), levels)


def test_sixteen_bits_reach_the_network():
    """A 16-bit grey keeps its precision on the way in."""
    seen = []
    watch = _bundle(lambda x: seen.append(np.asarray(x)) or x)
    levels = np.array([[0, 1, 256, 65535]], np.uint16)
    upscale(watch, Image.fromarray(levels))
    np.testing.assert_allclose(seen[0][0, 0, :, 1], levels[0] / 32767.5 - 1, atol=1e-7)


@pytest.mark.parametrize("side", [(4, 8), (5, 7), (1, 1)])
def test_sizes_are_padded_by_replication_and_cropped_back(side):
    """The network sees multiples of 4, at least 8; the result has the size that was asked for."""
    shapes = []

    def fn(x):
        shapes.append(x.shape)
        height, width = side
        np.testing.assert_array_equal(x[0, height:, 0], np.broadcast_to(x[0, height - 1, 0], (x.shape[1] - height, 3)))
        return jnp.repeat(jnp.repeat(x, 2, 1), 2, 2)

    image = np.random.default_rng(0).integers(0, 256, (*side, 3), np.uint8)
    found = upscale(_bundle(fn, scale=2, size_multiple=4, min_size=8), image)
    assert shapes == [(1, 8, 8, 3)]
    np.testing.assert_array_equal(found, image.repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize(
    "image, message",
    [
        (np.zeros(4, np.uint8), "got the shape"),
        (np.zeros((4, 4, 2), np.uint8), "got the shape"),
        (np.zeros((0, 4, 3), np.uint8), "got the shape"),
        (np.zeros((4, 4, 3), np.int32), "expected uint8, uint16 or float in .-1, 1., got int32"),
        (np.full((4, 4, 3), 255.0), r"expected floats in .-1, 1., got 255..255; levels 0..255 are given as uint8"),
        (np.full((4, 4), -3.0), r"expected floats in .-1, 1., got -3..-3"),
        (np.full((4, 4, 4), -0.5), r"expected opacity, the fourth channel, in .0, 1., got -0.5..-0.5"),
        (np.array([[0.5, np.nan]]), r"expected floats in .-1, 1., got NaN among them"),
        (np.array([[0.5, np.inf]]), r"expected floats in .-1, 1., got 0.5..inf"),
        ("photo.jpg", r"expected an opened Pillow picture or an array, got 'photo.jpg'; open a file first, with PIL"),
        (Path("photo.jpg"), r"got 'photo.jpg'; open a file first"),
        (None, "expected an opened Pillow picture or an array, got NoneType"),
    ],
)
def test_other_images_are_refused(image, message):
    """Shape, type and range are named; a name is no picture."""
    with pytest.raises(ValueError, match=message):
        upscale(SAME, image)


def test_a_written_bundle_from_file_to_file(tmp_path):
    """The network of the bundle, applied to a picture on disk, gives its own output, rounded."""
    network = sr_cell(4, {"b1": "off", "b2": "off"})
    write_bundle(tmp_path / "bundle", network, card=Card("x4"), formats=())
    Image.fromarray(IMAGE).save(tmp_path / "in.png")
    apply_bundle(tmp_path / "bundle", tmp_path / "in.png", tmp_path / "out.png")
    y = np.asarray(jax.jit(network.apply)(network.params, jnp.asarray(IMAGE[None] / np.float32(127.5) - 1)))[0]
    wanted = np.clip((y + 1) * 127.5, 0, 255)
    with Image.open(tmp_path / "out.png") as out:
        assert out.size == (28, 20)
        assert np.abs(np.asarray(out) - wanted).max() <= 0.51


def test_a_graph_with_a_size_multiple(tmp_path):
    """A bundle that is served from its graph and needs even sizes takes odd ones."""
    write_bundle(tmp_path / "bundle", NETWORKS["own"](), card=Card("own"), formats=("stablehlo",))
    bundle = load_bundle(tmp_path / "bundle")
    assert bundle.card["size_multiple"] == 2
    assert upscale(bundle, IMAGE).shape == IMAGE.shape
