"""A folder prepared as a TFDS data set and read back, without TensorFlow."""

import sys

import numpy as np
import pytest
from PIL import Image

from nasjax.data import Unpaired, folder, open_source, pairs, patches, prepare, tfds_source
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


@pytest.fixture(scope="module")
def two_domains(tmp_path_factory):
    """A data set in the form of cycle_gan: splits of two domains, an image and a label; its folder."""
    tfds = pytest.importorskip("tensorflow_datasets")
    counts = {"trainA": 10, "trainB": 20, "testA": 2, "testB": 3}

    class Horses(tfds.core.GeneratorBasedBuilder):
        """Grey levels that tell split and number."""

        VERSION = tfds.core.Version("1.0.0")
        code_path = None

        def _info(self):
            image = tfds.features.Image(shape=(None, None, 3), encoding_format="png")
            features = tfds.features.FeaturesDict({"image": image, "label": tfds.features.ClassLabel(names=["A", "B"])})
            return tfds.core.DatasetInfo(builder=self, features=features)

        def _split_generators(self, _):
            return {split: self._generate_examples(split) for split in counts}

        def _generate_examples(self, split):
            for i in range(counts[split]):
                level = 50 * list(counts).index(split) + i
                yield i, {"image": Image.new("RGB", (9, 8), (level,) * 3), "label": split[-1]}

    builder = Horses(data_dir=str(tmp_path_factory.mktemp("domains")), file_format="array_record")
    builder.download_and_prepare()
    return builder.data_dir


@pytest.mark.parametrize(
    ("split", "inputs", "targets"), [("train", 9, 18), ("val", 1, 2), ("test", 2, 3), ("all", 12, 23)]
)
def test_sets_of_two_domains_are_unpaired(two_domains, split, inputs, targets):
    """Splits trainA, trainB, testA and testB are two sources; the last tenth of training is held out."""
    source = open_source(f"tfds:{two_domains}", split)
    assert isinstance(source, Unpaired) and (len(source.inputs), len(source.targets)) == (inputs, targets)
    levels = [{int(s[i]["image"][0, 0, 0]) // 50 for i in range(len(s))} for s in (source.inputs, source.targets)]
    wanted = {"test": [{2}, {3}], "all": [{0, 2}, {1, 3}]}.get(split, [{0}, {1}])
    assert levels == wanted


def test_other_splits_of_two_domains_are_refused(two_domains):
    """The message lists those that there are."""
    with pytest.raises(ValueError, match="two domains and no split 'trainA'; allowed: train, val, test, all"):
        open_source(f"tfds:{two_domains}", "trainA")


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
