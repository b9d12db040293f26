"""What travels with pixels: kept where a format has room, said where not, never the reason of a failure."""

import struct

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from nasjax.apply.metadata import Metadata
from nasjax.apply.picture import Picture
from nasjax.apply.reading import read_picture
from nasjax.apply.writing import write_picture

RGB = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF tiff:Orientation="6" dc:creator="me"/></x:xmpmeta>'


def _exif(**more):
    exif = Image.Exif()
    exif[0x010F], exif[0x0100] = "maker", 8
    exif[0x8769] = {0x9003: "2024:05:06 07:08:09"}
    for tag, value in more.items():
        exif[int(tag[1:], 16)] = value
    loaded = Image.Exif()  # Pillow's TIFF writer takes no dict that was never in a file
    loaded.load(exif.tobytes())
    loaded[0x8769] = loaded.get_ifd(0x8769)
    return loaded


def _source(path):
    if path.suffix == ".png":
        texts = PngImagePlugin.PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
        texts.add_text("Comment", "words")
        Image.fromarray(RGB).save(path, exif=_exif(), dpi=(300, 150), pnginfo=texts)
    elif path.suffix == ".tif":
        Image.fromarray(RGB).save(path, exif=_exif(x02BC=XMP), dpi=(300, 150))
    else:
        Image.fromarray(RGB).save(path, exif=_exif(), dpi=(300, 150), xmp=XMP, comment=b"words")
    return read_picture(path)


@pytest.mark.parametrize("out", [".png", ".jpg", ".webp"])
@pytest.mark.parametrize("source", [".png", ".jpg", ".webp", ".tif"])
def test_all_of_it_travels_from_format_to_format(tmp_path, source, out):
    """EXIF, XMP without its orientation, and resolution, where the formats have one; sizes in EXIF are the new ones."""
    picture = _source(tmp_path / f"in{source}")
    turned = picture._replace(pixels=picture.pixels[:5])
    assert write_picture(turned, tmp_path / f"out{out}") == () == picture.notes
    with Image.open(tmp_path / f"out{out}") as image:
        image.load()
        exif = image.getexif()
        assert exif[0x010F] == "maker" and exif.get_ifd(0x8769)[0x9003] == "2024:05:06 07:08:09"
        assert source == ".tif" or exif[0x0100] == image.width
        xmp = image.info["xmp"]
        assert b"creator" in xmp and b"Orientation" not in xmp
        if ".webp" not in (source, out):
            np.testing.assert_allclose(image.info["dpi"], (300, 150), rtol=1e-3)


def test_texts_travel_where_they_have_a_place(tmp_path):
    """From PNG to PNG with their keyword, and from JPEG to JPEG as its comment."""
    write_picture(_source(tmp_path / "in.png"), tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        assert image.text["Comment"] == "words"
    write_picture(_source(tmp_path / "in.jpg"), tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.info["comment"] == b"words"


def test_tags_of_storage_stay_behind(tmp_path):
    """EXIF of a TIFF has those that say how its pixels lie; of another file they would be wrong."""
    _source(tmp_path / "in.tif")
    write_picture(read_picture(tmp_path / "in.tif"), tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        assert not {0x0111, 0x0117, 0x0106, 0x0102} & {*image.getexif()}


def test_orientation_of_xmp_alone_counts(tmp_path):
    """As viewers have it; it is gone afterwards."""
    Image.fromarray(RGB).save(tmp_path / "in.jpg", xmp=XMP, quality=100, subsampling=0)
    picture = read_picture(tmp_path / "in.jpg")
    assert picture.size == (8, 6) and b"Orientation" not in picture.meta.xmp
    assert np.abs(picture.pixels.astype(int) - np.rot90(RGB, -1)).mean() < 3


@pytest.mark.parametrize("lost", ["", "Artist"])
def test_entries_that_cannot_be_written_are_left_out_alone(tmp_path, lost):
    """The others stay, and the line names the ones that are lost."""
    tags = (
        [(0x0110, 2, b"model\0\0\0"), (0x013B, 12, struct.pack("<d", 7.5))] if lost else [(0x0110, 2, b"model\0\0\0")]
    )
    place, body, content = 8 + 2 + 12 * len(tags) + 4, b"", b""
    for tag, kind, value in tags:
        body += struct.pack("<HHLL", tag, kind, 1 if kind == 12 else 6, place + len(content))
        content += value
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + body + bytes(4) + content
    Image.fromarray(RGB).save(tmp_path / "in.jpg", exif=exif)
    picture = read_picture(tmp_path / "in.jpg")
    assert picture.notes == ((f"EXIF that is unusable is left out: {lost}",) if lost else ())
    kept = Image.Exif()
    kept.load(picture.meta.exif)
    assert {**kept} == {0x0110: "model"}


def test_what_has_no_room_is_named(tmp_path):
    """XMP and profile of more bytes than a JPEG's segments have."""
    meta = Metadata(xmp=b"x" * 70_000, exif=_exif(x010E="y" * 70_000).tobytes())
    notes = write_picture(Picture(RGB, meta=meta), tmp_path / "out.jpg")
    assert [note.split(" of ")[0] for note in notes] == ["EXIF", "XMP"]
    assert write_picture(Picture(RGB, meta=meta), tmp_path / "out.png") == ()


@pytest.mark.parametrize("dpi", [(0, 0), ("x", 3), (float("nan"), 72), None, 72])
def test_a_resolution_that_is_none_is_left_out(tmp_path, dpi):
    """Zero, words, no number, one for both: the picture is read all the same."""
    from nasjax.apply.picture import from_pillow

    image = Image.fromarray(RGB)
    image.info["dpi"] = dpi
    assert from_pillow(image).meta.dpi is None
