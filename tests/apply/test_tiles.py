"""Windows of few shapes cover a picture of any size, once, with enough around them."""

import numpy as np
import pytest

from nasjax.apply.tiles import Tile, cut, place_of, tiles_of

SIZES = [(160, 333), (144, 145), (40, 700), (7, 9), (600, 1300), (256, 512), (128, 64)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("exact", [0, 1, 4])
def test_tiles_cover_every_pixel_once_and_keep_their_margin(size, exact):
    """Cores partition the picture; each window holds its core with the margin, or the picture's border."""
    seen = np.zeros(size, int)
    for tile in tiles_of(size, sides=(64, 144), margin=20, exact=exact):
        top, left, bottom, right = tile.core
        seen[top:bottom, left:right] += 1
        for start, length, first, last, end, loose in zip(
            tile[:2], tile[2:4], (top, left), (bottom, right), size, tile.open_ended, strict=True
        ):
            assert start == 0 or first - start >= 20
            assert last == end or start + length - last >= 20
            assert start <= first < last <= start + length
            assert start + length <= end or (loose and not exact)
    assert (seen == 1).all()


def test_windows_have_few_shapes():
    """Over all sizes up to five tiles a side: three small shapes an axis, or the tile."""
    rng = np.random.default_rng(0)
    sizes = [tuple(rng.integers(1, 700, 2).tolist()) for _ in range(300)]
    tiles = [tiles_of(size, sides=(32, 64, 144), margin=20)[0] for size in sizes]
    assert {tile.height for tile in tiles} == {tile.width for tile in tiles} == {32, 64, 144}


def test_a_tile_that_is_all_margin_is_refused():
    """Both lengths are named."""
    with pytest.raises(ValueError, match="tiles of 40 pixels are no larger than the 20"):
        tiles_of((100, 100), sides=(16, 40), margin=20)


def test_what_lies_beyond_the_picture():
    """The last pixel again, or the picture mirrored as often as it takes, as numpy pads."""
    pixels = np.arange(2 * 3 * 1, dtype=np.float32).reshape(2, 3, 1)
    tile = Tile(0, 1, 7, 8, (0, 1, 2, 3))
    for mirrored, mode in ((False, "edge"), (True, "symmetric")):
        wanted = np.pad(pixels, ((0, 5), (0, 6), (0, 0)), mode=mode)[None, :, 1:]
        np.testing.assert_array_equal(cut(pixels, tile, mirrored=mirrored), wanted)


def test_levels_become_floats():
    """Of 8 and of 16 bits, both ends exactly; labels stay what they are."""
    tile = Tile(0, 0, 1, 2, (0, 0, 1, 2))
    for dtype in (np.uint8, np.uint16):
        pixels = np.array([[[0], [np.iinfo(dtype).max]]], dtype)
        np.testing.assert_array_equal(cut(pixels, tile).ravel(), [-1, 1])
        assert cut(pixels, tile, levels=False).dtype == dtype


def test_the_place_is_that_of_the_window():
    """The core is in the window's own pixels; programs do not differ by place."""
    place = place_of(Tile(16, 32, 64, 64, (26, 32, 70, 96)), (200, 96))
    np.testing.assert_array_equal(place.start, [16, 32])
    np.testing.assert_array_equal(place.size, [200, 96])
    np.testing.assert_array_equal(place.core, [[10, 54], [0, 64]])
