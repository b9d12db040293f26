"""Crops with a teacher's outputs: computed once, resumed, refused where they are others, and trained on as pairs."""

import numpy as np
import pytest

from nasjax.data import patches, taught_crops
from tests.data.test_pipeline import Drawn

SOURCE = Drawn([(20, 30), (40, 16), (17, 17), (9, 60)])
PLAIN = {"patch": 16, "number": 21, "seed": 3, "protocol": "the negative"}


class Teacher:
    """Makes negatives, counts the pictures, and may fail at one of its calls."""

    def __init__(self, fail_at: int = 0):
        self.calls, self.fail_at = 0, fail_at

    def __call__(self, x):
        self.calls += 1
        if self.calls == self.fail_at:
            raise KeyboardInterrupt
        return 255 - x


def test_made_once(tmp_path):
    """The second time nothing is computed, and the pairs are the same; outputs belong to their inputs."""
    first, again = Teacher(), Teacher()
    made = taught_crops(tmp_path / "crops", SOURCE, teach_fn=first, **PLAIN)
    read = taught_crops(tmp_path / "crops", SOURCE, teach_fn=again, **PLAIN)
    assert (first.calls, again.calls, len(read)) == (3, 0, 21)
    assert read.size(20) == (16, 16) and read.name(20) == "crop000020"
    for i in range(21):
        np.testing.assert_array_equal(read[i]["input"], made[i]["input"])
        np.testing.assert_array_equal(read[i]["target"], 255 - read[i]["input"])
    assert len({read[i]["input"].tobytes() for i in range(21)}) > 12


def test_interrupted_and_resumed(tmp_path):
    """What was done is not done again, and the result is that of a run that was never interrupted."""
    with pytest.raises(KeyboardInterrupt):
        taught_crops(tmp_path / "stopped", SOURCE, teach_fn=Teacher(fail_at=3), **PLAIN)
    rest = Teacher()
    resumed = taught_crops(tmp_path / "stopped", SOURCE, teach_fn=rest, **PLAIN)
    whole = taught_crops(tmp_path / "whole", SOURCE, teach_fn=Teacher(), **PLAIN)
    assert rest.calls == 1
    np.testing.assert_array_equal(resumed.inputs, whole.inputs)
    np.testing.assert_array_equal(resumed.outputs, whole.outputs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"protocol": "another"}, "protocol was 'the negative', now 'another'"),
        ({"number": 22}, "number was 21, now 22"),
        ({"seed": 4, "patch": 17}, "patch was 16, now 17, seed was 3, now 4, pictures was"),
    ],
)
def test_other_crops_are_refused(tmp_path, change, message):
    """By what differs: another teacher's outputs would be learned without a word."""
    taught_crops(tmp_path, SOURCE, teach_fn=Teacher(), **PLAIN)
    with pytest.raises(ValueError, match=message):
        taught_crops(tmp_path, SOURCE, teach_fn=Teacher(), **{**PLAIN, **change})


def test_other_outputs_are_refused(tmp_path):
    """A teacher that gives floats or another size is told so."""
    for wrong in (lambda x: x / 255, lambda x: x[:, ::2]):
        with pytest.raises(ValueError, match="the teacher makes .* of uint8"):
            taught_crops(tmp_path, SOURCE, teach_fn=wrong, **PLAIN)


def test_they_train_as_pairs(tmp_path):
    """The pipeline takes them as any source of pairs."""
    source = taught_crops(tmp_path, SOURCE, teach_fn=Teacher(), **PLAIN)
    pipeline = patches(source, patch=16, batch=4, seed=0, augment=False)
    batch = next(pipeline)
    pipeline.close()
    np.testing.assert_array_equal(batch["target"], 255 - batch["input"])


class Renumbered(Drawn):
    """Other pictures of the same names and sizes."""

    def __getitem__(self, index):
        element = super().__getitem__(index)
        return {**element, "image": 255 - element["image"]}


def test_other_pictures_of_the_same_names_are_refused(tmp_path):
    """And those of the same names that are larger."""
    taught_crops(tmp_path, SOURCE, teach_fn=Teacher(), **PLAIN)
    for other in (Renumbered(SOURCE.sizes), Drawn([(20, 31), *SOURCE.sizes[1:]])):
        with pytest.raises(ValueError, match="holds other crops: pictures was"):
            taught_crops(tmp_path, other, teach_fn=Teacher(), **PLAIN)
