"""The dial between weights close to the truth and weights that look sharp, over two small bundles made up here."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from nasjax.apply import upscalers
from nasjax.apply.journal import MANIFEST
from nasjax.cli import main
from nasjax.export.bundle import load_bundle, write_bundle
from nasjax.export.card import Card
from nasjax.spaces.sr_cell import sr_cell
from tests.export.networks import make

_ROWS = ({"name": "LPIPS", "value": 0.1, "data": "set5", "protocol": "v0.1"},)


def _network(seed: int, width: int = 4):
    arguments = {"scale": 4, "blocks": 1, "trunk": [width], "inner": [width], "ops": ["res"]}
    options = {"att": "none", "tail": "sep", "image": "bicubic"}
    return make(sr_cell(**arguments), options, builder=("sr_cell", arguments), size_multiple=1, seed=seed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What a package could hold: medium with weights of both kinds, small with fidelity's alone."""
    root = tmp_path_factory.mktemp("models")
    for seed, name in enumerate(("medium_x4", "medium-perceptual_x4", "small_x4")):
        write_bundle(root / name, _network(seed), card=Card(name, metrics=_ROWS), formats=())
    return root


@pytest.fixture
def shipped(folder, monkeypatch):
    """The same, as what comes with the package."""
    monkeypatch.setattr(upscalers, "FOLDER", folder)
    return folder


@pytest.fixture(scope="module")
def pixels():
    """A picture that is worked on in several windows."""
    return np.random.default_rng(0).integers(0, 256, (150, 90, 3)).astype(np.uint8)


def test_the_ends_of_the_dial_are_the_two_networks_to_the_bit(shipped, pixels):
    """Sharpness 0 is the fidelity model, 1 the perceptual one; what lies between is neither."""
    fidelity, perceptual = (load_bundle(shipped / name) for name in ("medium_x4", "medium-perceptual_x4"))
    low = pixels[:12, :16]
    found = {s: upscalers.upscale(low, "medium", sharpness=s) for s in (0.0, 0.5, 1.0)}
    np.testing.assert_array_equal(found[0.0], upscalers.upscale(low, fidelity))
    np.testing.assert_array_equal(found[1.0], upscalers.upscale(low, perceptual))
    assert all((found[0.5] != found[end]).mean() > 0.5 for end in (0.0, 1.0))


def test_between_them_is_the_network_of_the_weights_between(shipped, pixels):
    """At 0.25 it is the network with 3 parts of the one's weights and 1 of the other's, in windows as at once."""
    bundle = upscalers.load_upscaler("medium", 4, sharpness=0.25)
    a, b = (load_bundle(shipped / f"{name}_x4").params for name in ("medium", "medium-perceptual"))
    wanted = _network(0)._replace(params=jax.tree.map(lambda x, y: 0.75 * x + 0.25 * y, a, b))
    x = jnp.asarray(pixels, jnp.float32)[None] / 127.5 - 1
    whole = wanted.apply(wanted.params, x)
    np.testing.assert_allclose(bundle.apply(x), whole, atol=1e-5)
    np.testing.assert_allclose(upscalers.upscale(x, bundle), whole, atol=1e-5)


def test_a_network_between_does_not_quote_figures(shipped):
    """Those on the cards are of the ends; its card names both and the sharpness."""
    card = upscalers.load_upscaler("medium", 4, sharpness=0.25).card
    assert card["metrics"] == [] and card["name"] == "between medium_x4 and medium-perceptual_x4, sharpness 0.25"
    assert upscalers.load_upscaler("medium", 4, sharpness=1).card["metrics"]


@pytest.mark.parametrize(
    ("model", "sharpness", "said"),
    [
        (
            "small",
            0.5,
            r"no perceptual weights for x4, so its sharpness must be 0, not 0.5; there are: medium \(x4\)",
        ),
        ("medium", 1.5, r"sharpness must be in 0..1, got 1.5"),
        ("medium", float("nan"), r"sharpness must be in 0..1, got nan"),
        ("medium", None, r"sharpness must be in 0..1, got None"),
    ],
)
def test_a_sharpness_that_there_is_none_of_is_refused(shipped, model, sharpness, said):
    """With what there is: a model without perceptual weights, and a number outside 0 to 1."""
    with pytest.raises(ValueError, match=said):
        upscalers.load_upscaler(model, 4, sharpness=sharpness)


def test_only_one_architecture_can_be_blended(shipped, pixels, tmp_path):
    """Two networks are refused by their archs; a loaded bundle has no dial of its own."""
    medium = load_bundle(shipped / "medium_x4")
    write_bundle(tmp_path / "other", _network(0, width=6), card=Card("other"), formats=())
    with pytest.raises(ValueError, match="one architecture"):
        upscalers.blended(medium, load_bundle(tmp_path / "other"), 0.5)
    with pytest.raises(ValueError, match=r"sharpness 0\.5 is for networks that come with the package"):
        upscalers.upscale(pixels, medium, sharpness=0.5)


def test_another_sharpness_is_another_output(shipped, tmp_path, capsys):
    """In a folder, the same command is done before; one of another sharpness is not taken for it."""
    (tmp_path / "out").mkdir()
    Image.fromarray(np.full((8, 8, 3), 90, np.uint8)).save(tmp_path / "in.png")

    def command(*options: str) -> tuple[int, str]:
        code = main(["upscale", *options, str(tmp_path / "in.png"), str(tmp_path / "out")])
        return code, capsys.readouterr().err

    assert command("--sharpness", "0.5")[0] == 0
    first = (tmp_path / "out" / "in.png").read_bytes()
    assert command("--sharpness", "0.5") == (0, "nasjax upscale: 1 done before\n")
    code, said = command("--perceptual")
    assert code == 2 and "would be replaced; allow that with --overwrite" in said
    assert command("--perceptual", "--overwrite")[0] == 0 and (tmp_path / "out" / "in.png").read_bytes() != first
    lines = [json.loads(line) for line in (tmp_path / "out" / MANIFEST).read_text().splitlines()]
    assert len({line["are"]["network"] for line in lines if "are" in line}) == 2
    assert command("--sharpness", "1") == (0, "nasjax upscale: 1 done before\n")
