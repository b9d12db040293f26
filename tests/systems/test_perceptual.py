"""The search of a discriminator: what its generator begins with, what it is compared with, what its card says."""

import re
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from nasjax.apply.upscalers import FOLDER
from nasjax.chain.configs import load_config
from nasjax.data.pipeline import patches
from nasjax.data.spec import open_source
from nasjax.export.bundle import load_bundle
from nasjax.files import read_json
from nasjax.nets.trunks import before_activation, load_trunk
from nasjax.spaces.paired import paired, with_generator
from nasjax.system import Shipped
from nasjax.systems.perceptual.generator import begun, given_generator
from nasjax.systems.perceptual.system import PerceptualSuperResolution, export, fixed_archs, prepare
from nasjax.tasks.networks import Fixed
from nasjax.tasks.perceptual import Pair, Perception, pair_loss, pairs_of
from tests.docs.blocks import ROOT

SMALL = FOLDER / "small_x4"


@pytest.mark.parametrize("name, figure", [("tpsr", "plain generator of 26.2K param"), ("tpsr_full", "A 60.1K x4 net")])
def test_a_config_says_how_large_its_generator_is(name, figure):
    """The sentence is in the file, and the figure is the number of its weights as they are shipped."""
    assert figure in (ROOT / "configs" / f"{name}.py").read_text(encoding="utf-8")
    generator = load_config(name).system.generating()

    def shipped():
        params = generator.net.extract_params(generator.net.init(jax.random.key(0)), generator.arch)
        return generator.net.deploy_params(params, generator.arch)

    num = sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(shipped)))
    assert f"{num / 1000:.1f}K" == re.findall(r"[\d.]+K", figure)[0]


@pytest.mark.parametrize("name", ["tpsr", "tpsr_full"])
def test_the_game_has_a_say_from_the_start(name):
    """Of the gradient of a generator that has learned fidelity it is more than a twentieth: discriminators matter.

    By a narrow one, on two patches; ESRGAN's own weights of the loss would leave it less than a thousandth here.
    """
    system = load_config(name).system
    system = replace(system, generator=str(SMALL), widths=((8,),) * len(system.widths), rivals=("patchgan",))
    generator, net = system.generating(), system.networks().supernet
    arch, own = fixed_archs(system, net)["patchgan"], begun(generator)
    assert own is not None
    params = net.extract_params(with_generator(net, net.init(jax.random.key(0)), own), arch)
    sides = [paired(generator.net, generator.arch, system.discriminators(), part=p) for p in ("generator", "scores")]
    generate, score = (side.extract(arch) for side in sides)
    image = next(patches(open_source("embedded", "train"), patch=48, batch=2, seed=0))["image"]
    low, high = pairs_of(jnp.asarray(image), system.scale)

    @jax.jit
    def norms(params, vgg):
        pair = Pair(
            lambda p, x: jnp.asarray(generate.apply({"params": p}, x)),
            lambda p, x: jnp.asarray(score.apply({"params": p}, x)),
            Fixed(before_activation(system.level), vgg),
        )

        def terms(mine):
            both = {**params, **mine}
            logs = pair_loss(system.perception, pair, both, low=low, high=high, key=jax.random.key(0))[1]
            return jnp.stack([logs["game"], logs["game"] + logs["feature"] + logs["pixel"]])

        slopes = jax.jacrev(terms)({n: p for n, p in params.items() if n.startswith("g.")})
        return [optax.tree.norm(jax.tree.map(lambda s, i=i: s[i], slopes)) for i in range(2)]

    game, whole = norms(params, load_trunk("vgg16")[1]["trunk"])
    assert float(game) > 0.05 * float(whole)


def test_a_search_begins_with_a_network_of_the_package():
    """Its branches were added up: they begin anew, and the network is the one of the bundle."""
    generator = given_generator(str(SMALL), 4)
    params, bundle = begun(generator), load_bundle(SMALL)
    assert params is not None and set(params["b1"]["rep"]["a"]) == {"w", "b", "in", "mid", "out"}
    x = jax.random.uniform(jax.random.key(1), (1, 9, 8, 3), minval=-1)
    y = generator.net.extract(generator.arch).apply({"params": params}, x)
    np.testing.assert_allclose(y, bundle.apply(x), atol=1e-5)


def test_a_run_folder_stands_for_its_bundle(tmp_path):
    """As for `nasjax apply`."""
    (tmp_path / "export").symlink_to(SMALL.resolve())
    assert given_generator(str(tmp_path), 4).folder == tmp_path / "export"


def test_a_generator_that_will_not_do_is_refused_by_the_name_of_the_setting(tmp_path):
    """A folder without a bundle, no folder, another scale: what is needed is said."""
    for given in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ValueError, match=r"system\.generator: .* is neither a bundle nor a run folder.*for x4"):
            given_generator(str(given), 4)
    with pytest.raises(ValueError, match=r"system\.generator: .* is a network of sr_cell for x4; needed is .* for x2"):
        given_generator(str(SMALL), 2)


def test_rivals_are_checked_before_anything_is_trained():
    """An unknown name when the settings are made, one that the space does not hold before pictures are read."""
    with pytest.raises(ValueError, match=r"system\.rivals: unknown discriminator 'esgran'; allowed: srgan, esrgan"):
        PerceptualSuperResolution(rivals=("esgran",))
    tiny = load_config("tpsr").tiny()
    system = replace(tiny.system, rivals=("esrgan", "srgan"))
    with pytest.raises(ValueError, match=r"system\.rivals: the space holds no srgan .*'s3i'.*system\.halve"):
        prepare(system, replace(tiny, system=system), system.networks())
    grid = replace(tiny.system, perception=Perception(repeated=0.1))
    with pytest.raises(ValueError, match=r"data\.patch must be at least 7 where system\.perception\.repeated weighs"):
        prepare(grid, replace(tiny, system=grid, data=replace(tiny.data, patch=6)), grid.networks())


@pytest.mark.parametrize("feature", [0.0, 1.0])
def test_a_card_names_all_that_the_generator_learned_from(tmp_path, feature):
    """The data of the network that it began with, once, its own, and VGG16 where its features taught it."""
    tiny = load_config("tpsr").tiny()
    perception = replace(tiny.system.perception, feature=feature)
    system = replace(tiny.system, generator=str(SMALL), perception=perception)
    pair = system.networks().supernet
    params = pair.extract_params(pair.init(jax.random.key(0)), pair.space.default_arch())
    shipped = Shipped(pair.space.default_arch(), params, (), (), {})
    data = replace(tiny.data, source="folder:mine")
    experiment = replace(tiny, system=system, data=data)
    export(system, experiment, pair, what=(tmp_path / "bundle", shipped))
    card = read_json(tmp_path / "bundle" / "card.json")
    before = read_json(SMALL / "card.json")["training_data"]
    assert card["training_data"][: len(before)] == before
    assert [row["name"] for row in card["training_data"][len(before) :]] == ["folder:mine"]
    assert ("VGG16" in card["notes"]) == bool(feature) and "small" in card["notes"]
