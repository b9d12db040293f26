"""Sixteen bits a channel in and out, and large pictures that are not in memory as a whole."""

import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from nasjax.apply import canvas as canvas_module
from nasjax.apply import deep
from nasjax.apply.canvas import behind, canvas, release
from nasjax.apply.levels import to_floats, to_levels
from nasjax.apply.picture import Picture
from nasjax.apply.reading import read_levels, read_picture
from nasjax.apply.writing import write_picture
from tests.commands.cases import deep_tiff, png

DEEP = np.random.default_rng(0).integers(0, 65536, (13, 17, 4)).astype(np.uint16)
RGB = np.random.default_rng(1).integers(0, 256, (13, 17, 3)).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_every_level_of_a_png_is_read_and_written(tmp_path, channels):
    """Of greys and colours, with and without alpha: the same integers come out."""
    (tmp_path / "in.png").write_bytes(png(DEEP[..., :channels]))
    picture = read_picture(tmp_path / "in.png")
    colours = DEEP[..., : 1 if channels < 3 else 3].repeat(3 if channels < 3 else 1, -1)
    assert picture.deep and picture.grey == (channels < 3)
    np.testing.assert_array_equal(picture.pixels, colours)
    assert write_picture(picture, tmp_path / "out.png") == ()
    again = read_picture(tmp_path / "out.png")
    np.testing.assert_array_equal(again.pixels, colours)
    if channels in (2, 4):
        np.testing.assert_array_equal(np.round(again.alpha * 65535), DEEP[..., channels - 1])


def test_files_of_the_writer_are_what_others_read(tmp_path):
    """Pillow, which has 8 bits for colours, finds their higher bytes; rows of every filter are among them."""
    y, x = np.mgrid[:40, :30]
    smooth = np.stack([800 * x + 9 * y, 900 * y + x, 500 * (x + y)], -1).astype(np.uint16)
    file = BytesIO()
    deep.write_png(file, smooth, {"dpi": (100, 100)})
    with Image.open(file) as image:
        np.testing.assert_array_equal(np.asarray(image), smooth >> 8)
        assert image.info["dpi"] == pytest.approx((100, 100), rel=1e-3)
    assert len(file.getvalue()) < 0.5 * smooth.nbytes


@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff_of_either_byte_order(tmp_path, order):
    """Written by hand in both orders, and by Pillow as compressed greys: the same integers come out."""
    if order == "<":
        (tmp_path / "in.tif").write_bytes(deep_tiff(DEEP[..., :3]))
        np.testing.assert_array_equal(read_picture(tmp_path / "in.tif").pixels, DEEP[..., :3])
    else:
        mode = Image.frombytes("I;16B", (17, 13), DEEP[..., 0].astype(">u2").tobytes())
        mode.save(tmp_path / "grey.tif")
        np.testing.assert_array_equal(read_levels(tmp_path / "grey.tif")[..., 0], DEEP[..., 0])
    Image.fromarray(DEEP[..., 0]).save(tmp_path / "packed.tif", compression="tiff_adobe_deflate")
    np.testing.assert_array_equal(read_levels(tmp_path / "packed.tif")[..., 0], DEEP[..., 0])


def test_colours_in_planes_are_refused_rather_than_read_wrongly(tmp_path):
    """Pillow would take their bytes for other pixels."""
    content = bytearray(deep_tiff(DEEP[..., :3]))
    place = content.index(struct.pack("<HHLL", 277, 3, 1, 3))
    # The entry behind it says how many rows a strip has; one that says "in planes" takes its place.
    content[place + 12 : place + 24] = struct.pack("<HHLL", 284, 3, 1, 2)
    entries = sorted(bytes(content[10 + 12 * i : 22 + 12 * i]) for i in range(9))
    content[10 : 10 + 12 * 9] = b"".join(sorted(entries, key=lambda entry: struct.unpack("<H", entry[:2])))
    (tmp_path / "planes.tif").write_bytes(content)
    with pytest.raises(ValueError, match="stored one after the other"):
        read_picture(tmp_path / "planes.tif")


def test_levels_and_floats_are_each_other():
    """All levels of 8 and 16 bits survive the way to floats and back; 8 bits are 16 bits scaled."""
    for dtype in (np.uint8, np.uint16):
        levels = np.arange(np.iinfo(dtype).max + 1).astype(dtype)
        np.testing.assert_array_equal(to_levels(to_floats(levels), deep=dtype is np.uint16), levels)
    np.testing.assert_array_equal(to_levels(np.array([0, 1, 255], np.uint8), deep=True), [0, 257, 65535])
    np.testing.assert_array_equal(to_levels(np.array([0, 257, 65535], np.uint16), deep=False), [0, 1, 255])
    np.testing.assert_array_equal(to_levels(np.array([-9, 0.999, 9], np.float32), deep=False), [0, 255, 255])
    with pytest.raises(ValueError, match="got int64"):
        to_floats(np.arange(3))


@pytest.mark.parametrize("deep_", [False, True])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_a_picture_in_a_file_is_written_like_one_in_memory(tmp_path, monkeypatch, deep_, suffix):
    """Filled part by part and released in between; the same bytes, or pixels where a PNG is written row by row."""
    whole = DEEP[..., :3].repeat(9, 0) if deep_ else RGB.repeat(9, 0)
    monkeypatch.setattr(canvas_module, "_IN_MEMORY", 1000)
    pixels = canvas(whole.shape[:2], deep=deep_)
    for top in range(0, len(whole), 50):
        pixels[top : top + 50] = whole[top : top + 50]
        release(pixels)
    assert isinstance(pixels, np.memmap) and (behind(pixels) is None) == deep_
    write_picture(Picture(pixels, deep=deep_), tmp_path / f"a{suffix}")
    monkeypatch.undo()
    write_picture(Picture(whole, deep=deep_), tmp_path / f"b{suffix}")
    if suffix != ".png":
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
    else:
        np.testing.assert_array_equal(read_levels(tmp_path / "a.png"), read_levels(tmp_path / "b.png"))
        np.testing.assert_array_equal(read_levels(tmp_path / "a.png"), whole)
