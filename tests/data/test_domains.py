"""Pairs that come with the package, and sources of two domains."""

import dataclasses
import json

import numpy as np
import pytest

from nasjax.data import OneSide, Resized, Reversed, Unpaired, furniture, furniture_credit, open_source, patches, unpair
from nasjax.data import embedded_pairs as module
from nasjax.data.embedded_pairs import _credits
from tests.data.pictures import write_folder, write_picture
from tests.data.test_pipeline import Drawn


def test_furniture_splits():
    """620, 100 and 100 pictures that are all 820, none in two splits."""
    splits = {name: furniture(name).names for name in ("train", "val", "test")}
    assert {name: len(names) for name, names in splits.items()} == {"train": 620, "val": 100, "test": 100}
    assert sorted(n for names in splits.values() for n in names) == list(furniture("all").names)
    with pytest.raises(ValueError, match="'validation'; allowed: train, val, test, all"):
        furniture("validation")


def test_no_creator_is_on_both_sides():
    """Each creator's models are in one split, joint works included; who only published them does not count."""
    where: dict[str, set[str]] = {}
    for split in ("train", "val", "test"):
        for name in furniture(split).names:
            creators = _credits()[name]["creator"].replace("&", ",").split(",")
            for who in {"".join(c.split()).lower() for c in creators} - {"eteks", "blendswap"}:
                where.setdefault(who, set()).add(split)
    assert {who: splits for who, splits in where.items() if len(splits) > 1} == {}
    assert len(where) > 150


def test_furniture_pairs_belong_together():
    """Edges are black lines on white, where the picture changes: their pixels lie on steeper places than others."""
    source = furniture("val")
    ratios = []
    for i in range(0, len(source), 10):
        element = source[i]
        edges, image = element["input"], element["target"].astype(float).mean(-1)
        assert edges.shape == element["target"].shape == (128, 128, 3) and set(np.unique(edges)) == {0, 255}
        slope = np.hypot(*np.gradient(image))
        line = edges[..., 0] == 0
        ratios.append(slope[line].mean() / slope[~line].mean())
        assert 0.003 < line.mean() < 0.3
    assert min(ratios) > 3


def test_furniture_is_credited():
    """Every picture has a creator and a licence that allows to hand it on."""
    lines = [furniture_credit(name) for name in furniture("all").names]
    assert {line.rpartition(", ")[2] for line in lines} == {"CC-BY-3.0", "CC0-1.0"}
    assert furniture_credit("blendswap-cc-0_001") == "Armchair by Absfrm, CC0-1.0"
    with pytest.raises(ValueError, match="'sofa'"):
        furniture_credit("sofa")


def test_furniture_lies_inside_the_package():
    """So that the wheel holds it: pictures, credits, edges and split, in less than 3 MB."""
    files = [p for p in module._FOLDER.iterdir()]
    assert len(files) == 820 + 3 and sum(p.stat().st_size for p in files) < 3e6
    assert set(json.loads((module._FOLDER / "split.json").read_text())) == {"val", "test"}


def test_sides_of_pairs():
    """One side alone, both changed over, and single pictures that are no pairs."""
    source, first = furniture("test"), furniture("test")[3]
    np.testing.assert_array_equal(OneSide(source, "target")[3]["image"], first["target"])
    changed = Reversed(source)[3]
    np.testing.assert_array_equal(changed["input"], first["target"])
    np.testing.assert_array_equal(changed["target"], first["input"])
    with pytest.raises(ValueError, match="drawn0 is a single picture, not a pair"):
        OneSide(Drawn([(8, 8)]), "input")[0]


def test_resizing_keeps_the_shape():
    """The shorter side gets the length that is asked for, the other one follows, rounded; size agrees with pixels."""
    source = Resized(Drawn([(20, 31), (40, 16), (16, 16)]), 8)
    assert [source.size(i) for i in range(3)] == [(8, 12), (20, 8), (8, 8)]
    assert [source[i]["image"].shape[:2] for i in range(3)] == [(8, 12), (20, 8), (8, 8)]
    assert source.name(1) == "drawn1" and len(source) == 3


@dataclasses.dataclass
class Marked(Drawn):
    """Pictures whose channel 0 is their number plus 100."""

    sizes: list

    def __post_init__(self):
        super().__init__(self.sizes)

    def __getitem__(self, index):
        element = super().__getitem__(index)
        element["image"][..., 0] += 100
        return element


def test_unpaired_domains_are_drawn_by_themselves():
    """Each picture of each domain equally often, in orders and at places that have nothing to do with each other."""
    source = Unpaired(Drawn([(40, 40)] * 4), Marked([(30, 50)] * 4))
    pipeline = patches(source, patch=8, batch=4, seed=1, augment=False)
    batches = [next(pipeline) for _ in range(12)]
    pipeline.close()
    order = {side: np.stack([b[side][:, 0, 0, 0] for b in batches]).astype(int) for side in ("input", "target")}
    for side, first in (("input", 0), ("target", 100)):
        assert all(sorted(epoch) == [first, first + 1, first + 2, first + 3] for epoch in order[side])
    assert (order["input"] != order["target"] - 100).any(1).sum() > 6
    places = [np.concatenate([b[side][:, 0, 0, 1] for b in batches]).astype(float) for side in ("input", "target")]
    assert abs(np.corrcoef(places)[0, 1]) < 0.4


def test_unpaired_batches_resume_exactly():
    """A saved position gives the same batches; another set of targets is refused."""
    source = Unpaired(Drawn([(40, 40)] * 4), Marked([(30, 50)] * 3))
    first, again = (patches(source, patch=8, batch=2, seed=1) for _ in range(2))
    for _ in range(3):
        next(first)
    again.set_state(json.loads(json.dumps(first.get_state())))
    a, b = next(first), next(again)
    assert list(a) == ["input", "target"]
    for side in a:
        np.testing.assert_array_equal(a[side], b[side])
    other = patches(Unpaired(source.inputs, Marked([(30, 50)] * 2)), patch=8, batch=2, seed=1)
    with pytest.raises(ValueError, match="the pictures are not those"):
        other.set_state(first.get_state())
    for pipeline in (first, again, other):
        pipeline.close()


def test_a_domain_of_one_picture():
    """One picture is a domain: its patches come from everywhere in it."""
    pipeline = patches(Unpaired(Drawn([(40, 40)] * 3), Marked([(64, 64)])), patch=8, batch=16, seed=0)
    corners = next(pipeline)["target"][:, 0, 0, 1:]
    pipeline.close()
    assert len(np.unique(corners, axis=0)) > 12


def test_mirrored_patches_keep_their_feet():
    """With "mirror" rows keep their order, columns are as often reversed as not; another mode is another sequence."""
    pipeline = patches(Drawn([(60, 60)]), patch=8, batch=64, seed=0, augment="mirror")
    image = next(pipeline)["image"].astype(int)
    state = pipeline.get_state()
    pipeline.close()
    assert (np.diff(image[..., 1], axis=1) == 1).all()
    steps = np.diff(image[..., 2], axis=2)[:, 0, 0]
    assert set(steps) == {-1, 1} and 16 < (steps == 1).sum() < 48
    other = patches(Drawn([(60, 60)]), patch=8, batch=64, seed=0)
    with pytest.raises(ValueError, match="augment was 2 when training began, now 1"):
        other.set_state(state)
    other.close()


def test_forms_of_two_domains(tmp_path):
    """Two folders, CycleGAN's four, pairs taken apart, and both the other way round."""
    for side, count in (("input", 12), ("target", 10)):
        write_folder(tmp_path / "two" / side, count)
    sizes = {s: open_source(f"unpaired:{tmp_path}/two", s) for s in ("train", "val", "test", "all")}
    assert {s: (len(u.inputs), len(u.targets)) for s, u in sizes.items()} == {
        "train": (8, 8), "val": (2, 1), "test": (2, 1), "all": (12, 10),
    }  # fmt: skip
    for letter, count in (("A", 5), ("B", 4)):
        write_folder(tmp_path / "cycle" / f"train{letter}", count)
    write_folder(tmp_path / "cycle" / "testA", 2)
    cycle = {s: open_source(f"unpaired:{tmp_path}/cycle", s) for s in ("train", "val", "test", "all")}
    assert {s: (len(u.inputs), len(u.targets)) for s, u in cycle.items()} == {
        "train": (4, 2), "val": (1, 1), "test": (2, 1), "all": (5, 4),
    }  # fmt: skip
    turned = open_source(f"reversed:unpaired:{tmp_path}/cycle", "test")
    assert (len(turned.inputs), len(turned.targets)) == (1, 2)
    apart = open_source("unpaired:furniture", "val", halve=True)
    assert isinstance(apart, Unpaired) and apart.inputs[0]["image"].shape == (64, 64, 3)
    assert open_source("reversed:furniture", "val")[0]["target"].max() == 255
    with pytest.raises(ValueError, match="needs the folders input/ and target/, or trainA/ and trainB/"):
        open_source(f"unpaired:{tmp_path}", "train")


def test_pairs_with_folders_of_splits(tmp_path):
    """PATH/train/input and so on are splits of pairs, as they are of pictures."""
    for split, count in (("train", 3), ("val", 1)):
        for side in ("input", "target"):
            write_folder(tmp_path / split / side, count)
    assert [len(open_source(f"pairs:{tmp_path}", split)) for split in ("train", "val")] == [3, 1]
    with pytest.raises(ValueError, match="train/, val/ but no test/"):
        open_source(f"pairs:{tmp_path}", "test")


def test_taken_apart_is_the_same_pictures():
    """Both sides of `unpair` are those of the pairs, whose order they keep as sources."""
    source, apart = furniture("val"), unpair(furniture("val"))
    np.testing.assert_array_equal(apart[5]["target"], source[5]["target"])
    assert apart.name(5) == source.name(5) and apart.size(5) == (128, 128) and len(apart) == 100


FORMS = ("unpaired", "apart")


def test_a_single_picture_is_no_split(tmp_path):
    """CycleGAN's folders with one training picture cannot give a validation picture; the message says how many do."""
    for letter in "AB":
        write_picture(tmp_path / f"train{letter}" / "0.png", 9, 9)
        write_picture(tmp_path / f"test{letter}" / "0.png", 9, 9)
    assert len(open_source(f"unpaired:{tmp_path}", "test").inputs) == 1
    with pytest.raises(ValueError, match="1 pictures do not split into train, val; give 2 or more"):
        open_source(f"unpaired:{tmp_path}", "train")


def test_pairs_taken_apart_have_no_truth_in_them(tmp_path):
    """Every picture is on one side only, whatever was done to it; nothing is lost, and no target comes twice."""
    for i in range(10):
        write_picture(tmp_path / f"{i}.png", 12, 12)
    whole, halves = (open_source(f"{form}:degraded:exposure:folder:{tmp_path}", "train") for form in FORMS)
    names = [[side.name(i) for i in range(len(side))] for side in (halves.inputs, halves.targets)]
    pictures = [{name.partition("#")[0] for name in side} for side in names]
    assert not pictures[0] & pictures[1] and len(pictures[0]) == len(pictures[1]) == len(names[1]) == 4
    assert len(names[0]) == 16 * 4
    assert (len(whole.inputs), len(whole.targets)) == (16 * 8, 8)
    drawn = next(patches(halves, patch=8, batch=4, seed=0))
    assert drawn["input"].shape == drawn["target"].shape == (4, 8, 8, 3)
    with pytest.raises(ValueError, match="two pictures or more"):
        open_source(f"apart:degraded:haze:folder:{tmp_path}", "test")
