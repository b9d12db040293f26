"""Pictures gathered to train upscalers: halved, whole, or cut into pieces that have something in them."""

import sys

import numpy as np
import pytest
from PIL import Image

from tests.scripts.loaded import loaded


@pytest.fixture(scope="module")
def gather():
    """The script."""
    return loaded("gather_pictures")


def _noise(height, width):
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3)).astype(np.uint8)
    return Image.fromarray(pixels)


def test_pieces_with_nothing_in_them_and_held_out_photographs_are_left_out(gather, tmp_path, monkeypatch, capsys):
    """At a half of its size a picture of 2000x1000 is two pieces, one of which is flat; at a third it is too small."""
    for name in ("small", "large"):
        (tmp_path / name).mkdir()
    _noise(60, 80).save(tmp_path / "small" / "a.png")
    _noise(60, 80).save(tmp_path / "small" / "held.png")
    (tmp_path / "small" / "broken.png").write_bytes(b"no picture")
    large = _noise(1000, 2000)
    large.paste((90, 90, 90), (960, 0, 2000, 1000))
    large.save(tmp_path / "large" / "b.png")
    monkeypatch.setattr(gather, "_names", lambda split: ["held.webp"] if split == "val" else [])
    to = tmp_path / "to" / "train"
    command = ["gather", str(to), "--halved", str(tmp_path / "small"), "--pieces", str(tmp_path / "large")]
    monkeypatch.setattr(sys, "argv", command)
    gather.main()
    sizes = {}
    for path in to.iterdir():
        with Image.open(path) as image:
            sizes[path.name] = image.size
    assert sizes == {"small-a.png": (40, 30), "large-b-2-0.png": (480, 480)}
    said = capsys.readouterr()
    assert "2 pictures" in said.out and "broken.png: left out" in said.err
