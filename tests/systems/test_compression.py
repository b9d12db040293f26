"""Teachers of a translation: what they make is the truth, and their students are built around a budget."""

import os
import time
from dataclasses import replace
from unittest import mock

import jax
import numpy as np
import pytest
from PIL import Image

from nasjax.cost.count import Counts
from nasjax.data.sides import changed_middles, middles, open_sides
from nasjax.export.bundle import write_bundle
from nasjax.export.card import Card
from nasjax.export.network import deployed
from nasjax.export.teachers import load_teacher, teacher_costs
from nasjax.spaces.resnet_generator import resnet_generator
from nasjax.spaces.teacher import inherit, read_generator, teacher_of
from nasjax.spaces.unet_generator import unet_generator
from nasjax.systems.translation.compress import absolute, compression
from nasjax.systems.translation.teach import crops_of, forget_unused, outputs_of, window_of
from tests.export.networks import random_params
from tests.nets.teacher_states import CASES, state_of
from tests.nets.torch_files import write_zip
from tests.systems.noise import pictures

KEY = jax.random.key(0)


@pytest.fixture
def teacher(tmp_path):
    """A small random CycleGAN generator of two blocks, and its file."""
    file = tmp_path / "teacher.pth"
    write_zip(file, state_of(CASES["resnet affine nearest"]))
    return file


def test_percentages_are_of_the_teacher():
    """A budget in percent becomes a number at the size that teachers are counted at; what is not counted is refused."""
    costs = Counts(params=1000, macs=2_000_001, macs_torchprofile=3000, activations=50)
    assert absolute(("params<=10%, macs<=8%", "activations<=40"), costs) == (
        "params<=100",
        "macs<=160000@256x256",
        "activations<=40",
    )
    for budget, said in (("latency<=10%", "is known of"), ("macs<=10%@64x64", "counted at 256x256")):
        with pytest.raises(ValueError, match=said):
            absolute((budget,), costs)


def test_a_student_is_built_around_its_budget(teacher):
    """Depth, norm and up-sampling are the teacher's; widths never exceed its own, and narrow with the budget."""
    wide = compression(str(teacher), "embedded", ("params<=90%",)).system
    assert (wide.blocks, wide.norm, wide.up) == (2, "affine", ("nearest",))
    assert all(max(w) <= most for w, most in zip(wide.widths, (4, 8, 16, 8, 4), strict=True))
    assert wide.networks().supernet.space.size() > 1


def test_a_teachers_outputs_are_the_truth(teacher, tmp_path, monkeypatch):
    """Held-out pictures and kept crops: to a grey level what the network itself makes; kept crops are made once."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    whole, sides = teacher_of(read_generator(teacher)), open_sides(f"folder:{pictures(tmp_path / 'p')}", "train")
    outputs = outputs_of(whole)
    crops = crops_of(whole, sides.inputs, patch=16, number=3)
    x = np.stack([crops[i]["input"] for i in range(3)])
    y = whole.apply(x.astype(np.float32) / 127.5 - 1)
    levels = np.clip(np.round((np.asarray(y) + 1) * 127.5), 0, 255)
    for made in (outputs(x), np.stack([crops[i]["target"] for i in range(3)])):
        np.testing.assert_allclose(made, levels, atol=1)
    monkeypatch.setattr("nasjax.systems.translation.teach.outputs_of", lambda teacher: pytest.fail)
    again = crops_of(whole, sides.inputs, patch=16, number=3)
    np.testing.assert_array_equal(again.outputs, crops.outputs)


def test_a_slow_teacher_says_how_far_it_is(teacher, tmp_path, monkeypatch, capsys):
    """In windows of all of them."""
    monkeypatch.setattr("nasjax.systems.translation.teach.crops_folder", lambda: tmp_path / "crops")
    monkeypatch.setattr("nasjax.systems.translation.teach.outputs_of", lambda teacher: lambda pictures: pictures)
    monkeypatch.setattr("nasjax.systems.translation.teach._TELL_S", 0.0)
    sides = open_sides(f"folder:{pictures(tmp_path / 'p')}", "train")
    crops_of(teacher_of(read_generator(teacher)), sides.inputs, patch=16, number=19)
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("teacher")]
    assert said == [f"teacher: {n} of 19 windows" for n in (8, 16, 19)]


def test_crops_of_other_runs_do_not_pile_up(tmp_path):
    """Beyond so many bytes, what was used longest ago goes; what is used now, and what was used lately, stays."""
    for i, age in enumerate((5, 4, 3, 0)):
        folder = tmp_path / f"{i}"
        folder.mkdir()
        (folder / "inputs.npy").write_bytes(bytes(100))
        os.utime(folder, (time.time() - age * 86400,) * 2)
    forget_unused(tmp_path / "1", most=250)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "3"]


def test_crops_are_those_of_the_pictures_that_are_given(teacher, tmp_path, monkeypatch):
    """Another folder of the same names has crops of its own, however large its pictures are made."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    whole, first = teacher_of(read_generator(teacher)), pictures(tmp_path / "p")
    other = tmp_path / "q"
    other.mkdir()
    for path in first.iterdir():
        Image.fromarray(255 - np.asarray(Image.open(path))).save(other / path.name)
    found = [
        crops_of(whole, open_sides(f"folder:{folder}", "train", size=size).inputs, patch=16, number=3)
        for folder, size in ((first, None), (other, None), (first, 20))
    ]
    assert not np.array_equal(found[0].inputs, found[1].inputs)
    assert not np.array_equal(found[0].inputs, found[2].inputs)


def test_a_network_that_was_found_is_a_teacher(tmp_path):
    """A bundle of a narrow arch of a wide space: a student is built by its own widths, operations and depth."""
    widths = ((4, 8), (8, 12), (8, 16), (8, 12), (4, 8))
    arguments = {"widths": widths, "inner": (4, 8), "blocks": 3, "ops": ("res", "dil"), "up": ("transposed", "nearest")}
    options = {"w.stem": "4", "w.down1": "8", "w.down2": "8", "w.up1": "8", "w.up2": "4"}
    blocks = {"b1": "dil", "b1.w": "4", "b2": "off", "b3": "res", "b3.w": "8"}
    options |= {**blocks, "up1": "nearest", "up2": "nearest"}
    network = found_bundle(tmp_path / "bundle", "resnet_generator", arguments, options)
    teacher = load_teacher(tmp_path / "bundle")
    x = jax.random.uniform(KEY, (1, 16, 20, 3), minval=-1)
    np.testing.assert_allclose(jax.jit(teacher.apply)(x), jax.jit(network.apply)(network.params, x), atol=1e-5)
    assert teacher.builder[1]["widths"] == [[4], [8], [8], [8], [4]] and teacher.builder[1]["ops"] == ["dil", "res"]
    student = compression(str(tmp_path / "bundle"), "embedded", ("params<=90%",)).system
    assert {"dil", "res", "sep"} <= set(student.ops) and student.blocks == 3
    inherited(student, teacher)


def inherited(student, teacher):
    """What the supernet of a student begins with, instead of zeros."""
    shared = student.networks().supernet
    shapes = jax.eval_shape(shared.init, KEY)
    return inherit(shared, jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), shapes), teacher)


def found_bundle(folder, name, arguments, options):
    """A bundle of one network of a space, as a search writes it, and the network.

    How large pictures are cut for it, which takes long to find out, is not said on its card.
    """
    net = {"resnet_generator": resnet_generator, "unet_generator": unet_generator}[name](**arguments)
    arch = net.space.encode(options)
    params = random_params(jax.eval_shape(net.init, KEY))
    network = deployed(net, net.extract_params(params, arch), arch, builder=(name, arguments))
    with mock.patch("nasjax.export.card.describe_tiling", return_value={}):
        write_bundle(folder, network, card=Card("found", task="image translation"), formats=())
    return network


@pytest.mark.parametrize(
    ("inner", "op", "added"),
    [((24,), "group", {"incep", "sep"}), ((6,), "res", {"sep", "ir"}), ((10,), "dil", {"sep"})],
)
def test_blocks_that_were_found_have_students(tmp_path, inner, op, added):
    """Grouped blocks, and widths that some operations cannot have: these are not added, the others are."""
    widths = ((4, 8), (8, 12), (8, 16), (8, 12), (4, 8))
    arguments = {"widths": widths, "inner": inner, "blocks": 1, "ops": (op,), "up": ("nearest",)}
    narrow = {"w.stem": "4", "w.down1": "8", "w.down2": "16", "w.up1": "8", "w.up2": "4"}
    options = {**narrow, "b1": op, "b1.w": str(inner[0]), "up1": "nearest", "up2": "nearest"}
    found_bundle(tmp_path / "bundle", "resnet_generator", arguments, options)
    teacher = load_teacher(tmp_path / "bundle")
    for budget in ("params<=90%", "params<=20%"):
        student = compression(str(tmp_path / "bundle"), "embedded", (budget,)).system
        incep = all(width % 4 == 0 for width in student.inner)
        assert {op, *added} <= set(student.ops) and ("incep" in student.ops) == incep
        inherited(student, teacher)


def test_unets_of_two_sides_have_students(tmp_path):
    """Where encoder and decoder differ at a level, as a channel stage leaves them, the narrower one says."""
    widths = ((4, 8), (8, 16), (16, 32))
    net = unet_generator(widths)
    ups = {c.name: c.options[0 if c.name.startswith("w.u") else -1] for c in net.space.choices if c.name[:2] == "w."}
    options = net.space.decode(net.space.default_arch()) | ups
    found_bundle(tmp_path / "bundle", "unet_generator", {"widths": widths}, options)
    teacher = load_teacher(tmp_path / "bundle")
    assert [8, 16] in teacher.builder[1]["widths"]
    student = compression(str(tmp_path / "bundle"), "embedded", ("params<=90%",)).system
    inherited(student, teacher)


def test_a_bundle_with_a_weight_that_is_not_finite_is_no_teacher(tmp_path, monkeypatch):
    """It would teach black pictures: the weight is named."""
    broken = {"stem": {"w": np.array([1.0, np.nan], np.float32)}}
    arguments = {"widths": ((4,), (8,), (8,), (8,), (4,)), "inner": (4,), "blocks": 1, "ops": ("res",)}
    net = resnet_generator(**arguments)
    found_bundle(tmp_path / "bundle", "resnet_generator", arguments, net.space.decode(net.space.default_arch()))
    monkeypatch.setattr("nasjax.export.teachers.read_weights", lambda path: broken)
    with pytest.raises(ValueError, match="bundle: stem/w has values that are not finite"):
        load_teacher(tmp_path / "bundle")


def test_a_student_is_as_small_as_its_budget_at_any_size(teacher):
    """8 % at 256x256 and as many at 512x512, which are four times as many, ask for the same widths."""
    costs = teacher_costs(load_teacher(teacher))
    budgets = [f"macs<={int(0.08 * k * costs.macs)}@{256 * side}x{256 * side}" for k, side in ((1, 1), (4, 2))]
    small, same = (compression(str(teacher), "embedded", (budget,)).system.widths for budget in budgets)
    assert small == same


@pytest.mark.parametrize("case", [name for name in CASES if "unet" in name][:1])
def test_a_student_of_a_unet(case, tmp_path):
    """It halves as often as its teacher, starts from it, and is trained by features, too."""
    write_zip(tmp_path / "unet.pth", state_of(CASES[case]))
    whole = load_teacher(tmp_path / "unet.pth")
    experiment = compression(
        str(tmp_path / "unet.pth"), f"folder:{pictures(tmp_path / 'p')}", ("params<=50%",), patch=32
    )
    system = experiment.system
    assert system.space == "unet" and len(system.widths) == whole.net.forward.levels
    inherited(system, whole)


def test_a_teacher_sees_more_than_a_patch(teacher, tmp_path, monkeypatch):
    """Patches are cut from windows and from what the teacher makes of these, not from what it makes of patches."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    spec, whole = f"folder:{pictures(tmp_path / 'p')}", teacher_of(read_generator(teacher))
    experiment = compression(str(teacher), spec, ("params<=90%",), patch=32).tiny()
    experiment = replace(experiment, data=replace(experiment.data, test_crop=(32, 32)))
    system = replace(experiment.system, crops=2, window=256)
    source = open_sides(spec, "train").inputs
    assert window_of(source, patch=8, most=256) == 36 and window_of(source, patch=8, most=20) == 20
    assert window_of(source, patch=64, most=64) == 64
    ground = system.prepare(experiment, system.networks())
    spec = {"input": jax.ShapeDtypeStruct((3, 8, 8, 3), np.uint8)}
    batch, kept = next(ground.batches(spec, 0, (0, 1))), crops_of(whole, source, patch=36, number=2)
    for x, y in zip(batch["input"], batch["target"], strict=True):
        found = [
            target
            for window, outputs in zip(kept.inputs, kept.outputs, strict=True)
            for flip in (1, -1)
            for target in places(window[:, ::flip], outputs[:, ::flip], x)
        ]
        assert any(np.array_equal(target, y) for target in found)
    alone = outputs_of(whole)(batch["input"])
    assert np.abs(alone.astype(int) - batch["target"]).max() > 2
    # And networks are compared with what they are taught.
    held = open_sides(experiment.data.source, "val").inputs
    wanted = changed_middles(held, 2, (32, 32), window=36, change=outputs_of(whole))
    judged = np.asarray(ground.judge({}).target).reshape(wanted.shape)
    np.testing.assert_allclose(judged, wanted / 127.5 - 1, atol=1e-6)
    assert np.abs(wanted - outputs_of(whole)(middles(held, 2, (32, 32))[1]).astype(int)).max() > 2


def places(window, outputs, x):
    """What stands in `outputs` where `x` stands in `window`."""
    side = len(x)
    for top in range(len(window) - side + 1):
        for left in range(window.shape[1] - side + 1):
            if np.array_equal(window[top : top + side, left : left + side], x):
                yield outputs[top : top + side, left : left + side]
