"""Which files are taken for pictures: by what is in them, by one rule for all commands."""

import sys

import numpy as np
import pytest
from PIL import Image

from nasjax.apply.formats import suffix_for
from nasjax.apply.reading import read_picture
from nasjax.apply.select import select

PICTURE = Image.fromarray(np.full((4, 6, 3), 99, np.uint8))


@pytest.fixture
def folder(tmp_path):
    """Pictures under good, wrong and no suffixes, hidden and in folders; and things that are none."""
    (tmp_path / "inner" / "deep").mkdir(parents=True)
    (tmp_path / ".cache").mkdir()
    for name in ("b.png", "a.jpg", "inner/c.webp", "inner/deep/d.bmp", ".e.png", ".cache/f.png"):
        PICTURE.save(tmp_path / name)
    PICTURE.save(tmp_path / "no suffix", "PNG")
    PICTURE.save(tmp_path / "notes.txt", "GIF")
    (tmp_path / "readme.txt").write_text("#define that no picture is")
    (tmp_path / "looks.tga").write_bytes(bytes(18) + b"no header of anything")
    return tmp_path


def _names(found, root):
    return [source.path.relative_to(root).as_posix() for source in found.sources]


def test_content_decides_and_hidden_files_are_left_out(folder):
    """A picture by any other name is one; a file that only says so is named, one that does not is passed over."""
    found = select(folder)
    assert _names(found, folder) == ["a.jpg", "b.png", "no suffix", "notes.txt"]
    assert [failure.name for failure in found.failed] == [str(folder / "looks.tga")]
    assert [source.header.kind for source in found.sources] == ["JPEG", "PNG", "PNG", "GIF"]
    assert {source.header.size for source in found.sources} == {(4, 6)} and not found.single


def test_folders_inside_are_asked_for(folder):
    """In order, with their path below the folder; but for one that is named, and a link that goes round."""
    (folder / "inner" / "round").symlink_to(folder)
    found = select(folder, recursive=True)
    assert _names(found, folder)[-2:] == ["inner/c.webp", "inner/deep/d.bmp"]
    assert found.sources[-1].inside.as_posix() == "inner/deep/d.bmp"
    assert "inner/deep/d.bmp" not in _names(select(folder, recursive=True, without=folder / "inner" / "deep"), folder)


def test_what_is_named_is_meant(folder):
    """Hidden or not, picture or not, once however often; a file that is named alone is single."""
    found = select([folder / ".e.png", folder / "readme.txt", folder / ".e.png"])
    assert _names(found, folder) == [".e.png"] and [f.name for f in found.failed] == [str(folder / "readme.txt")]
    assert select(folder / "b.png").single and not select([folder / "b.png", folder / "a.jpg"]).single


def test_what_is_missing_is_named(folder, tmp_path):
    """A place that is not there, a folder without pictures, no place at all, by the word of the command."""
    with pytest.raises(ValueError, match="style .*nowhere: there is no such file or folder"):
        select(folder / "nowhere", what="style")
    (folder / "outer" / "inner").mkdir(parents=True)
    PICTURE.save(folder / "outer" / "inner" / "a.png")
    with pytest.raises(ValueError, match="outer: no style is in there; --recursive looks into the folders inside"):
        select(folder / "outer", what="style")
    with pytest.raises(ValueError, match="no style was given"):
        select([], what="style")


def test_too_many_pixels_are_named(folder):
    """A limit refuses by name, and only what is above it."""
    found = select([folder / "a.jpg", folder / "b.png"], max_pixels=23)
    assert not found.sources and "6x4 is 2.4e-05 megapixels, more than the 2.3e-05 allowed" in found.failed[0].text
    assert len(select([folder / "a.jpg", folder / "b.png"], max_pixels=24).sources) == 2
    with pytest.raises(ValueError, match=r"a.jpg: 6x4 is .* megapixels"):
        read_picture(folder / "a.jpg", max_pixels=23)


def test_an_extra_that_is_missing_is_named(tmp_path, monkeypatch):
    """HEIC without the package that reads it: what to install."""
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200))
    found = select(tmp_path)
    assert [f.reason for f in found.failed] == [
        f"cannot read image {tmp_path / 'phone.heic'}: HEIC is read by an extra: pip install 'nasjax[heif]'"
    ]


@pytest.mark.parametrize(
    "name, kind, suffix",
    [("a.JPG", "JPEG", ".JPG"), ("a.png", "JPEG", ".png"), ("a.tif", "TIFF", ".png"), ("a", "JPEG", ".jpg")],
)
def test_outputs_have_the_suffix_of_their_input_where_it_can_be_written(tmp_path, name, kind, suffix):
    """Of a name that says nothing, the content says it."""
    assert suffix_for(tmp_path / name, kind) == suffix
