"""Stylising: windows equal the whole, regions take their own statistics, and nothing transferred changes nothing."""

import jax
import numpy as np
import pytest

from nasjax.apply.stylist import Stylist
from nasjax.export.stylist import StyleNetwork
from nasjax.spaces.photonet import photonet

ARGUMENTS = {"widths": [4, 6, 8], "convs": [2, 1, 1], "ops": ["conv"]}


def _network(on):
    net = photonet(**ARGUMENTS)
    arch = net.space.encode({c.name: c.options[0] for c in net.space.choices} | on)
    params = net.extract_params(net.init(jax.random.key(0)), arch)
    return StyleNetwork(net, tuple(arch.tolist()), params, {})


@pytest.fixture(scope="module")
def network():
    """A transfer of each kind (bottleneck, skip, decoder) and a norm: every point more is more to compile."""
    return _network({"bn.wct": "on", "d2.skip": "on", "d2.cat": "on", "d2.in": "norm", "d1.wct": "on"})


def _image(height, width, seed):
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(-0.8, 0.8, (height // 10 + 2, width // 10 + 2, 3)).repeat(10, 0).repeat(10, 1)
    return np.float32(coarse[:height, :width] + rng.normal(0, 0.05, (height, width, 3))).clip(-1, 1)


@pytest.fixture(scope="module")
def whole(network):
    return Stylist(network, method="eigh", sides=(64,))


def _apart(a, b):
    """The largest difference, of a range of 2."""
    return np.abs(np.asarray(a, np.float64) - b).max() / 2


def test_what_is_its_own_style_is_itself(whole):
    """And so is what nothing is transferred to: exactly, in floats and in levels."""
    content, style = _image(40, 52, 0), _image(35, 60, 1)
    assert _apart(whole(content, whole.style(style), alpha=0.0), content) == 0
    assert _apart(whole(content, whole.style(content)), content) < 1e-5
    assert _apart(whole(content, whole.style(style)), content) > 0.05
    for dtype in (np.uint8, np.uint16):
        levels = np.round((content + 1) * (np.iinfo(dtype).max / 2)).astype(dtype)
        for found in (
            whole(levels, whole.style(style), alpha=0.0, dtype=dtype),
            whole(levels, whole.style(levels), dtype=dtype),
        ):
            assert np.abs(found.astype(int) - levels).max() <= (dtype == np.uint16)


def test_windows_stylise_as_the_whole_does(network):
    """A picture in six windows, and its style in six: no seams."""
    content, style = _image(180, 250, 11), _image(190, 240, 12)
    whole = Stylist(network, method="eigh", sides=(256,))
    tiled = Stylist(network, method="eigh", sides=(160,))
    assert _apart(tiled(content, tiled.style(style)), whole(content, whole.style(style))) < 1e-5


def test_alpha_lies_between(whole):
    """Half of a transfer is nearer to the content than all of it, and to all of it than the content."""
    content, style = _image(40, 52, 2), whole.style(_image(40, 52, 3))
    half, full = (whole(content, style, alpha=a) for a in (0.5, 1.0))
    assert np.abs(half - content).mean() < np.abs(full - content).mean()
    assert np.abs(half - full).mean() < np.abs(full - content).mean()


def test_equal_regions_are_one_region(whole):
    """Soft regions that each cover everything equally give what one region gives."""
    content, style = _image(40, 52, 5), _image(40, 52, 6)
    half = np.full((40, 52, 2), 0.5, np.float32)
    expected = whole(content, whole.style(style))
    assert _apart(whole(content, whole.style(style, half), weights=half), expected) < 1e-3


def test_a_region_of_one_pixel_works_and_an_absent_one_stays(whole):
    """Statistics of a single style pixel are finite; where the style has no such region the content stays itself."""
    content, style = _image(40, 52, 7), _image(40, 52, 8)
    regions = np.stack([np.broadcast_to(np.arange(52) < 26, (40, 52))] * 2, -1) ^ np.array([False, True])
    single = np.zeros((40, 52, 2), np.float32)
    single[..., 0], single[3, 4] = 1, (0, 1)
    assert np.isfinite(whole(content, whole.style(style, single), weights=regions)).all()
    absent = np.zeros((40, 52, 2), np.float32)
    absent[..., 0] = 1
    kept = whole(content, whole.style(style, absent), weights=regions)
    # The filter's windows reach over the border between them.
    assert _apart(kept[:, :20], content[:, :20]) > 0.05 and _apart(kept[:, -2:], content[:, -2:]) < 0.05


def test_what_does_not_count_has_no_say(whole):
    """Other pixels where a picture counts for nothing change neither its statistics nor what the rest becomes."""
    content, style, counts = _image(40, 52, 9), _image(40, 52, 10), np.ones((40, 52), np.float32)
    counts[:, 30:] = 0
    other = np.where(counts[..., None] > 0, style, -style)
    a, b = (whole(content, whole.style(image, counts=counts)) for image in (style, other))
    # The network sees a few pixels across the border.
    assert _apart(a, b) < 0.2 * _apart(a, whole(content, whole.style(other)))


def test_numbers_of_regions_must_match(whole):
    """A content with two regions and a style with one: the error names both."""
    style = whole.style(_image(40, 52, 9))
    with pytest.raises(ValueError, match="2 regions, the style 1"):
        whole(_image(40, 52, 9), style, weights=np.full((40, 52, 2), 0.5, np.float32))


def test_many_sizes_take_few_programs():
    """After a picture of one window and one of several, contents and styles of other sizes need no program more."""
    stylist = Stylist(_network({"d1.skip": "on", "d1.cat": "on"}), method="eigh", sides=(128,))
    counts = []
    for height, width in ((50, 60), (150, 140), (7, 120), (129, 300), (200, 131)):
        assert stylist(_image(height, width, 0), stylist.style(_image(width, height, 1))).shape == (height, width, 3)
        counts.append(stylist._content.programs + stylist._style.programs)
    assert counts[1] == counts[-1] <= 8
