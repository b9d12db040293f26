"""The classical methods that filters are compared with: each does to a picture what its paper says."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from nasjax.data.degrade import from_light, to_light

pytest.importorskip("skimage")
_PATH = Path(__file__).parents[2] / "scripts" / "classical.py"


def _load():
    spec = importlib.util.spec_from_file_location("classical", _PATH)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


classical = _load()
METHODS = [(name, label) for name, found in classical.methods().items() for label in found]


def _scene(side: int = 64) -> np.ndarray:
    """Patches of random colours, among them a black and a white one: values from 0 to 1."""
    patches = np.random.default_rng(0).uniform(0.05, 0.9, (8, 8, 3))
    patches[2, 3], patches[5, 5] = 0, 1
    return patches.repeat(side // 8, 0).repeat(side // 8, 1)


@pytest.mark.parametrize("name, label", METHODS)
def test_a_method_gives_a_picture_of_the_same_kind(name, label):
    """Levels of the same size, and others than before; the input stays as it is."""
    pixels = np.round((40 + 120 * _scene()) * np.array([1.0, 0.9, 0.8])).astype(np.uint8)
    before = pixels.copy()
    found = classical.methods()[name][label](pixels)
    assert (found.dtype, found.shape) == (np.uint8, pixels.shape)
    assert (found != before).any() and (pixels == before).all()


def test_grey_world_finds_the_light():
    """Colours whose mean is grey, under a reddish light, are what they were; only as bright as the light made them."""
    light = np.random.default_rng(1).uniform(0.1, 0.6, (32, 32, 3)).astype(np.float32)
    light *= 0.3 / light.mean((0, 1))
    found = to_light(classical.balanced(from_light(light * np.float32([1.3, 1.0, 0.7])), 1))
    np.testing.assert_allclose(found / found.mean(), light / light.mean(), atol=1e-3)


def test_white_patch_finds_the_light():
    """What is white and brightest shows the light's colour."""
    light = to_light(_scene().astype(np.float32)) * np.float32([0.9, 0.7, 0.5])
    found = to_light(classical._white_patch(from_light(light)))[40:48, 40:48]
    np.testing.assert_allclose(found / found.mean(), 1, atol=2e-2)


def test_the_dark_channel_sees_through_an_even_haze():
    """Most of what an air light of a known share hides comes back, where some of every neighbourhood is dark."""
    scene = _scene(128)
    scene[::4, ::4] = 0
    hazy = 0.6 * scene + 0.4 * np.array([0.85, 0.9, 0.95])
    errors = [np.abs(x - scene).mean() for x in (hazy, classical.dark_channel(hazy))]
    assert errors[1] < 0.4 * errors[0]
