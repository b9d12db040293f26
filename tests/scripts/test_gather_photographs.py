"""Photographs gathered for the evidence of corrections: which are learned by, chosen by and tested on."""

import sys

import numpy as np
import pytest
from PIL import Image

from tests.scripts.loaded import loaded


@pytest.fixture(scope="module")
def gather():
    """The script."""
    return loaded("gather_photographs")


def test_no_picture_is_in_two_splits(gather, tmp_path, monkeypatch):
    """Every other and every fourth one is chosen by, small; the rest is tested on, large; all are beside them."""
    for folder, count in (("photos", 4), ("more", 2), ("held", 5)):
        (tmp_path / folder).mkdir()
        for i in range(count):
            pixels = np.random.default_rng(i).integers(0, 255, (300, 600, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / folder / f"{folder}{i}.png")
    out = tmp_path / "out"
    places = [f"--{flag}={tmp_path / folder}" for flag, folder in (("photos", "photos"), ("more", "more"))]
    monkeypatch.setattr(sys, "argv", ["gather", *places, f"--held-out={tmp_path / 'held'}", f"--out={out}"])
    monkeypatch.setattr(gather, "embedded", lambda split: iter([(split, Image.new("RGB", (512, 256)))]))
    gather.main()
    names = {split: {p.name for p in (out / split).iterdir()} for split in ("train", "val", "test", "all-test")}
    assert names["train"] == {"b-more0.png", "b-more1.png", "e-train.png"}
    assert names["val"] == {"other-photos0.png", "other-photos2.png", "bsd-held0.png", "bsd-held4.png", "e-val.png"}
    assert names["test"] == (names["all-test"] - names["val"]) | {"e-test.png"} and len(names["all-test"]) == 9
    sizes = {p.parent.name: gather.opened(p).size for p in out.rglob("other-*.png")}
    assert sizes == {"val": (240, 120), "test": (512, 256), "all-test": (512, 256)}


def test_an_empty_folder_is_named(gather, tmp_path):
    """The folder that holds no picture."""
    with pytest.raises(ValueError, match=f"no pictures .* in {tmp_path}"):
        gather.pictures(tmp_path)
