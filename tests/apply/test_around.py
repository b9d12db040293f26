"""Pictures whose left and right borders belong together are reduced without a seam."""

import numpy as np
import pytest

from nasjax.apply.photo import limit_size
from nasjax.apply.picture import Picture


def _turned(plane, columns):
    return np.roll(plane, columns, 1)


@pytest.mark.parametrize("wrap", [False, True])
def test_a_picture_is_reduced_around(wrap):
    """To a third, by filters that look six pixels far."""
    pixels = np.random.default_rng(0).uniform(-1, 1, (30, 60, 3)).astype(np.float32)
    pair = (Picture(pixels), Picture(_turned(pixels, 9)))
    plain, turned = (limit_size(picture, 20, wrap=wrap).pixels for picture in pair)
    off = np.abs(_turned(plain, 3) - turned).max()
    assert off <= 1e-6 if wrap else off > 0.01
