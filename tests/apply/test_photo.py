"""Photographs for style transfer: colours of any file, one colour space for two pictures, and painting anew."""

import numpy as np
import pytest
from PIL import Image

from nasjax.apply.metadata import Metadata
from nasjax.apply.photo import in_colours_of, limit_size, read_photo, repaint
from nasjax.apply.picture import Picture, from_pillow
from nasjax.apply.writing import write_picture
from tests.apply.profiles import linear_grey, swapped

RGB = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)


SWAPPED, LINEAR_GREY = swapped(), linear_grey()


def _read(tmp_path, image, name="in.png", **save):
    image.save(tmp_path / name, **save)
    return read_photo(tmp_path / name)


@pytest.mark.parametrize("mode", ["L", "LA", "1", "I;16"])
def test_greys_become_colours(tmp_path, mode):
    """All three channels are the grey, and a repainted picture is written with the colours it was given."""
    grey = Image.fromarray(RGB[..., 0])
    image = Image.fromarray(RGB[..., 0].astype(np.uint16) * 257) if mode == "I;16" else grey.convert(mode)
    picture = _read(tmp_path, image)
    wanted = np.asarray(grey if mode == "I;16" else image.convert("L")) / 127.5 - 1
    np.testing.assert_allclose(picture.rgb, wanted[..., None].repeat(3, -1), atol=1e-6)
    write_picture(repaint(picture, RGB / np.float32(127.5) - 1), tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as written:
        assert written.mode == ("RGBA" if mode == "LA" else "RGB")
        np.testing.assert_array_equal(np.asarray(written)[..., :3], RGB)


def test_what_travels_with_the_pixels(tmp_path):
    """The profile, EXIF (upright) and transparency of the content are those of the stylised file."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    alpha = np.arange(1, 49, dtype=np.uint8).reshape(6, 8)
    content = _read(tmp_path, Image.fromarray(np.dstack([RGB, alpha])), exif=exif.tobytes(), icc_profile=SWAPPED)
    write_picture(repaint(content, -content.rgb), tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as written:
        assert written.info["icc_profile"] == SWAPPED
        assert written.getexif()[0x010F] == "maker" and written.getexif().get(0x0112, 1) == 1
        np.testing.assert_array_equal(np.asarray(written), np.rot90(np.dstack([255 - RGB, alpha]), -1))


def test_a_style_is_converted_to_the_profile_of_the_content():
    """By profiles that call green red: values of one, read in the other, have these channels exchanged."""
    style = from_pillow(Image.fromarray(RGB))
    found = in_colours_of(style, Picture(style.rgb, meta=Metadata(SWAPPED)))
    np.testing.assert_allclose(found.rgb, style.rgb[..., [1, 0, 2]], atol=2.1 / 127.5)
    assert found.meta.profile == SWAPPED
    back = in_colours_of(found, style)
    np.testing.assert_allclose(back.rgb, style.rgb, atol=4.1 / 127.5)
    assert in_colours_of(style, Picture(style.rgb)) is style


def test_greys_of_a_profile_are_converted(tmp_path):
    """Half the light is level 188 of sRGB; the profile of greys is gone."""
    picture = _read(tmp_path, Image.fromarray(np.full((4, 4), 128, np.uint8)), icc_profile=LINEAR_GREY)
    np.testing.assert_allclose(picture.rgb, 188 / 127.5 - 1, atol=1.1 / 127.5)
    assert picture.meta.profile == b"" and not picture.grey


def test_a_broken_profile_counts_as_none():
    """It is taken for sRGB, and nothing fails."""
    style = from_pillow(Image.fromarray(RGB))
    found = in_colours_of(style._replace(meta=Metadata(b"no profile")), style)
    np.testing.assert_allclose(found.rgb, style.rgb, atol=1.1 / 127.5)


def test_a_profile_of_greys_is_not_given_to_colours():
    """A repainted grey picture that still has one loses it, and a style is not converted to it."""
    style = from_pillow(Image.fromarray(RGB))
    content = Picture(style.rgb, grey=True, meta=Metadata(LINEAR_GREY))
    assert repaint(content, style.rgb).meta.profile == b""
    assert in_colours_of(style, content) is style


@pytest.mark.parametrize("longest, size", [(None, (60, 80)), (80, (60, 80)), (40, (30, 40)), (1, (1, 1))])
def test_the_longest_side_is_limited(longest, size):
    """The shape is kept as well as pixels allow, transparency is reduced as well, and means stay."""
    rgb = np.full((60, 80, 3), 0.25, np.float32)
    picture = limit_size(Picture(rgb, alpha=np.full((60, 80), 0.5, np.float32)), longest)
    assert picture.rgb.shape == (*size, 3) and picture.alpha.shape == size
    np.testing.assert_allclose(picture.rgb, 0.25, atol=1e-6)
    np.testing.assert_allclose(picture.alpha, 0.5, atol=1e-6)


def test_bad_input_is_named(tmp_path):
    """A limit that is none, pixels of another size, a file that is not there."""
    picture = from_pillow(Image.fromarray(RGB))
    with pytest.raises(ValueError, match="longest side must be 1 pixel or more, got 0"):
        limit_size(picture, 0)
    with pytest.raises(ValueError, match=r"must have the shape \(6, 8, 3\), got \(6, 8, 1\)"):
        repaint(picture, picture.rgb[..., :1])
    with pytest.raises(ValueError, match="there is no such file"):
        read_photo(tmp_path / "missing.jpg")
