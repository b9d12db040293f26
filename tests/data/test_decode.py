"""Every mode of picture becomes the right uint8 RGB."""

import numpy as np
import pytest
from PIL import Image

from nasjax.data.decode import UnreadableImage, halve, read_image, read_size

RED = (200, 30, 10)


def saved(folder, picture, name="picture.png", **options):
    picture.save(folder / name, **options)
    return folder / name


def test_rgb_is_untouched(tmp_path):
    """Lossless colour comes back as it was."""
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    np.testing.assert_array_equal(read_image(saved(tmp_path, Image.fromarray(pixels))), pixels)


def test_grey_is_repeated(tmp_path):
    """Grey and bilevel pictures have three equal channels."""
    assert (read_image(saved(tmp_path, Image.new("L", (4, 3), 77))) == 77).all()
    assert (read_image(saved(tmp_path, Image.new("1", (4, 3), 1))) == 255).all()


def test_sixteen_bits_are_scaled(tmp_path):
    """65535 is white, and 257 levels make one."""
    levels = np.array([[0, 257, 65535, 32768]], np.uint16)
    np.testing.assert_array_equal(read_image(saved(tmp_path, Image.fromarray(levels)))[0, :, 0], [0, 1, 255, 128])


def test_alpha_is_composed_over_white(tmp_path):
    """Transparent is white, opaque is itself, half is between; also for grey and palettes."""
    pixels = np.array([[[*RED, 0], [*RED, 255], [*RED, 128]]], np.uint8)
    found = read_image(saved(tmp_path, Image.fromarray(pixels, "RGBA")))
    np.testing.assert_array_equal(found[0, :2], [[255, 255, 255], RED])
    np.testing.assert_allclose(found[0, 2], (255 + np.array(RED)) / 2, atol=1)
    assert (read_image(saved(tmp_path, Image.new("LA", (2, 2), (9, 0)))) == 255).all()
    palette = Image.new("P", (2, 1))
    palette.putpalette([*RED, 1, 2, 3])
    palette.putdata([0, 1])
    found = read_image(saved(tmp_path, palette, transparency=1))
    np.testing.assert_array_equal(found[0], [RED, (255, 255, 255)])


def test_cmyk_is_converted(tmp_path):
    """No ink is white paper."""
    assert (read_image(saved(tmp_path, Image.new("CMYK", (8, 8)), "picture.jpg")) > 250).all()


@pytest.mark.parametrize("name", ["picture.jpg", "picture.png", "picture.webp", "picture.tif"])
def test_exif_orientation_is_applied(tmp_path, name):
    """A camera held upright: the size of the header and the pixels agree, and the top is the top."""
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:, :16] = 250
    exif = Image.Exif()
    exif[0x0112] = 6  # the picture has to be turned clockwise: its left side goes up
    path = saved(tmp_path, Image.fromarray(pixels), name, exif=exif)
    found = read_image(path)
    assert read_size(path) == found.shape[:2] == (32, 16)
    assert found[:12].mean() > 200 > 50 > found[-12:].mean()


def test_broken_files_are_named(tmp_path):
    """Text, nothing, a truncated file and float pixels: one error, which names the file."""
    whole = saved(tmp_path, Image.effect_noise((64, 64), 50), "whole.png").read_bytes()
    for name, content in {"text.png": b"not a picture", "empty.jpg": b"", "cut.png": whole[:600]}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UnreadableImage, match=name):
            read_image(tmp_path / name)
    float_path = saved(tmp_path, Image.new("F", (2, 2)), "float.tif")
    with pytest.raises(UnreadableImage, match="8 or 16 bits"):
        read_image(float_path)
    with pytest.raises(UnreadableImage, match="empty.jpg"):
        read_size(tmp_path / "empty.jpg")
    with pytest.raises(UnreadableImage, match="missing.png"):
        read_image(tmp_path / "missing.png")


def test_halving_averages_and_crops():
    """Fine stripes vanish (antialiasing), smooth ramps stay, odd sizes lose a line."""
    stripes = np.zeros((21, 20, 3), np.uint8)
    stripes[:, ::2] = 200
    found = halve(stripes)
    assert found.shape == (10, 10, 3)
    np.testing.assert_allclose(found[:, 2:-2].astype(float), 100, atol=1)
