"""A folder prepared as a TFDS data set and read back, without TensorFlow."""

import sys

import numpy as np
import pytest

from nasjax.data import folder, open_source, pairs, patches, prepare, tfds_source
from tests.data.pictures import write_folder


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Ten pictures written as a data set: (their pixels by name, the data set's folder)."""
    root = tmp_path_factory.mktemp("tfds")
    pixels = write_folder(root / "pictures", 10)
    return pixels, prepare(folder(root / "pictures", "fail"), "ten", root / "data")


def in_any_order(source):
    return sorted(source[i]["image"].tobytes() for i in range(len(source)))


def test_round_trip_is_lossless(prepared):
    """All pictures come back, by folder and by name, and TensorFlow stays out of it."""
    pixels, path = prepared
    assert in_any_order(open_source(f"tfds:{path}", "all")) == sorted(p.tobytes() for p in pixels)
    by_name = tfds_source("nasjax_images/ten", "train[:50%]", data_dir=str(path.parents[2]))
    assert len(by_name) == 5 and by_name.size(0) == (20, 24)
    assert "tensorflow" not in sys.modules


def test_splits_of_a_set_that_has_train_alone(prepared):
    """The tenths at the end become val and test."""
    sources = [open_source(f"tfds:{prepared[1]}", split) for split in ("train", "val", "test")]
    assert [len(source) for source in sources] == [8, 1, 1]
    assert len({x for source in sources for x in in_any_order(source)}) == 10


def test_patches_come_out(prepared):
    """The pipeline takes this source as any other."""
    pipeline = patches(open_source(f"tfds:{prepared[1]}#image", "train"), patch=16, batch=4, seed=0)
    assert next(pipeline)["image"].shape == (4, 16, 16, 3)
    pipeline.close()


def test_pairs_keep_together(tmp_path):
    """Both pictures of a pair are stored in one record."""
    for side in ("a", "b"):
        write_folder(tmp_path / side, 3)
    source = tfds_source(str(prepare(pairs(tmp_path / "a", tmp_path / "b"), "three", tmp_path / "data")), "train[:3]")
    for i in range(3):
        np.testing.assert_array_equal(source[i]["input"], source[i]["target"])


def test_bad_names_are_refused(prepared, tmp_path):
    """An unknown set, split or feature, and a name that another set has."""
    path = prepared[1]
    with pytest.raises(ValueError, match="'no_such_set'"):
        open_source("tfds:no_such_set", "train")
    with pytest.raises(ValueError, match="split 'holdout'; allowed: train"):
        open_source(f"tfds:{path}", "holdout")
    with pytest.raises(ValueError, match="feature 'hr'; allowed: image"):
        open_source(f"tfds:{path}#hr", "train")
    write_folder(tmp_path, 1)
    with pytest.raises(ValueError, match="exists with 10 pictures, not 1"):
        prepare(folder(tmp_path, "fail"), "ten", path.parents[2])


def test_a_missing_package_is_named(monkeypatch):
    """Without its extra, the form of the data and the extra are named."""
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ImportError, match=r"data of the form tfds:NAME needs the extra 'tfds'.*nasjax\[tfds\]"):
        open_source("tfds:div2k", "train")
