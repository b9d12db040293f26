"""Names that strangers chose."""

import io
import zipfile

import pytest

from nasjax.service.names import archived, distinct, safe_stem, safe_suffix

NAMES = {
    "photo.of.me.jpg": "photo.of.me",
    "../../etc/passwd": "passwd",
    "C:\\Users\\a\\b.png": "b",
    "..": "picture 3",
    "": "picture 3",
    "...png": "picture 3",
    "con.png": "_con",
    "LPT1": "_LPT1",
    "a\0b\n<c>.png": "a_b__c_",
    "in\u202egnp.exe.png": "in_gnp.exe",
    "été.webp": "été",
    " spaced . .png": "spaced",
    "x" * 300 + ".png": "x" * 100,
    "\u5199" * 300 + ".png": "\u5199" * 66,
}


@pytest.mark.parametrize("given", NAMES)
def test_a_name_becomes_one_that_every_system_has(given):
    """Without folders, control characters, names of devices, and dots at its ends; never empty, never long."""
    assert safe_stem(given, 2) == NAMES[given]


def test_suffixes_are_short_words():
    """What looks like one, in lower case; else none."""
    names = ("a.JPG", "a.tar.gz", "a", "a.", "a.so-so", "a.waytoolongone", "a./x")
    assert [safe_suffix(name) for name in names] == [".jpg", ".gz", "", "", "", "", ""]


def test_names_of_an_archive_are_distinct():
    """Also where systems do not tell capitals apart, and where a numbered name is taken already."""
    given = ["a.png", "A.png", "a (2).png", "a.png", "a.jpg", "b"]
    assert distinct(given) == ["a.png", "A (2).png", "a (2) (2).png", "a (3).png", "a.jpg", "b"]


def test_an_archive_is_made_piece_by_piece(tmp_path):
    """No piece is much larger than a part of a file; together they are a sound archive."""
    (tmp_path / "a").write_bytes(bytes(range(256)) * 20_000)
    pieces = list(archived([("a.png", tmp_path / "a"), ("failed.txt", b"b: why")]))
    assert max(map(len, pieces)) < 2 << 20 and len(pieces) > 4
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None and archive.namelist() == ["a.png", "failed.txt"]
        assert archive.read("a.png") == (tmp_path / "a").read_bytes()
