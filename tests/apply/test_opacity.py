"""Opacity goes through the network that enlarges the colours: sharper than bicubic, and exact where it is even."""

import numpy as np
import pytest
from PIL import Image

from nasjax.apply import engine
from nasjax.apply.images import enlarge
from nasjax.apply.opacity import enlarged_opacity
from nasjax.apply.picture import Picture
from nasjax.apply.upscalers import load_upscaler
from nasjax.ops.resize import imresize_reference


def _disc(height=40, width=48):
    """Opaque inside, clear outside, with a hard edge."""
    y, x = np.mgrid[:height, :width]
    return ((y - 20) ** 2 + (x - 22) ** 2 < 144).astype(np.float32)


def _enlarged(alpha, *, wrap=False):
    pixels = np.full((*alpha.shape, 3), 100, np.uint8)
    found = enlarge(load_upscaler("small"), Picture(pixels, alpha), wrap=wrap).alpha
    assert found is not None and found.shape == (4 * alpha.shape[0], 4 * alpha.shape[1])
    return found


def test_a_hard_edge_is_sharper_than_bicubic():
    """Fewer pixels lie in between, and the disc is nearer to the one that was reduced."""
    y, x = np.mgrid[:160, :192]
    truth = ((y - 80) ** 2 + (x - 90) ** 2 < 48**2).astype(np.float32)
    alpha = imresize_reference((255 * truth).astype(np.uint8), 0.25).astype(np.float32) / 255
    found = _enlarged(alpha)
    bicubic = np.asarray(Image.fromarray(alpha).resize((192, 160), Image.Resampling.BICUBIC)).clip(0, 1)
    between = [((a > 0.1) & (a < 0.9)).mean() for a in (found, bicubic)]
    assert between[0] < 0.6 * between[1]
    assert np.square(found - truth).mean() < 0.6 * np.square(bicubic - truth).mean()


@pytest.mark.parametrize("sides", [(64,), (32, 48)])
def test_what_is_opaque_or_clear_stays_so_exactly(monkeypatch, sides):
    """All of a picture, and all but the pixels beside an edge; in one window and in several, with the same result."""
    whole = _enlarged(_disc())
    monkeypatch.setattr(engine, "SIDES", sides)
    engine._studies.clear()
    for value in (0.0, 0.25, 1.0):
        np.testing.assert_array_equal(_enlarged(np.full((40, 70), value, np.float32)), value)
    found, near = _enlarged(_disc()), np.zeros((40, 48), bool)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            near |= np.roll(_disc(), (dy, dx), (0, 1)) != _disc()
    even = ~near.repeat(4, 0).repeat(4, 1)
    np.testing.assert_array_equal(found[even], _disc().repeat(4, 0).repeat(4, 1)[even])
    assert found.min() >= 0 and found.max() <= 1 and 0.2 < found[~even].mean() < 0.8
    np.testing.assert_allclose(found, whole, atol=1e-5)
    engine._studies.clear()


def test_opacity_is_enlarged_around():
    """Turned, it is the enlarged plane turned; without the other side's columns it is not."""
    alpha = np.random.default_rng(0).uniform(0, 1, (12, 40)).astype(np.float32)
    for wrap in (False, True):
        plain, turned = (_enlarged(a, wrap=wrap) for a in (alpha, np.roll(alpha, 5, 1)))
        off = np.abs(np.roll(plain, 20, 1) - turned).max()
        assert off <= 1e-5 if wrap else off > 0.01


def test_a_network_that_does_not_enlarge_leaves_opacity_alone():
    """It changes colours; what is transparent is not its to say."""
    alpha = np.random.default_rng(0).uniform(0, 1, (5, 7)).astype(np.float32)
    assert enlarged_opacity(alpha, 1, lambda out, pixels: pytest.fail("not asked for")) is alpha
