"""Pictures made worse: the same every time, each in its own way."""

import numpy as np
import pytest
from PIL import Image

from nasjax.data import Degraded, degrade, open_source
from nasjax.data.degrade import KINDS


def _scene(height=64, width=96):
    """Smooth colours and hard edges."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    colours = np.stack([x / width, y / height, 0.5 + 0.3 * np.sin(x / 5)], -1)
    colours[20:40, 30:60] = (0.9, 0.2, 0.1)
    return np.round(colours * 255).astype(np.uint8)


def _folder(path, number=4):
    for i in range(number):
        Image.fromarray(np.roll(_scene(), 7 * i, 1)).save(path / f"{i}.png")
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_made_worse_the_same_way_every_time(kind):
    """Equal names give equal pictures, other names other ones; something is lost, and the size stays."""
    first, again, other = (degrade(_scene(), kind, name) for name in ("a", "a", "b"))
    np.testing.assert_array_equal(first, again)
    assert first.shape == _scene().shape and first.dtype == np.uint8
    assert (first != other).any() and np.abs(first.astype(int) - _scene()).mean() > 0.3


def test_pairs_know_the_truth(tmp_path):
    """The target is the picture itself; variants of a picture share it and differ in what was done to it."""
    source = open_source(f"folder:{_folder(tmp_path)}", "all")
    pairs = Degraded(source, "exposure", variants=2)
    assert len(pairs) == 8 and pairs.name(5) == f"{source.name(1)}#1" and pairs.size(5) == (64, 96)
    np.testing.assert_array_equal(pairs[1]["target"], source[1]["image"])
    np.testing.assert_array_equal(pairs[5]["target"], source[1]["image"])
    assert (pairs[1]["input"] != pairs[5]["input"]).any()


def test_a_line_of_text_opens_them(tmp_path):
    """degraded:KIND:PICTURES; the training split has each picture several times."""
    _folder(tmp_path, 10)
    train, test = (open_source(f"degraded:haze:folder:{tmp_path}", split) for split in ("train", "test"))
    assert (len(train), len(test)) == (16 * 8, 1)
    assert set(train[0]) == {"name", "input", "target"}
    with pytest.raises(ValueError, match="jpeg, blur, haze, exposure, whitebalance"):
        open_source(f"degraded:rain:folder:{tmp_path}", "train")


def _unit():
    return _scene().astype(np.float32) / 255


def test_exposure_is_a_factor_of_light():
    """Where nothing is clipped, linear light is multiplied by one number."""
    worse = KINDS["exposure"](0.2 + 0.1 * _unit(), np.random.default_rng(1))
    light = [((x + 0.055) / 1.055) ** 2.4 for x in (worse, 0.2 + 0.1 * _unit())]
    ratio = light[0] / light[1]
    assert ratio.std() < 1e-3 * ratio.mean() and abs(np.log2(ratio.mean())) > 0.69


def test_white_balance_keeps_the_brightness():
    """The mean luma of linear light stays, while red and blue go opposite ways."""
    grey = np.full((8, 8, 3), 0.4, np.float32)
    worse = KINDS["whitebalance"](grey, np.random.default_rng(2))
    light = ((worse[0, 0] + 0.055) / 1.055) ** 2.4
    assert light @ np.array([0.299, 0.587, 0.114]) == pytest.approx(((0.4 + 0.055) / 1.055) ** 2.4, rel=1e-3)
    assert (worse[0, 0, 0] - 0.4) * (worse[0, 0, 2] - 0.4) < 0


def test_haze_lowers_contrast_towards_its_light():
    """Differences of pixels shrink, and the darkest pixel is lifted."""
    worse = KINDS["haze"](_unit(), np.random.default_rng(3))
    assert worse.std() < 0.8 * _unit().std() and worse.min() > _unit().min() + 0.1


def test_blur_keeps_the_mean_and_lowers_edges():
    """Weights of a kernel add to 1; steps between neighbours shrink."""
    worse = KINDS["blur"](_unit(), np.random.default_rng(4))
    assert worse.mean() == pytest.approx(_unit().mean(), abs=5e-3)
    assert np.abs(np.diff(worse, axis=1)).max() < 0.7 * np.abs(np.diff(_unit(), axis=1)).max()


def test_jpeg_comes_once_and_twice_on_a_moved_grid():
    """Over many draws both happen: of blocks of 8, borders show at multiples of 8 always, elsewhere after two."""
    noise = np.random.default_rng(0).uniform(0, 1, (64, 64, 3)).astype(np.float32)
    errors = {float(np.abs(KINDS["jpeg"](noise, np.random.default_rng(seed)) - noise).mean()) for seed in range(6)}
    assert len(errors) == 6 and min(errors) > 0.05
