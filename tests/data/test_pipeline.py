"""The training pipeline: every picture equally often, the same for a seed, resumable anywhere."""

import json
import logging
from collections import Counter

import numpy as np
import pytest

from nasjax.data import Cached, Halved, Subset, at_least, folder, open_source, patches
from nasjax.data.pipeline import PatchBatches
from tests.data.pictures import write_folder, write_picture


class Drawn:
    """A source of computed pictures: channel 0 is the picture's number, 1 and 2 the row and the column."""

    def __init__(self, sizes):
        self.sizes = sizes
        self.reads = Counter()

    def __len__(self):
        return len(self.sizes)

    def __getitem__(self, index):
        self.reads[index] += 1
        height, width = self.sizes[index]
        rows, columns = np.mgrid[:height, :width]
        image = np.stack([np.full((height, width), index), rows, columns], axis=-1).astype(np.uint8)
        return {"name": self.name(index), "image": image}

    def name(self, index):
        return f"drawn{index}"

    def size(self, index):
        return self.sizes[index]


SIZES = [(20, 30), (40, 16), (17, 17), (60, 60), (16, 90)]
PLAIN = {"patch": 16, "batch": 4, "seed": 7}


def take(pipeline, count):
    batches = [next(pipeline)["image"] for _ in range(count)]
    pipeline.close()
    return np.stack(batches)


def test_batches_are_uint8_patches():
    """Shape, type and key of what training receives."""
    batch = next(patches(Drawn(SIZES), **PLAIN))
    assert list(batch) == ["image"]
    assert batch["image"].shape == (4, 16, 16, 3) and batch["image"].dtype == np.uint8


def test_same_seed_same_sequence():
    """And another seed another one."""
    first, again = (take(patches(Drawn(SIZES), **PLAIN), 6) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (take(patches(Drawn(SIZES), patch=16, batch=4, seed=8), 6) != first).any()


def test_every_picture_equally_often():
    """An epoch takes one patch of each, whatever its area; epochs differ in order."""
    numbers = take(patches(Drawn(SIZES), **PLAIN), 10)[..., 0, 0, 0].reshape(8, 5)
    assert all(sorted(epoch) == list(range(5)) for epoch in numbers)
    assert len({tuple(epoch) for epoch in numbers}) > 1


def test_patches_are_windows_of_their_picture():
    """Without augmentation rows and columns count up, and places are spread to the borders."""
    batches = take(patches(Drawn([(60, 60)]), patch=16, batch=64, seed=0, augment=False), 4).reshape(-1, 16, 16, 3)
    corners = batches[:, 0, 0, 1:].astype(int)
    rows, columns = np.mgrid[:16, :16]
    np.testing.assert_array_equal(batches[..., 1], corners[:, 0, None, None] + rows)
    np.testing.assert_array_equal(batches[..., 2], corners[:, 1, None, None] + columns)
    assert corners.min() == 0 and corners.max() == 44
    assert np.abs(corners.mean(axis=0) - 22).max() < 3


def test_augmentation_uses_all_eight_symmetries():
    """Each about equally often, and each a true symmetry of the window."""
    batches = take(patches(Drawn([(16, 16)]), patch=16, batch=100, seed=0), 8).reshape(-1, 16, 16, 3)
    whole = Drawn([(16, 16)])[0]["image"]
    turned = [np.rot90(flip, k).tobytes() for flip in (whole, whole[:, ::-1]) for k in range(4)]
    counts = Counter(batch.tobytes() for batch in batches)
    assert set(counts) == set(turned)
    assert min(counts.values()) > 60


@pytest.mark.parametrize(("stop", "other"), [(0, 0), (0, 9), (4, 0), (5, 9), (9, 2)])
def test_resume_is_exact(stop, other):
    """The saved state of any position continues there, in a new pipeline or one that is elsewhere."""
    sequence = take(patches(Drawn(SIZES), **PLAIN), 12)
    stopped = patches(Drawn(SIZES), **PLAIN)
    for _ in range(stop):
        next(stopped)
    state = json.loads(json.dumps(stopped.get_state()))
    stopped.close()
    resumed = patches(Drawn(SIZES), **PLAIN)
    for _ in range(other):
        next(resumed)
    resumed.set_state(state)
    assert resumed.get_state() == state
    np.testing.assert_array_equal(take(resumed, 2), sequence[stop : stop + 2])


def test_resume_replays_nothing():
    """Going to batch 1,000,000 decodes the pictures of the batches from there, not those before."""
    source = Drawn(SIZES)
    pipeline = patches(source, **PLAIN)
    pipeline.set_state({**pipeline.get_state(), "position": 1_000_000})
    take(pipeline, 1)
    assert sum(source.reads.values()) < 100


@pytest.mark.parametrize("other", [{"seed": 8}, {"patch": 12}, {"augment": False}, {"shard": (1, 2)}])
def test_state_of_another_pipeline_is_refused(other):
    """Continuing there would train on other data without a word."""
    state = patches(Drawn(SIZES), **PLAIN, **({"shard": (0, 2)} if "shard" in other else {})).get_state()
    with pytest.raises(ValueError, match="when training began, now"):
        patches(Drawn(SIZES), **{**PLAIN, **other}).set_state(state)
    with pytest.raises(ValueError, match="the pictures are not those that training began with"):
        patches(Drawn(SIZES[1:]), **PLAIN).set_state(state)


@pytest.mark.parametrize(
    ("cut", "shards", "position"), [({"batch": 8}, 1, 3), ({"batch": 2}, 1, 12), ({"batch": 5}, 1, 4), ({}, 2, 3)]
)
def test_a_sequence_cut_otherwise_goes_on_by_pictures(cut, shards, position):
    """Six batches of four pictures are 24 seen: the next one is where they end, or up to one batch before."""
    state = patches(Drawn(SIZES), **PLAIN).get_state() | {"position": 6}
    for shard in range(shards):
        pipeline = patches(Drawn(SIZES), **PLAIN | cut, shard=(shard, shards))
        pipeline.set_state(state)
        assert pipeline.get_state()["position"] == position
        pipeline.close()


def test_shards_divide_one_sequence():
    """Two processes together see the batches that one with as large a batch would, to the pixel."""
    half = PLAIN["batch"] // 2
    together = take(patches(Drawn(SIZES), **PLAIN | {"augment": True}), 3)
    for index in range(2):
        own = PLAIN | {"batch": half, "augment": True}
        shares = take(patches(Drawn(SIZES), **own, shard=(index, 2)), 3)
        np.testing.assert_array_equal(shares, together[:, index * half : (index + 1) * half])


def test_pairs_are_cut_alike(tmp_path):
    """Input and target show the same window under the same symmetry."""
    for i in range(3):
        pixels = write_picture(tmp_path / "input" / f"{i}.png", 30, 20, seed=i)
        (tmp_path / "target").mkdir(exist_ok=True)
        (tmp_path / "target" / f"{i}.png").write_bytes((tmp_path / "input" / f"{i}.png").read_bytes())
        assert pixels.shape == (30, 20, 3)
    batch = next(patches(open_source(f"pairs:{tmp_path}", "all"), patch=16, batch=8, seed=0))
    assert set(batch) == {"input", "target"}
    np.testing.assert_array_equal(batch["input"], batch["target"])


def test_small_pictures_are_fatal_or_skipped(tmp_path, caplog):
    """The error names the file, its size and the patch; skipping leaves the others."""
    write_folder(tmp_path, 3, 40, 40)
    write_picture(tmp_path / "tiny.png", 8, 50)
    source = folder(tmp_path, "fail")
    with pytest.raises(ValueError, match=r"1 of 4 pictures.*patch of 16x16 pixels: tiny\.png \(8x50\)"):
        patches(source, **PLAIN)
    with caplog.at_level(logging.WARNING):
        kept = at_least(source, 16, "skip")
    assert [kept.name(i) for i in range(len(kept))] == ["00.png", "01.png", "02.png"]
    assert "tiny.png (8x50)" in caplog.text
    assert next(patches(source, **PLAIN, on_small="skip"))["image"].shape == (4, 16, 16, 3)
    with pytest.raises(ValueError, match="4 of 4 pictures"):
        patches(source, patch=64, batch=1, seed=0, on_small="skip")


def test_a_size_that_lies_is_named():
    """A header that promises more pixels than there are does not end in a wrong shape."""
    source = Drawn([(20, 20)])
    source.size = lambda index: (64, 64)
    with pytest.raises(ValueError, match="drawn0: no patch of 32x32"):
        PatchBatches(source, 32, 1, 0, False)(0)


@pytest.mark.parametrize("bad", [{"patch": 0}, {"batch": 0}, {"seed": -1}, {"shard": (2, 2)}])
def test_bad_options_are_refused(bad):
    """The message repeats what was given."""
    with pytest.raises(ValueError, match="patches: .*got"):
        patches(Drawn(SIZES), **{**PLAIN, **bad})


def test_cache_keeps_what_fits():
    """Pictures are decoded once while there is room, and never more bytes are held than allowed."""
    drawn = Drawn([(10, 10)] * 4)
    cached = Cached(drawn, max_bytes=2 * 300 + 299)
    for _ in range(3):
        for i in range(4):
            assert cached[i]["image"][0, 0, 0] == i
    assert cached.num_bytes == 600
    assert drawn.reads == {0: 1, 1: 1, 2: 3, 3: 3}


def test_wrappers_agree_with_what_they_wrap():
    """Names, sizes and pixels go together through subset and halving."""
    source = Halved(Subset(Drawn(SIZES), (3, 1)))
    assert [source.name(i) for i in range(len(source))] == ["drawn3", "drawn1"]
    assert [source.size(i) for i in range(2)] == [(30, 30), (20, 8)]
    assert source[1]["image"].shape == (20, 8, 3) and (source[1]["image"][..., 0] == 1).all()
