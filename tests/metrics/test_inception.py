"""Resizing for InceptionV3: by hand where it can be, and what distinguishes the protocols."""

import numpy as np
import pytest
from PIL import Image

from nasjax.metrics import inception_input

PROTOCOLS = ("clean", "legacy-tensorflow", "legacy-pytorch")
NOISE = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_range_and_flat_pictures(protocol):
    """A flat picture stays flat, whatever its size; black and white are the ends of each protocol's range."""
    for level in (0, 77, 255):
        flat = inception_input(np.full((40, 700, 3), level, np.uint8), protocol)
        wanted = level / 127.5 - 1 if protocol == "legacy-pytorch" else (level - 128) / 128
        np.testing.assert_allclose(flat, wanted, atol=1e-5)
        assert flat.shape == (299, 299, 3) and flat.dtype == np.float32


def test_a_picture_of_the_right_size_is_not_resized():
    """All protocols leave 299 x 299 pixels as they are, up to their scale."""
    x = np.random.default_rng(1).integers(0, 256, (299, 299, 3), np.uint8)
    for protocol in PROTOCOLS[:2]:
        np.testing.assert_allclose(inception_input(x, protocol) * 128 + 128, x, atol=1e-3)
    np.testing.assert_allclose((inception_input(x, PROTOCOLS[2]) + 1) * 127.5, x, atol=1e-3)


def test_clean_is_pillows_bicubic_in_float():
    """Equal to Pillow's uint8 result up to its rounding, where nothing overshoots; clipped where something does."""
    grey = (64 + NOISE // 2).astype(np.uint8)
    wanted = np.asarray(Image.fromarray(grey).resize((299, 299), Image.Resampling.BICUBIC), np.float64)
    assert np.abs(inception_input(grey, "clean") * 128.0 + 128 - wanted).max() <= 1.2  # two passes are rounded
    found = inception_input(NOISE, "clean") * 128.0 + 128
    assert found.max() == 255 and found.min() == 0


@pytest.mark.parametrize(("protocol", "shift"), [("legacy-tensorflow", 0.0), ("legacy-pytorch", 0.5)])
def test_legacy_is_a_plain_bilinear(protocol, shift):
    """Each output pixel by the formula, one by one; the two differ in where corners lie."""
    scaled = inception_input(NOISE, protocol).astype(float)
    found = (scaled + 1) * 127.5 if protocol == "legacy-pytorch" else scaled * 128 + 128
    for i, j in ((0, 0), (5, 17), (150, 298), (298, 298), (120, 33)):
        places = [max((k + shift) * n / 299 - shift, 0) for k, n in ((i, 64), (j, 96))]
        (y0, x0) = [int(p) for p in places]
        y1, x1 = min(y0 + 1, 63), min(x0 + 1, 95)
        v, u = places[0] - y0, places[1] - x0
        rows = [(1 - u) * NOISE[y, x0].astype(float) + u * NOISE[y, x1] for y in (y0, y1)]
        np.testing.assert_allclose(found[i, j], (1 - v) * rows[0] + v * rows[1], atol=2e-3)


def test_protocols_differ_where_it_matters():
    """Reducing noise: only the antialiased protocol averages; the others keep its spread."""
    noise = np.random.default_rng(2).integers(0, 256, (1200, 1200, 3), np.uint8)
    clean, tensorflow, pytorch = (inception_input(noise, p).std() for p in PROTOCOLS)
    assert clean < 0.35 * min(tensorflow, pytorch)
    with pytest.raises(ValueError, match="'bilinear'; allowed: clean, legacy-tensorflow, legacy-pytorch"):
        inception_input(noise, "bilinear")
