"""Invisible colours: continued from what is visible, and never counted in statistics."""

import numpy as np

from nasjax.apply.transparency import spread_colours


def _disc(hidden):
    """A disc of two colours, of other colours outside, where it is transparent."""
    rgb, alpha = np.full((21, 30, 3), hidden, np.float32), np.zeros((21, 30), np.float32)
    y, x = np.mgrid[:21, :30]
    inside = (y - 10) ** 2 + (x - 14) ** 2 < 40
    rgb[inside], alpha[inside] = (0.8, -0.2, 0.1), 1
    rgb[inside & (x < 14)] = (-0.5, 0.4, 0.3)
    return rgb, alpha


def test_what_is_visible_stays_and_what_is_hidden_does_not_count():
    """Two pictures that differ in invisible colours alone become the same."""
    found = [spread_colours(*_disc(hidden)) for hidden in (-1.0, 0.9)]
    np.testing.assert_array_equal(found[0], found[1])
    rgb, alpha = _disc(-1.0)
    np.testing.assert_array_equal(found[0][alpha > 0], rgb[alpha > 0])


def test_colours_are_continued_from_nearby():
    """Beside an edge the invisible pixels have its colour, left and right; far away they lie between the two."""
    found = spread_colours(*_disc(-1.0))
    np.testing.assert_allclose(found[10, 6], (-0.5, 0.4, 0.3), atol=0.2)
    np.testing.assert_allclose(found[10, 22], (0.8, -0.2, 0.1), atol=0.2)
    assert (found.min((0, 1)) >= (-0.501, -0.201, 0.099)).all() and (found.max((0, 1)) <= (0.801, 0.401, 0.301)).all()


def test_pictures_that_are_all_or_not_at_all_transparent():
    """The first is grey, the second itself; one visible pixel gives its colour to all."""
    rgb = np.random.default_rng(0).uniform(-1, 1, (5, 7, 3)).astype(np.float32)
    np.testing.assert_array_equal(spread_colours(rgb, np.zeros((5, 7), np.float32)), 0)
    np.testing.assert_array_equal(spread_colours(rgb, np.full((5, 7), 0.1, np.float32)), rgb)
    one = np.zeros((5, 7), np.float32)
    one[4, 6] = 0.5
    np.testing.assert_allclose(spread_colours(rgb, one), np.broadcast_to(rgb[4, 6], rgb.shape), atol=1e-6)


def test_a_large_picture_in_parts_is_the_picture(monkeypatch):
    """In blocks of a few rows, of odd sizes, and as levels of 8 and 16 bits: the same, rounded."""
    rng = np.random.default_rng(0)
    rgb = rng.uniform(-1, 1, (37, 41, 3)).astype(np.float32)
    alpha = np.where(rng.random((37, 41)) < 0.1, 0.5, 0).astype(np.float32)
    whole = spread_colours(rgb, alpha)
    monkeypatch.setattr("nasjax.apply.transparency._BLOCK", 120)
    np.testing.assert_allclose(spread_colours(rgb, alpha), whole, atol=1e-6)
    for dtype in (np.uint8, np.uint16):
        half = np.iinfo(dtype).max / 2
        levels = spread_colours(np.round((rgb + 1) * half).astype(dtype), alpha)
        assert levels.dtype == dtype and np.abs(levels - (whole + 1) * half).max() <= 1.001
