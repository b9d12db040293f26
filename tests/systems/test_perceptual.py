"""The search of a discriminator: what its generator begins with, what it is compared with, what its card says."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from nasjax.apply.upscalers import FOLDER
from nasjax.chain.configs import load_config
from nasjax.export.bundle import load_bundle
from nasjax.files import read_json
from nasjax.system import Shipped
from nasjax.systems.perceptual.generator import begun, given_generator
from nasjax.systems.perceptual.system import PerceptualSuperResolution, export, prepare

SMALL = FOLDER / "small_x4"


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
