"""Planes of pictures whose left and right borders belong together are resized without a seam."""

import numpy as np
import pytest

from nasjax.apply.images import _enlarged
from nasjax.apply.photo import limit_size
from nasjax.apply.picture import Picture


def _turned(plane, columns):
    return np.roll(plane, columns, 1)


@pytest.mark.parametrize("around", [0, 2])
def test_opacity_is_enlarged_around(around):
    """Turned, it is the enlarged plane turned; without the other side's columns it is not."""
    alpha = np.random.default_rng(0).uniform(0, 1, (5, 12)).astype(np.float32)
    plain, turned = (_enlarged(a, (20, 48), around=around) for a in (alpha, _turned(alpha, 5)))
    off = np.abs(_turned(plain, 20) - turned).max()
    assert off <= 1e-6 if around else off > 0.01


@pytest.mark.parametrize("wrap", [False, True])
def test_a_picture_is_reduced_around(wrap):
    """To a third, by filters that look six pixels far."""
    pixels = np.random.default_rng(0).uniform(-1, 1, (30, 60, 3)).astype(np.float32)
    pair = (Picture(pixels), Picture(_turned(pixels, 9)))
    plain, turned = (limit_size(picture, 20, wrap=wrap).pixels for picture in pair)
    off = np.abs(_turned(plain, 3) - turned).max()
    assert off <= 1e-6 if wrap else off > 0.01
