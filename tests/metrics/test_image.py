"""PSNR and SSIM against literal float64 versions and published figures."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import correlate1d

from nasjax.metrics import Protocol, image_metric, mean_metric, psnr, rgb_to_y, sr_protocol, ssim
from nasjax.ops.resize import imresize_reference

SR4 = sr_protocol(4)
PROTOCOLS = [SR4, Protocol("rgb", 0, True), Protocol("rgb", 3, False), Protocol("y", 2, False)]


def pictures(*shape, seed=0, noise=0.2):
    """A picture with smooth and textured parts and a noisy copy of it, in [-1, 1]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[-3], : shape[-2]]
    base = np.sin(x / 5)[..., None] * np.cos(y / 9)[..., None] * np.array([0.7, -0.5, 0.9])
    target = np.broadcast_to(base, shape) + rng.normal(0, 0.05, shape)
    noisy = target + rng.normal(0, noise, shape)
    return noisy.clip(-1.1, 1.1).astype(np.float32), target.clip(-1, 1).astype(np.float32)


def literal_levels(x, protocol):
    levels = (x.astype(np.float64) + 1) * 127.5
    if protocol.round_to_uint8:
        levels = np.clip(np.round(levels), 0, 255)
    if protocol.channel == "y":
        levels = (16 + levels @ np.array([65.481, 128.553, 24.966]) / 255)[..., None]
    crop = protocol.crop
    return levels[crop : levels.shape[0] - crop, crop : levels.shape[1] - crop]


def literal_psnr(p, t, protocol):
    return 10 * np.log10(255**2 / np.mean((literal_levels(p, protocol) - literal_levels(t, protocol)) ** 2))


def literal_ssim(p, t, protocol):
    window = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window /= window.sum()

    def blur(a):
        return correlate1d(correlate1d(a, window, axis=0), window, axis=1)[5:-5, 5:-5]

    a, b = literal_levels(p, protocol), literal_levels(t, protocol)
    ma, mb = blur(a), blur(b)
    va, vb, cov = blur(a * a) - ma**2, blur(b * b) - mb**2, blur(a * b) - ma * mb
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return np.mean((2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2)))


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=str)
def test_scores_equal_the_literal_ones(protocol):
    """float32 on device against float64, to far below what tables print."""
    prediction, target = pictures(61, 47, 3)
    found = jax.jit(lambda p, t: (psnr(p, t, protocol), ssim(p, t, protocol)))(prediction, target)
    assert float(found[0]) == pytest.approx(literal_psnr(prediction, target, protocol), abs=1e-4)
    assert float(found[1]) == pytest.approx(literal_ssim(prediction, target, protocol), abs=1e-5)


def test_large_images_keep_their_precision():
    """A million nearly equal pixels: the sum in float32 must not lose the score."""
    prediction, target = pictures(1024, 1024, 3, noise=0.004)
    protocol = Protocol("rgb", 0, False)
    found = jax.jit(lambda p, t: psnr(p, t, protocol))(prediction, target)
    assert float(found) == pytest.approx(literal_psnr(prediction, target, protocol), abs=1e-3)


def test_hand_computed_psnr():
    """Black against a picture that is 51 levels off everywhere: 20 log10(255 / 51) dB."""
    black = jnp.full((16, 16, 3), -1.0)
    off = black + 51 / 127.5
    assert float(psnr(off, black, Protocol("rgb", 2, True))) == pytest.approx(20 * np.log10(5), abs=1e-4)


def test_luma_range():
    """Black is 16, white 235, and green counts most."""
    colours = jnp.array([[[-1.0, -1, -1], [1, 1, 1], [-1, 1, -1]]])
    np.testing.assert_allclose(rgb_to_y(colours)[0, :, 0], [16, 235, 16 + 128.553], atol=1e-4)


def test_equal_images():
    """PSNR is infinite and SSIM one."""
    _, target = pictures(32, 32, 3)
    assert np.isinf(psnr(target, target, SR4))
    assert float(jax.jit(lambda t: ssim(t, t, SR4))(target)) == pytest.approx(1)


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=str)
def test_padding_changes_nothing(protocol):
    """Images of several sizes in one padded batch score as each alone, whatever the padding holds."""
    sizes = np.array([[40, 33], [25, 48], [48, 48]])
    prediction, target = pictures(3, 48, 48, 3)
    for fn in (psnr, ssim):
        together = jax.jit(lambda p, t, s, fn=fn: fn(p, t, protocol, sizes=s))(prediction, target, sizes)
        literal_fn = {psnr: literal_psnr, ssim: literal_ssim}[fn]
        rows = zip(prediction, target, sizes, strict=True)
        alone = [literal_fn(p[:h, :w], t[:h, :w], protocol) for p, t, (h, w) in rows]
        np.testing.assert_allclose(together, alone, rtol=2e-5)


def test_images_too_small_for_the_window():
    """An array is refused by name; a padded image within a batch becomes NaN and spoils no other."""
    small = jnp.zeros((12, 30, 3))
    with pytest.raises(ValueError, match="12x30 pixels less a crop of 4"):
        ssim(small, small, SR4)
    prediction, target = pictures(2, 32, 32, 3)
    scores = jax.jit(lambda p, t, s: ssim(p, t, SR4, sizes=s))(prediction, target, np.array([[12, 32], [32, 32]]))
    assert np.isnan(scores[0]) and np.isfinite(scores[1])


@pytest.mark.parametrize(("channel", "crop"), [("luma", 0), ("y", -1)])
def test_bad_protocols_are_refused(channel, crop):
    """The message names what is wrong."""
    with pytest.raises((ValueError, TypeError), match="luma|crop"):
        Protocol(channel, crop, True)


def test_protocol_says_itself():
    """Reports print the protocol beside each number."""
    assert str(SR4) == "Y (MATLAB rgb2ycbcr), uint8, 4 px cropped"


def test_image_metric_is_the_mean_of_both_scores():
    """The columns of a results table, named by channel."""
    prediction, target = pictures(3, 24, 24, 3)
    metric = image_metric(SR4)
    scores = metric.compute(jax.jit(metric.update)(metric.init(), prediction, target))
    for name, literal_fn in {"psnr_y": literal_psnr, "ssim_y": literal_ssim}.items():
        alone = [literal_fn(p, t, SR4) for p, t in zip(prediction, target, strict=True)]
        assert float(scores[name]) == pytest.approx(np.mean(alone), abs=1e-4)


def padded(images, size):
    out = np.zeros((len(images), size, size, 3), np.float32)
    for row, image in zip(out, images, strict=True):
        row[: image.shape[0], : image.shape[1]] = image / 127.5 - 1
    return out


@pytest.mark.parametrize(("name", "published"), [("set5", 28.43), ("set14", 26.09), ("bsd100", 25.96)])
def test_bicubic_gives_the_published_figures(shared_data, name, published):
    """The baseline of every x4 table, through the metric that the tables use."""
    metric = mean_metric({"psnr_y": lambda p, t, sizes: psnr(p, t, SR4, sizes=sizes)})
    side = 768 if name == "set14" else 512
    update = jax.jit(metric.update)
    state = metric.init()
    for file in sorted((shared_data / "sr_bench" / name / "HR").iterdir()):
        high, low = (np.asarray(Image.open(f).convert("RGB")) for f in (file, file.parents[1] / "LR" / file.name))
        size = np.array([high.shape[:2]])
        prediction, target = (padded([image], side) for image in (imresize_reference(low, 4.0), high))
        state = update(state, prediction, target, sizes=size)
    assert float(metric.compute(state)["psnr_y"]) == pytest.approx(published, abs=0.005)
