"""Folders: what is found, in which order, and what happens to what cannot be used."""

import logging

import numpy as np
import pytest
from PIL import Image

from nasjax.data import folder, open_source, pairs, side_by_side
from tests.data.pictures import write_folder, write_picture


def test_pictures_are_found_recursively_and_sorted(tmp_path):
    """Other files, hidden ones and the order of the file system do not matter."""
    for name in ("b.png", "a/z.webp", "a/b/c.PNG", "c.bmp", ".hidden.png", ".git/d.png"):
        write_picture(tmp_path / name, 6, 5)
    (tmp_path / "credits.csv").write_text("who,what")
    source = folder(tmp_path, "fail")
    assert source.files == ("a/b/c.PNG", "a/z.webp", "b.png", "c.bmp")
    assert len(source) == 4 and source.name(2) == "b.png" and source.size(2) == (6, 5)
    assert source[2]["name"] == "b.png" and source[2]["image"].shape == (6, 5, 3)


def spoil(path):
    """A picture with a good header whose pixels end early."""
    write_picture(path, 64, 64)
    path.write_bytes(path.read_bytes()[:2000])


def test_unreadable_files_are_skipped_by_choice(tmp_path, caplog):
    """Each is counted, named and given a reason, also those with a good header."""
    write_folder(tmp_path, 2)
    (tmp_path / "text.jpg").write_text("not a picture")
    spoil(tmp_path / "cut.png")
    with caplog.at_level(logging.WARNING):
        source = folder(tmp_path, "skip")
    assert source.files == ("00.png", "01.png")
    assert len(source.unreadable) == 2
    assert "skipped 2 of 4 image files" in caplog.text
    assert "text.jpg" in caplog.text and "cut.png" in caplog.text


def test_unreadable_files_are_fatal_by_choice(tmp_path):
    """A bad header at once, bad pixels when they are read; both name the file."""
    write_folder(tmp_path, 1)
    spoil(tmp_path / "cut.png")
    source = folder(tmp_path, "fail")
    with pytest.raises(ValueError, match="cut.png"):
        source[source.files.index("cut.png")]
    (tmp_path / "text.jpg").write_text("not a picture")
    with pytest.raises(ValueError, match=r"1 of 3 image files are unreadable.*text\.jpg"):
        folder(tmp_path, "fail")


def test_empty_and_missing_folders(tmp_path):
    """One line each: where, and what was found instead."""
    with pytest.raises(ValueError, match="does not exist"):
        folder(tmp_path / "nowhere", "fail")
    (tmp_path / "notes.txt").write_text("no pictures here")
    with pytest.raises(ValueError, match="no readable picture: 1 files in it, none with the suffix"):
        folder(tmp_path, "fail")
    (tmp_path / "text.jpg").write_text("not a picture")
    with pytest.raises(ValueError, match=r"no readable picture: 1 unreadable: .*text\.jpg"):
        folder(tmp_path, "skip")


def test_splits_by_hash_are_a_stable_partition(tmp_path):
    """A tenth each for val and test, nothing twice, and more pictures move few."""
    write_folder(tmp_path, 20, 4, 4)

    def names():
        sources = {split: open_source(f"folder:{tmp_path}", split) for split in ("train", "val", "test")}
        return {split: {source.name(i) for i in range(len(source))} for split, source in sources.items()}

    before = names()
    assert [len(before[split]) for split in ("train", "val", "test")] == [16, 2, 2]
    assert len(before["train"] | before["val"] | before["test"]) == 20
    write_picture(tmp_path / "new.png", 4, 4)
    assert len(names()["train"] & before["train"]) >= 13
    assert len(open_source(str(tmp_path), "all")) == 21


def test_splits_by_sub_folder(tmp_path):
    """Sub-folders called train, val and test are the splits; one that is missing is not made up from another."""
    write_folder(tmp_path / "train", 3)
    write_folder(tmp_path / "val", 1)
    assert [len(open_source(str(tmp_path), split)) for split in ("train", "val", "all")] == [3, 1, 4]
    with pytest.raises(ValueError, match="has train/, val/ but no test/"):
        open_source(str(tmp_path), "test")


def test_too_few_to_split(tmp_path):
    """Two pictures cannot be three splits."""
    write_folder(tmp_path, 2)
    with pytest.raises(ValueError, match="2 pictures do not split"):
        open_source(str(tmp_path), "train")


@pytest.mark.parametrize(("spec", "split"), [("imagenet", "train"), ("zip:x", "train"), ("folder:.", "validation")])
def test_unknown_specs_are_refused(spec, split):
    """The message repeats the text and lists the forms or splits."""
    with pytest.raises(ValueError, match=f"'{spec}'.*|'{split}'.*allowed"):
        open_source(spec, split)


def test_pairs_by_name(tmp_path):
    """Partners share the relative path, whatever the suffix."""
    inputs = write_folder(tmp_path / "input", 3)
    for i, pixels in enumerate(inputs):
        Image.fromarray(255 - pixels).save(tmp_path / f"{i:02d}.bmp")
    (tmp_path / "target").mkdir()
    for path in tmp_path.glob("*.bmp"):
        path.rename(tmp_path / "target" / path.name)
    source = open_source(f"pairs:{tmp_path}", "all")
    assert len(source) == 3 and source.name(1) == "01.bmp"
    np.testing.assert_array_equal(source[1]["target"], 255 - source[1]["input"])
    np.testing.assert_array_equal(source[1]["input"], inputs[1])


def test_broken_pairs_are_refused(tmp_path):
    """A lonely picture, a size that differs and two candidates are named."""
    write_folder(tmp_path / "a", 2)
    write_folder(tmp_path / "b", 3)
    with pytest.raises(ValueError, match="1 pictures have no partner: 02"):
        pairs(tmp_path / "a", tmp_path / "b")
    write_picture(tmp_path / "a" / "02.png", 9, 9)
    with pytest.raises(ValueError, match="1 pairs differ in size: 02.png"):
        pairs(tmp_path / "a", tmp_path / "b")
    write_picture(tmp_path / "a" / "02.bmp", 20, 24)
    with pytest.raises(ValueError, match="share a name"):
        pairs(tmp_path / "a", tmp_path / "b")


def test_side_by_side(tmp_path):
    """The left half is the input, the right half the target."""
    (pixels,) = write_folder(tmp_path, 1, 6, 10)
    source = side_by_side(tmp_path)
    assert source.size(0) == (6, 5)
    np.testing.assert_array_equal(source[0]["input"], pixels[:, :5])
    np.testing.assert_array_equal(source[0]["target"], pixels[:, 5:])
    write_picture(tmp_path / "odd.png", 6, 9)
    with pytest.raises(ValueError, match=r"odd width.*odd\.png"):
        side_by_side(tmp_path)
