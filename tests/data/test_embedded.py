"""The photographs of the package: all there, all credited, split without overlap."""

import pytest

from nasjax.data import credit, embedded_photos, open_source
from nasjax.data.embedded import TEST, VAL


def test_splits_are_a_partition():
    """No photograph of a final table is seen in training or search."""
    names = {split: set(embedded_photos(split).names) for split in ("train", "val", "test", "all")}
    assert [len(names[split]) for split in ("train", "val", "test", "all")] == [59, 6, 8, 73]
    assert names["train"] | names["val"] | names["test"] == names["all"]
    assert not set(VAL) & set(TEST)


def test_every_photograph_is_credited():
    """Creator, a free licence and the address."""
    for name in embedded_photos("all").names:
        text = credit(name)
        assert any(licence in text for licence in ("CC0", "Public Domain", "Public domain")), text
        assert "http" in text, text
    with pytest.raises(ValueError, match="'cat'"):
        credit("cat")


def test_sizes_are_those_of_the_pixels():
    """Headers and pixels agree, and opening by name halves."""
    photos = embedded_photos("val")
    assert photos[0]["image"].shape == (*photos.size(0), 3)
    halved = open_source("embedded", "val")
    assert halved.size(0) == tuple(side // 2 for side in photos.size(0)) == halved[0]["image"].shape[:2]
    assert halved[0]["name"] == halved.name(0) == VAL[0]


def test_unknown_split_is_refused():
    """The message lists the splits."""
    with pytest.raises(ValueError, match="'validation'; allowed: train, val, test, all"):
        open_source("embedded", "validation")
