"""Photo filters as a system, without pairs and with: what is checked before the first step, and what scores mean."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from nasjax.chain.configs import as_dict, from_dict, load_config
from nasjax.chain.experiment import run_experiment
from nasjax.cli import main
from nasjax.data.sides import open_sides
from nasjax.sampling import strict_fair
from nasjax.system import Found
from nasjax.systems.photo_filter.looks import look_distance, look_of, wanted_looks
from nasjax.systems.photo_filter.moves import moves_between
from nasjax.systems.photo_filter.score import LIKENESS, LOOK
from nasjax.systems.photo_filter.system import PhotoFilter
from nasjax.tasks.base import supernet_model
from tests.chain.members import pictures


@pytest.fixture(scope="module")
def domains(tmp_path_factory):
    """Twelve small pictures, and twelve of other names that are darker and redder."""
    folder = tmp_path_factory.mktemp("domains")
    for side in ("a", "b"):
        (folder / side).mkdir()
    pictures(folder / "a")
    for path in sorted((folder / "a").glob("*.png")):
        if "_" in path.stem:
            path.unlink()
            continue
        small = Image.open(path).resize((64, 48))
        small.save(path)
        red = np.asarray(small) * np.array([0.9, 0.5, 0.4])
        Image.fromarray(red.astype(np.uint8)).save(folder / "b" / f"dusk{path.name}")
    return folder


def _experiment(source, **changes):
    tiny = load_config("filter").tiny()
    data = replace(tiny.data, source=source, patch=16, val_patch=16, test_crop=(24, 32))
    return replace(tiny, system=replace(tiny.system, size=None, **changes), data=data)


def _ground(experiment):
    networks = experiment.system.networks()
    return networks, experiment.system.prepare(experiment, networks)


@pytest.mark.parametrize("cycle", [0.0, 10.0])
def test_two_sets_of_pictures_are_trained_by_a_game_and_scored_by_their_look(domains, cycle):
    """Players of one direction or of both, and a judge; the input has all of the detail and misses the look."""
    recipe = replace(load_config("filter").tiny().system.recipe, cycle=cycle)
    networks, ground = _ground(_experiment(f"folders:{domains / 'a'}|{domains / 'b'}", recipe=recipe))
    assert ground.measures == LOOK and ground.objectives == ("look", "kept", "macs")
    assert "light moved by as many stops: exposure " in ground.search_protocol
    net = networks.supernet.at(networks.supernet.space.at_stage("path"))
    sampler = strict_fair(net.space)
    task = ground.task(supernet_model(net, sampler), sampler, 1)
    assert set(task.players) == {"discriminator", "generator", *(["back"] if cycle else [])}
    params = jax.eval_shape(task.init, jax.random.key(0))
    plan, batch = jax.eval_shape(sampler.sample, jax.random.key(0), 0), dict(task.batch_spec)
    value, logs = jax.eval_shape(task.losses["generator"], params, plan, {**batch, **task.memory}, jax.random.key(0))
    assert value.shape == () and {"moved", "kept_directions", "gan", "tables", "grids"} <= set(logs)
    assert ("cycle" in logs) == bool(cycle)
    spec = {name: jax.ShapeDtypeStruct(s.shape, s.dtype) for name, s in task.batch_spec.items()}
    drawn = next(iter(ground.batches(spec, 0, (0, 1))))
    assert drawn["input"].mean() > drawn["target"].mean() + 10
    scores = ground.test(lambda x: x).values
    assert scores["kept"] == pytest.approx(1, abs=1e-5) and scores["look"] > 5
    searched = ground.score(lambda x: x, ground.judge({}))
    assert float(searched["kept"]) == pytest.approx(1, abs=1e-5) and float(searched["look"]) > 5


def test_pairs_are_compared_with_their_truth(domains):
    """The truth as an output is perfect, the input is not; the input is what networks are compared with."""
    experiment = _experiment(f"degraded:exposure:folder:{domains / 'a'}")
    networks, ground = _ground(replace(experiment, data=replace(experiment.data, val_patches=5)))
    assert ground.measures == LIKENESS and ground.weights == {"psnr": 1.0}
    # A picture counts once, however many of its degradations are looked at: two of twelve are held out.
    assert ground.search_protocol == "5 squares of 16 px of 2 validation pictures"
    assert "at the shorter side" not in ground.protocol
    smaller = replace(experiment, system=replace(experiment.system, size=24))
    assert "made 24 px at the shorter side" in _ground(smaller)[1].protocol
    judge = ground.judge({})
    assert judge.target is not None and judge.x.shape == judge.target.shape
    plain = ground.score(lambda x: x, judge)
    assert float(plain["psnr"]) < 30 and float(plain["ciede2000"]) > 1
    assert [rival.name for rival in ground.rivals(Found(networks.supernet.space.default_arch(), {}, {}))] == ["input"]


def test_pairs_are_learned_from_with_smooth_grids(domains):
    """The config of looks has weights for it; those of corrections, whose networks ship, have none."""
    experiment = _experiment(f"degraded:exposure:folder:{domains / 'a'}")
    networks, ground = _ground(experiment)
    net = networks.supernet.at(networks.supernet.space.at_stage("path"))
    sampler = strict_fair(net.space)
    task = ground.task(supernet_model(net, sampler), sampler, 1)
    params, plan = (jax.eval_shape(f, jax.random.key(0)) for f in (task.init, lambda key: sampler.sample(key, 0)))
    _, logs = jax.eval_shape(task.losses["generator"], params, plan, dict(task.batch_spec), jax.random.key(0))
    assert set(logs) == {"pixel", "lab", "tables", "grids"}  # patches of a test hold no window of a similarity
    loss = load_config("filter").system.loss
    assert loss.ssim > 0 and loss.grid > 0
    for name in ("dejpeg", "deblur", "dehaze", "exposure", "whitebalance"):
        assert (load_config(name).system.loss.ssim, load_config(name).system.loss.grid) == (0, 0)


def test_pairs_have_rivals_by_hand_and_of_every_pixel(domains):
    """The hand-made network is the one that was named, of the same shared weights; the ResNet starts as the input."""
    source = f"degraded:exposure:folder:{domains / 'a'}"
    experiment = _experiment(source, by_hand="colour=curves grid=none", resnet=True)
    networks, ground = _ground(experiment)
    net = networks.supernet
    shared = net.init(jax.random.key(0))
    found = Found(net.space.default_arch(), {}, shared)
    _, hand, resnet = ground.rivals(found)
    assert hand.arch is not None and hand.start is not None and resnet.networks is not None and resnet.arch is not None
    chosen = net.space.decode(hand.arch)
    assert (hand.name, chosen["colour"], chosen["grid"]) == ("by hand", "curves", "none")
    kept = net.extract_params(shared, hand.arch)
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), hand.start, kept))
    options = resnet.networks.supernet.space.decode(resnet.arch)
    assert (options["w.stem"], options["w.down2"], options["global"]) == ("24", "48", "image")
    for wrong, said in {"colour": "'colour' is no choice=option", "colour=blue": "'blue'"}.items():
        with pytest.raises(ValueError, match=f"system.by_hand: .*{said}"):
            _ground(_experiment(source, by_hand=wrong))


def test_a_look_is_what_a_set_of_pictures_looks_like_one_by_one():
    """Too dark beside too bright is not the grey in between, though its mean is; sets that are drawn alike are near."""
    greys = jnp.stack([jnp.full((4, 4, 3), v) for v in (-0.6, 0.0, 0.6)])
    looks = look_of(greys)
    np.testing.assert_allclose(looks[:, 1:], 0, atol=0.1)
    apart, middle = looks[jnp.array([0, 2])], looks[1:2]
    assert float(look_distance(apart, middle)) > 10 > 1e-4 > float(look_distance(apart, apart))
    draws = jax.random.normal(jax.random.key(0), (2, 200, 6)) * 5
    assert 0 < float(look_distance(*draws)) < 0.2
    assert float(look_distance(draws[0], draws[1] * 2)) > 1 and float(look_distance(draws[0], draws[1] + 3)) > 1


def test_two_sets_have_a_network_by_hand_beside_them(domains):
    """It is trained by the same game; without one, what is found is compared with the input alone."""
    source = f"folders:{domains / 'a'}|{domains / 'b'}"
    networks, ground = _ground(_experiment(source, by_hand="colour=curves grid=none"))
    shared = networks.supernet.init(jax.random.key(0))
    found = Found(networks.supernet.space.default_arch(), {}, shared)
    assert [rival.name for rival in ground.rivals(found)] == ["input", "by hand"]
    assert [rival.name for rival in _ground(_experiment(source))[1].rivals(found)] == ["input"]


def test_a_look_is_that_of_the_pictures_that_are_learned_from(domains):
    """All of them, whole and by their middles, where held-out ones are one or two."""
    whole, squares = wanted_looks(open_sides(f"folder:{domains / 'b'}", "train").inputs, 16)
    assert whole.shape == squares.shape == (8, 6)
    _, ground = _ground(_experiment(f"folders:{domains / 'a'}|{domains / 'b'}"))
    np.testing.assert_allclose(ground.judge({}).looks, squares, rtol=1e-4, atol=1e-3)


def test_pairs_that_were_taken_apart_are_tested_by_their_truth(domains):
    """They are trained as two sets; the table has both, and the truth is what the search never sees."""
    _, ground = _ground(_experiment(f"apart:degraded:exposure:folder:{domains / 'a'}"))
    assert ground.measures == (*LOOK, *LIKENESS) and set(ground.weights) == {"look", "kept"}
    scores = ground.test(lambda x: x)
    assert set(scores.values) == {"look", "kept", "psnr", "ssim", "ciede2000"}
    assert 5 < scores.values["psnr"] < 30 and scores.values["kept"] == pytest.approx(1, abs=1e-4)
    assert set(ground.score(lambda x: x, ground.judge({}))) == {"look", "kept"}
    assert "truth" in [panel.label for panel in ground.show({"found": lambda x: x})[0].panels]


class _Pictures:
    """Flat photographs with a few colours, in as many lights."""

    def __init__(self, lights):
        self.lights = lights

    def __len__(self):
        return len(self.lights)

    def __getitem__(self, index):
        content = np.random.default_rng(index).uniform(0.05, 0.2, (8, 9, 3))
        return {"image": np.round(255 * np.clip(content * self.lights[index], 0, 1) ** (1 / 2.2)).astype(np.uint8)}


def test_light_is_moved_as_far_as_two_sets_are_apart():
    """Exposures that vary by 1.5 stops each way ask for about that, casts for casts, and equal sets for nothing."""
    rng, num = np.random.default_rng(0), 150
    same = _Pictures(np.ones((num, 3)))
    stops = 2 ** rng.uniform(-1.5, 1.5, (num, 1)) * np.ones(3)
    exposure, warm, tint, *_ = moves_between(_Pictures(stops), same)
    assert 1.1 < exposure < 1.6 and max(warm, tint) < 0.2
    casts = 2 ** (rng.uniform(-0.6, 0.6, (num, 1)) * np.array([1, 0, -1]))
    exposure, warm, tint, *_ = moves_between(_Pictures(casts), same)
    assert 0.4 < warm < 0.7 and max(exposure, tint) < 0.35
    assert max(moves_between(same, same)) == 0
    # One side is darker as a whole: as far as its mean is away.
    assert 1.5 < moves_between(_Pictures(0.5 * np.ones((num, 3))), same)[0] < 2.0
    # Grey pictures, and single ones, ask for no more than there is.
    assert max(moves_between(_Pictures(np.zeros((1, 3))), same)) <= 2.5


def test_single_pictures_are_refused(domains):
    """Nothing can be learned from pictures without a partner or a second set: the message names the forms of data."""
    with pytest.raises(ValueError, match="holds single pictures"):
        _ground(_experiment(f"folder:{domains / 'a'}"))


def test_folders_that_nobody_named_are_asked_for(tmp_path, monkeypatch, capsys):
    """The command of the config alone says how two folders are named, before any work."""
    monkeypatch.chdir(tmp_path)
    assert main(["search", "filter", "--run", "run"]) == 2
    said = capsys.readouterr().err
    assert "image folder filter does not exist" in said and "or --a BEFORE --b AFTER of a command" in said


def test_squares_hold_a_window(domains):
    """Experiments in miniature ask for squares of 8 pixels, in which there is no structural similarity."""
    experiment = _experiment(f"degraded:haze:folder:{domains / 'a'}")
    _, ground = _ground(replace(experiment, data=replace(experiment.data, val_patch=8)))
    assert ground.judge({}).x.shape[-3:] == (11, 11, 3) and "squares of 11 px" in ground.search_protocol


def test_squares_larger_than_the_pictures_are_refused(domains):
    """Before any training."""
    experiment = _experiment(f"degraded:haze:folder:{domains / 'a'}")
    with pytest.raises(ValueError, match="val_patch"):
        _ground(replace(experiment, data=replace(experiment.data, val_patch=500)))


@pytest.mark.parametrize("name", ["filter", "dejpeg", "deblur", "dehaze", "exposure", "whitebalance"])
def test_shipped_configs_are_what_their_json_says(name):
    """Every config survives `config.json`, its space has networks, and its stages have fair rounds."""
    experiment = load_config(name)
    assert isinstance(experiment.system, PhotoFilter)
    assert from_dict(as_dict(experiment)) == experiment
    net = experiment.system.networks().supernet
    arch = net.space.default_arch()
    assert [strict_fair(net.space.at_stage(s, arch)).slots <= 12 for s in net.space.stages] == [True] * 3


def test_a_training_without_a_game_is_refused(domains):
    """Of two sets of pictures nothing is learned by initial training alone: the field is named, and what to do."""
    experiment = _experiment(f"folders:{domains / 'a'}|{domains / 'b'}")
    recipe = replace(experiment.system.recipe, initial=experiment.stages[0].train.steps)
    with pytest.raises(ValueError, match=r"stages.0.train.steps 2: all of it would be initial training .*initial 2"):
        _ground(replace(experiment, system=replace(experiment.system, recipe=recipe)))


def test_the_rival_of_the_poster_is_a_setting(domains, tmp_path):
    """CycleGAN's family over every pixel, by the same config: searched to the end, and a filter like any other."""
    experiment = _experiment(f"degraded:exposure:folder:{domains / 'a'}", generator="resnet")
    assert experiment.system.networks().builder[0] == "resnet_generator"
    stages = tuple(replace(stage, population=2, generations=1) for stage in experiment.stages)
    final = replace(experiment.final, number=1, formats=())
    experiment = replace(experiment, stages=stages, final=final, budget=("params<=300K",))
    results = run_experiment(experiment, tmp_path / "run", say=None)
    assert "resnet" in results["arch"] and results["rows"][0]["values"]["psnr"] > 0
    photo, out = next((domains / "a").iterdir()), tmp_path / "out.png"
    assert main(["filter", str(photo), str(out), "--model", str(tmp_path / "run")]) == 0
    with Image.open(photo) as before, Image.open(out) as after:
        assert after.size == before.size


@pytest.mark.parametrize("name", ["dehaze", "exposure", "whitebalance"])
def test_paths_are_ranked_at_the_widths_of_the_network_by_hand(name):
    """With wider ones its own path would cost more than it does, and a budget of its costs would shut it out."""
    system = load_config(name).system
    space = system.networks().supernet.space
    chosen = dict(pair.split("=") for pair in system.by_hand.split())
    early = {c.name: c.options[c.default] for c in space.choices if c.stage == "channel"}
    assert {n: early[n] for n in ("w.fine", "w.trunk", "b1.w")} == {n: chosen[n] for n in ("w.fine", "w.trunk", "b1.w")}


@pytest.mark.parametrize(("name", "table"), [("dehaze", "mix9x2"), ("exposure", "mix9x8"), ("whitebalance", "mix9x8")])
def test_paths_are_compared_by_cheap_blocks_and_strong_heads(name, table):
    """Of each group one option is tried while paths are: two dear blocks would be over the budget, weak heads lose."""
    networks = load_config(name).system.networks()
    space = networks.supernet.space.at_stage("path", networks.supernet.space.default_arch())
    open_ = {c.name: {c.options[o] for o in space.options(c.name)} for c in space.choices}
    assert open_["b1"] == open_["b2"] == {"off", "ir2k3"} and open_["grid"] == {"none", "a32x4"}
    assert open_["colour"] == {"none", "curves", "lut2", table}


def test_narrower_widths_stand_in_where_a_budget_asks_for_them():
    """The widest first, as the chain tries them; a place of one's own leaves no choice."""
    networks = PhotoFilter().networks()
    places = [[c.default for c in n().supernet.space.choices if c.name == "w.trunk"] for n in networks.narrower]
    assert places == [[2], [1], [0]] and PhotoFilter(nominal=1).networks().narrower == ()
