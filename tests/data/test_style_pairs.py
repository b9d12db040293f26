"""Pairs of content and style: found by name, split by number, cut to squares."""

import numpy as np
import pytest
from PIL import Image

from nasjax.data.embedded import embedded_photos
from nasjax.data.style_pairs import pair_names, pair_paths, square, square_pairs


def _folder(path, names):
    for name in names:
        for k, side in enumerate(("content", "style")):
            Image.new("RGB", (40 + k, 30), (10 * k, 20, 30)).save(path / f"{name}_{side}.png")
    return path


def test_pairs_are_found_by_name_and_split_by_number(tmp_path):
    """NAME_content goes with NAME_style; even and odd partition them."""
    _folder(tmp_path, ("01", "02", "10", "in3"))
    assert [p.name for p in pair_paths(tmp_path)] == ["01", "02", "10", "in3"]
    assert [p.name for p in pair_paths(tmp_path, "even")] == ["02", "10"]
    assert [p.name for p in pair_paths(tmp_path, "odd")] == ["01", "in3"]
    assert pair_paths(tmp_path)[0].style.name == "01_style.png"


def test_what_does_not_fit_is_named(tmp_path):
    """No pairs, a content alone, a name without a number, nothing left, and more than there are."""
    with pytest.raises(ValueError, match="not a folder with pictures"):
        pair_paths(tmp_path / "none")
    _folder(tmp_path, ("02",))
    with pytest.raises(ValueError, match="none of the 1 pairs"):
        pair_paths(tmp_path, "odd")
    with pytest.raises(ValueError, match="3 pairs are asked for"):
        square_pairs(str(tmp_path), number=3, size=32)
    _folder(tmp_path, ("cat",))
    with pytest.raises(ValueError, match="cat_content .* no number"):
        pair_paths(tmp_path, "even")
    (tmp_path / "cat_style.png").unlink()
    with pytest.raises(ValueError, match="cat_content but no cat_style"):
        pair_paths(tmp_path)


def test_squares_are_cut_from_the_middle(tmp_path):
    """The largest middle square, reduced; both sides of a pair in order."""
    image = np.zeros((10, 30, 3), np.uint8)
    image[:, 10:20] = 200
    assert (square(image, 5) == 200).all()
    contents, styles = square_pairs(str(_folder(tmp_path, ("01", "02"))), number=2, size=16)
    assert contents.shape == styles.shape == (2, 16, 16, 3)
    assert (contents[0, 0, 0] == (0, 20, 30)).all() and (styles[1, 0, 0] == (10, 20, 30)).all()


def test_embedded_photographs_are_paired_with_one_another():
    """No photograph with itself, and none of the test split."""
    contents, styles = square_pairs("embedded", number=8, size=32)
    assert contents.shape == (8, 32, 32, 3)
    assert all((a != b).any() for a, b in zip(contents, styles, strict=True))
    assert (np.roll(contents, 4, axis=0) == styles).all()


def test_names_are_those_of_the_squares(tmp_path):
    """An embedded content's name finds its picture, its style's name the style; a folder's pairs have one name."""
    contents, styles = square_pairs("embedded", number=5, size=32)
    for (content, style), a, b in zip(pair_names("embedded", number=5), contents, styles, strict=True):
        assert (square(_embedded(content), 32) == a).all() and (square(_embedded(style), 32) == b).all()
    folder = str(_folder(tmp_path, ("01", "02", "04")))
    assert pair_names(folder, number=2, take="even") == [("02", "02"), ("04", "04")]


def _embedded(name):
    photos = embedded_photos("all")
    return photos[photos.names.index(name)]["image"]
