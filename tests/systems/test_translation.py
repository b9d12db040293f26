"""Image translation: scores by what they must say, rivals by their costs, recipes by the pictures that they need."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from nasjax.chain.configs import as_dict, from_dict, load_config
from nasjax.config import DataConfig, Experiment
from nasjax.cost.table import tabulate
from nasjax.data.sides import changed_middles, holding, middles, open_sides
from nasjax.sampling import single, strict_fair
from nasjax.spaces.resnet_generator import resnet_generator
from nasjax.supernet.units import units
from nasjax.systems import ImageTranslation
from nasjax.systems.translation.pictures import Held
from nasjax.systems.translation.rivals import hand_scaled
from nasjax.systems.translation.score import load_eyes, make_judge, make_reference, measure
from nasjax.systems.translation.score import tested as scored
from nasjax.systems.translation.settings import Comparison, Tutor
from nasjax.tasks.adversarial import Adversarial
from nasjax.tasks.base import extracted_model, supernet_model
from nasjax.tasks.translation import Teaching, Translation
from tests.systems.noise import pictures

KEY = jax.random.key(0)


PAIRED = Translation(pairs=True, l1=100.0, adversarial=Adversarial("hinge"))
FOLLOWING = Translation(teaching=Teaching(output=10.0, features=1.0))


@pytest.fixture(scope="module")
def eyes():
    """AlexNet and VGG16."""
    return load_eyes()


@pytest.fixture(scope="module")
def real():
    """Pictures of the embedded furniture, 32 pixels a side."""
    sides = open_sides("furniture", "val", size=32)
    assert sides.targets is not None
    return middles(sides.targets, 24, (32, 32))[1]


@pytest.fixture(scope="module")
def reference(eyes, real):
    """Half of them."""
    return make_reference(real[12:], eyes)


def test_scores_say_what_is_right_and_what_is_better(eyes, real, reference):
    """The truth itself has no distance; noise costs, more noise costs more; the table says the same as the search."""
    half = real[:12]
    held = Held(tuple(map(str, range(12))), half, half)
    judge = make_judge(half, half, reference=reference, eyes=eyes)
    noise = jax.random.normal(KEY, (32, 32, 3))

    def by(level):
        return lambda x: x + level * noise[None]

    measured = jax.jit(lambda level: measure(by(level), judge))
    scores = [{n: float(v) for n, v in measured(level).items()} for level in (0.0, 0.1, 0.4)]
    assert scores[0]["lpips"] == pytest.approx(0, abs=1e-6) and scores[0]["ssim"] == pytest.approx(1)
    for name, better in (("lpips", 1), ("ssim", -1), ("psnr", -1)):
        values = [better * s[name] for s in scores]
        assert values[0] < values[1] < values[2], name
    assert scores[0]["gram"] < scores[2]["gram"]  # a dozen pictures do not tell little noise from none
    table = scored(by(0.1), held, reference=reference, eyes=eyes)
    for name, value in scores[1].items():
        assert table.values[name] == pytest.approx(value, rel=2e-3, abs=2e-4), name
    assert set(table.pictures) == set(held.names) and table.values["diversity"] > 0.2


def test_a_collapsed_network_shows(eyes, real, reference):
    """One picture for every input: no diversity, whatever else is said of it."""
    held = Held(tuple("abcdefgh"), real[:8], None)
    same = scored(lambda x: jnp.broadcast_to(x[:1] * 0, x.shape), held, reference=reference, eyes=eyes)
    alive = scored(lambda x: x, held, reference=reference, eyes=eyes)
    assert "lpips" not in same.values
    assert same.values["diversity"] < 0.3 < alive.values["diversity"]
    assert same.values["gram"] > alive.values["gram"]


def test_hand_scaled_rivals_cost_what_was_found():
    """Each way is within an eighth of the MACs asked for, and is what its name says."""
    ways = ("narrower", "fewer blocks", "separable", "residual")
    wanted = 30_000_000
    plain = {"ways": ways, "norm": "instance", "up": "nearest"}
    rivals = list(hand_scaled(wanted, space="resnet", blocks=3, size=(64, 64), **plain))
    assert [rival.name for rival in rivals] == [f"hand-scaled, {way}" for way in ways]
    nets = [rival.networks.supernet for rival in rivals]
    options = [net.space.decode(rival.arch) for net, rival in zip(nets, rivals, strict=True)]
    assert [sum(o.get(f"b{i}", "off") != "off" for i in range(1, 4)) for o in options] == [3, 1, 3, 1]
    assert [o["global"] for o in options] == ["none", "none", "none", "image"]
    assert options[2]["b1"] == "sep" and options[0]["b1"] == options[1]["b1"] == "res"
    width = [int(o["w.down2"]) for o in options]
    assert width[0] < width[1] and width[0] < width[2]
    for net, rival in zip(nets, rivals, strict=True):
        table = tabulate(net.space, units(net, (1, 64, 64, 3)), at=(64, 64))
        assert int(table(rival.arch)["macs"]) == pytest.approx(wanted, rel=1 / 8)
    (unet,) = hand_scaled(10**6, space="unet", blocks=3, size=(32, 32), **plain)
    assert unet.networks.supernet.space.name == "unet3"


@pytest.mark.parametrize(
    ("source", "recipe", "message"),
    [
        ("folder", Translation(pairs=True, l1=1.0), "holds no pairs"),
        ("folder", Translation(adversarial=Adversarial()), "needs two domains, unpaired:PATH"),
        ("furniture", Translation(adversarial=Adversarial()), "unpaired:furniture"),
        ("unpaired:furniture", Translation(pairs=True, l1=1.0), "holds no pairs"),
        ("folder", Translation(contrast=1.0), "a translation needs pairs or two domains"),
        (
            "folder",
            Translation(adversarial=Adversarial(), reproduce=10**5),
            r"initial training \(system.recipe.reproduce 1",
        ),
    ],
)
def test_recipes_say_which_pictures_they_need(source, recipe, message, tmp_path):
    """Before anything is read that takes time; the source and what it should be are named."""
    source = f"folder:{pictures(tmp_path / 'p')}" if source == "folder" else source
    system = ImageTranslation(blocks=1, recipe=recipe)
    experiment = Experiment(system, data=DataConfig(source=source))
    with pytest.raises(ValueError, match=message):
        system.prepare(experiment, system.networks())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"crops": 5}, "crops need a teacher"),
        ({"recipe": Translation(teaching=Teaching(output=1.0))}, "teaching needs a teacher or a tutor"),
        ({"tutor": Tutor(PAIRED)}, "tutor: it takes the place of a teacher"),
        ({"teacher": "t.pth", "tutor": Tutor(PAIRED), "recipe": FOLLOWING}, "tutor: it takes the place of a teacher"),
        (
            {"teacher": "t.pth", "crops": 5, "recipe": Translation(teaching=Teaching(features=1.0))},
            "learn from them with crops=0",
        ),
    ],
)
def test_settings_that_contradict_each_other(given, message):
    """They are refused when the system is made."""
    with pytest.raises(ValueError, match=message):
        ImageTranslation(**given)


def test_comparisons_out_of_range():
    """Sides that AlexNet cannot see, and weights that say nothing."""
    with pytest.raises(ValueError, match="side 32"):
        Comparison(side=16)
    with pytest.raises(ValueError, match="three numbers"):
        Comparison(weights=(1.0, -1.0, 0.0))
    system = ImageTranslation(blocks=1, compare=Comparison(weights=(0.0, 0.0, 0.0)))
    with pytest.raises(ValueError, match="none is of lpips, ssim, gram"):
        system.prepare(Experiment(system, data=DataConfig(source="furniture")), system.networks())


@pytest.mark.parametrize("name", ["translation", "unpaired", "edges2shoes", "horse2zebra"])
def test_configs_come_back_from_json(name):
    """Discriminators and teachings that may be absent are what they were."""
    experiment = load_config(name)
    assert from_dict(as_dict(experiment)) == experiment


def test_a_model_has_its_features_beside_it():
    """Of a supernet and of one network: the same outputs, with the points of `spaces.features`."""
    net = resnet_generator(((4,), (4,), (4, 8), (4,), (4,)), (4,), blocks=1, ops=("res",), up=("nearest",))
    net = net.at(net.space.at_stage("channel", net.space.default_arch()))
    sampler, x = strict_fair(net.space), jax.random.uniform(KEY, (2, 1, 16, 16, 3))
    params, plan = jax.jit(net.init)(KEY), sampler.sample(KEY, 0)
    model = supernet_model(net, sampler)
    assert model.tapped is not None
    y, features = jax.jit(model.tapped)(params, plan, x)
    np.testing.assert_allclose(y, jax.jit(model.forward)(params, plan, x), rtol=1e-5, atol=1e-5)
    assert features["down"].shape == (2, 1, 4, 4, 8)
    alone = extracted_model(net, plan[0])
    assert alone.tapped is not None
    own = net.extract_params(params, np.asarray(plan[0]))
    z, features = jax.jit(alone.tapped)(own, single(np.asarray(plan[0])).sample(KEY, 0), x[:1])
    np.testing.assert_allclose(z, y[:1], rtol=1e-4, atol=1e-5)
    assert features["down"].shape[-1] in (4, 8)


def test_pictures_of_every_mode_are_compared(tmp_path):
    """RGBA, grey, 16 bits and CMYK in one folder: RGB of 8 bits, cut from the middle."""
    folder = tmp_path / "p"
    folder.mkdir()
    base = Image.fromarray(np.full((40, 44, 3), 90, np.uint8))
    for mode in ("RGBA", "L", "CMYK"):
        base.convert(mode).save(folder / f"{mode}.{'tif' if mode == 'CMYK' else 'png'}")
    Image.fromarray(np.full((40, 44), 90 * 257, np.uint16)).save(folder / "deep.png")
    names, found = middles(open_sides(f"folder:{folder}", "all").inputs, 9, (32, 32))
    assert len(names) == 4 and found.shape == (4, 32, 32, 3) and found.dtype == np.uint8
    np.testing.assert_allclose(found, 90, atol=8)
    with pytest.raises(ValueError, match="has 40x44 pixels, less than the 64x64"):
        middles(open_sides(f"folder:{folder}", "all").inputs, 9, (64, 64))


def test_what_is_made_of_a_middle_looks_around_it(tmp_path):
    """It is the middle of what is made of a window, of as much of it as a picture has; alone, another one."""
    source = open_sides(f"folder:{pictures(tmp_path / 'p')}", "all").inputs
    (height, width), seen = source.size(0), []

    def change(x):
        seen.append(x.shape[1:3])
        return (x.astype(int) - x.mean((1, 2), dtype=int, keepdims=True) + 128).clip(0, 255).astype(np.uint8)

    (name,), (whole,) = middles(source, 1, (height, width))
    (middle,), (small,) = middles(source, 1, (9, 12))
    assert name == middle
    for window, there in ((0, (9, 12)), (21, (21, 21)), (1000, (height, width))):
        (found,) = changed_middles(source, 1, (9, 12), window=window, change=change)
        assert seen[-1] == there
        top, left = ((n - w) // 2 for n, w in zip((height, width), there, strict=True))
        around = change(whole[None, top : top + there[0], left : left + there[1]])[0]
        top, left = (height - 9) // 2 - top, (width - 12) // 2 - left
        np.testing.assert_array_equal(found, around[top : top + 9, left : left + 12])
    np.testing.assert_array_equal(small, whole[(height - 9) // 2 :, (width - 12) // 2 :][:9, :12])


def test_a_domain_of_one_picture_is_refused(tmp_path):
    """By how many there are and how many it takes."""
    pictures(tmp_path / "d" / "input"), pictures(tmp_path / "d" / "target", count=1)
    recipe = Translation(adversarial=Adversarial("lsgan"), cycle=10.0)
    system = ImageTranslation(blocks=1, recipe=recipe)
    experiment = Experiment(system, data=DataConfig(source=f"unpaired:{tmp_path / 'd'}"))
    with pytest.raises(ValueError, match="1 pictures do not split into train, val and test; give 3 or more"):
        system.prepare(experiment, system.networks())


def test_unmatched_names_are_refused(tmp_path):
    """The pair that lacks its other half is named."""
    pictures(tmp_path / "d" / "input", count=6), pictures(tmp_path / "d" / "target", count=5)
    system = replace(load_config("translation").tiny().system, size=None)
    with pytest.raises(ValueError, match="05"):
        system.prepare(Experiment(system, data=DataConfig(source=f"pairs:{tmp_path / 'd'}")), system.networks())


@pytest.mark.parametrize("on_bad", ["fail", "skip"])
def test_held_out_pictures_hold_what_is_compared(tmp_path, on_bad):
    """Too small ones are refused before anything is trained, or left out, by the side and by the test's own crop."""
    pictures(tmp_path / "train", size=(64, 60))
    for split in ("val", "test"):
        pictures(tmp_path / split, count=3, size=(64, 60))
    pictures(tmp_path / "test", count=1, size=(40, 36))
    sides = open_sides(f"folder:{tmp_path}", "test")
    if on_bad == "skip":
        assert [holding(sides, (48, 48), "skip").inputs.name(i) for i in range(2)] == ["01.png", "02.png"]
    with pytest.raises(ValueError, match="held-out pictures are smaller than the 96x48 pixels they are compared on"):
        holding(sides, (96, 48), on_bad)
    assert holding(sides, (30, 30), on_bad) is sides


@pytest.mark.parametrize(("counts", "said"), [((4, 1, 3), "the split val has 1"), ((4, 3, 1), "the split test has 1")])
def test_sets_of_one_picture_are_refused(tmp_path, counts, said):
    """Before anything is trained: a distance of sets takes two pictures."""
    for split, count in zip(("train", "val", "test"), counts, strict=True):
        for side in ("input", "target"):
            pictures(tmp_path / split / side, count=count)
    system = replace(load_config("translation").tiny().system, size=None)
    with pytest.raises(ValueError, match=f"{said} pictures to compare as a set, which takes 2 or more"):
        system.prepare(Experiment(system, data=DataConfig(source=f"pairs:{tmp_path}")), system.networks())


def small_targets(folder, *, small):
    """Two domains in which so many of twelve pictures to learn from are small, and a system that compares them."""
    pictures(folder / "input" / "train", size=(64, 60)), pictures(folder / "target" / "train", size=(64, 60))
    for i in range(small):
        Image.new("RGB", (40, 36), (i, 0, 0)).save(folder / "target" / "train" / f"{i:02d}.png")
    for split in ("val", "test"):
        for side in ("input", "target"):
            pictures(folder / side / split, count=2, size=(64, 60))
    system = replace(load_config("unpaired").tiny().system, size=None, compare=Comparison(side=48, reference=9))
    return system, DataConfig(source=f"unpaired:{folder}", patch=16)


def test_small_pictures_of_the_target_domain(tmp_path):
    """Before anything is trained they are refused, or left out of what is compared; of too few left it is told."""
    system, data = small_targets(tmp_path, small=2)
    with pytest.raises(ValueError, match="2 of 12 training pictures of the target domain are smaller than the 48x48"):
        system.prepare(Experiment(system, data=data), system.networks())
    data = replace(data, on_bad="skip")
    ground = system.prepare(Experiment(system, data=data), system.networks())
    assert len(ground.judge({}).grams) == 9
    larger = replace(data, test_crop=(60, 64))  # which the training pictures hold alike
    for i in range(2, 10):
        Image.new("RGB", (50, 50), (i, 0, 0)).save(tmp_path / "target" / "train" / f"{i:02d}.png")
    assert system.prepare(Experiment(system, data=data), system.networks())
    with pytest.raises(ValueError, match="the split train has 2 pictures to compare as a set, which takes 3"):
        system.prepare(Experiment(system, data=larger), system.networks())


def test_sets_are_compared_at_one_size(tmp_path):
    """Real pictures are as large as those of the test that are compared with them: equal ones have no distance."""
    for split in ("train", "test"):
        for side in ("input", "target"):
            pictures(tmp_path / side / split, count=4, size=(64, 60))
    pictures(tmp_path / "input" / "val", count=2, size=(64, 60)), pictures(tmp_path / "target" / "val", count=2)
    system = replace(load_config("unpaired").tiny().system, size=None, compare=Comparison(side=32, reference=4))
    data = DataConfig(source=f"unpaired:{tmp_path}", patch=16, test_crop=(56, 60))
    ground = system.prepare(Experiment(system, data=data), system.networks())
    values = ground.test(lambda x: x).values
    assert values["diversity"] == pytest.approx(1, abs=1e-6) and values["gram"] < 0
    assert "same middles" in ground.protocol


def test_a_students_pictures_are_as_different_as_its_teachers(eyes, real):
    """Without real pictures: 1 where they are the teacher's, far below where they are one; nothing to say of one."""
    held = Held(tuple("abcdefgh"), 255 - real[:8], real[:8])
    found = scored(lambda x: -x, held, reference=None, eyes=eyes).values
    same = scored(lambda x: jnp.broadcast_to(x[:1] * 0, x.shape), held, reference=None, eyes=eyes).values
    assert found["diversity"] == pytest.approx(1, abs=1e-3) and same["diversity"] < 0.3
    alone = scored(lambda x: x, Held(("a",), real[:1], real[:1]), reference=None, eyes=eyes).values
    assert "diversity" not in alone and "lpips" in alone


def test_a_unet_is_the_usual_one_and_a_teacher():
    """Without widths of its own it halves eight times, as pix2pix's; in miniature five times."""
    system = ImageTranslation(space="unet")
    assert system.networks().supernet.space.name == "unet8"
    assert system.tiny().networks().supernet.space.name == "unet5"
    assert ImageTranslation().networks().supernet.space.name == "resnet9"


@pytest.mark.parametrize(
    ("name", "recipe"),
    [("translation", PAIRED), ("unpaired", Translation(adversarial=Adversarial("lsgan"), cycle=10.0))],
)
def test_a_tutor_is_trained_beside(name, recipe):
    """It plays against the discriminator by its own recipe, and the networks follow it, by its features, too."""
    experiment = load_config(name)
    experiment = replace(experiment, system=replace(experiment.system, recipe=FOLLOWING, tutor=Tutor(recipe))).tiny()
    system, networks = experiment.system, experiment.system.networks()
    net = networks.supernet.at(networks.supernet.space.at_stage("path"))
    sampler, ground = strict_fair(net.space), system.prepare(experiment, networks)
    task = ground.task(supernet_model(net, sampler), sampler, 1)
    way_back = ("teacher_back",) if recipe.cycle else ()
    assert set(task.players) == {"discriminator", "teacher", "generator", "adapters", *way_back}
    params = jax.eval_shape(task.init, KEY)
    assert params["teacher"]["stem"]["w"].shape[-1] == 8 and params["generator"]["stem"]["w"].shape[-1] > 8
    batch = next(ground.batches(task.batch_spec, 0, (0, 1)))
    assert set(batch) == {"input", "target"} and len(batch["input"]) == sampler.slots
    plan, given = jax.eval_shape(sampler.sample, KEY, 0), {**task.batch_spec, **task.memory}
    logs = {player: jax.eval_shape(task.losses[player], params, plan, given, KEY)[1] for player in task.losses}
    assert {"output", "features"} == {name for name in logs["generator"]} and "gan" in logs["teacher"]
    assert ("cycle" in logs["teacher"]) == bool(recipe.cycle)


def test_contrast_is_trained_one_way(eyes):
    """CUT's recipe as a system: a generator, a judge and heads for its features, and no way back."""
    experiment = load_config("unpaired").tiny()
    recipe = Translation(adversarial=Adversarial("lsgan"), contrast=1.0, identity=1.0, patches=16)
    system = replace(experiment.system, recipe=recipe)
    networks = system.networks()
    ground = system.prepare(experiment, networks)
    net = networks.supernet.at(networks.supernet.space.at_stage("path"))
    sampler = strict_fair(net.space)
    task = ground.task(supernet_model(net, sampler), sampler, 1)
    assert set(task.players) == {"discriminator", "generator", "heads"}
    params = jax.eval_shape(task.init, KEY)
    plan, batch = jax.eval_shape(sampler.sample, KEY, 0), {**task.batch_spec, **task.memory}
    value, logs = jax.eval_shape(task.losses["generator"], params, plan, batch, KEY)
    assert value.shape == () and {"contrast", "contrast_identity", "gan"} <= set(logs) and "cycle" not in logs
