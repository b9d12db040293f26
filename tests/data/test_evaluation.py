"""What networks are judged on."""

import numpy as np
import pytest

from nasjax.data import eval_images, folder, open_source, validation_patches
from nasjax.ops.resize import imresize_reference
from tests.data.pictures import write_folder, write_picture


def test_eval_images_are_multiples_with_their_low_resolution(tmp_path):
    """The bottom and right are cropped; the low resolution is MATLAB's."""
    pixels = write_picture(tmp_path / "a.png", 23, 30)
    (image,) = eval_images(folder(tmp_path, "fail"), 4)
    assert image.name == "a.png" and image.hr.shape == (20, 28, 3) and image.lr.shape == (5, 7, 3)
    np.testing.assert_array_equal(image.hr, pixels[:20, :28])
    np.testing.assert_array_equal(image.lr, imresize_reference(pixels[:20, :28], 0.25))


@pytest.mark.parametrize("scale", [2, 3])
def test_eval_sizes_divide_for_other_scales(tmp_path, scale):
    """1 / 3 is no exact float: the sizes must come out exact all the same."""
    write_picture(tmp_path / "a.png", 50, 71)
    (image,) = eval_images(folder(tmp_path, "fail"), scale)
    assert [scale * side for side in image.lr.shape[:2]] == list(image.hr.shape[:2])


def test_eval_refuses_too_small_pictures(tmp_path):
    """Named, with the sizes."""
    write_picture(tmp_path / "tiny.png", 3, 9)
    with pytest.raises(ValueError, match=r"tiny\.png \(3x9\)"):
        eval_images(folder(tmp_path, "fail"), 4)


def test_embedded_eval_images_are_halved():
    """Lossy photographs serve at half their size."""
    photos = open_source("embedded", "val", halve=False)
    image = eval_images(open_source("embedded", "val"), 4)[0]
    assert all(0 <= side // 2 - found < 4 for side, found in zip(photos.size(0), image.hr.shape, strict=False))


def test_validation_patches_are_fixed_and_shared_out(tmp_path):
    """The same each time, and every picture gives its share, the first ones first."""
    pixels = write_folder(tmp_path, 3, 40, 50)
    source = folder(tmp_path, "fail")
    found = validation_patches(source, 16, 7)
    assert found.shape == (7, 16, 16, 3) and found.dtype == np.uint8
    np.testing.assert_array_equal(found, validation_patches(source, 16, 7))
    windows = [{p[y : y + 16, x : x + 16].tobytes() for y in range(25) for x in range(35)} for p in pixels]
    owner = [next(i for i, w in enumerate(windows) if patch.tobytes() in w) for patch in found]
    assert owner == [0, 1, 2, 0, 1, 2, 0]
    assert len({patch.tobytes() for patch in found}) == 7


def test_validation_patches_are_textured():
    """On photographs they have several times the local contrast of random places."""

    def texture(stack):
        return np.square(np.diff(stack.astype(float).mean(axis=-1), axis=1)).mean()

    source = open_source("embedded", "val")
    rng = np.random.default_rng(0)
    places = [(i, rng.random(2)) for i in range(len(source)) for _ in range(10)]
    cuts = []
    for i, place in places:
        y, x = (place * (np.array(source.size(i)) - 64)).astype(int)
        cuts.append(source[i]["image"][y : y + 64, x : x + 64])
    assert texture(validation_patches(source, 64, 12)) > 1.5 * texture(np.stack(cuts))


def test_validation_patches_refuse_what_they_cannot_do(tmp_path):
    """Nothing wanted, or pictures too small; the latter may be skipped."""
    write_folder(tmp_path, 2, 20, 20)
    write_picture(tmp_path / "tiny.png", 5, 5)
    with pytest.raises(ValueError, match="num"):
        validation_patches(folder(tmp_path, "fail"), 16, 0)
    with pytest.raises(ValueError, match=r"tiny\.png"):
        validation_patches(folder(tmp_path, "fail"), 16, 2)
    assert validation_patches(folder(tmp_path, "fail"), 16, 3, on_small="skip").shape == (3, 16, 16, 3)
