"""The training of perceptual weights: what it begins with, what it leaves, and that it goes on."""

import importlib
from pathlib import Path

import jax
import numpy as np
import pytest

from nasjax.export.weights import write_weights
from nasjax.train.validation import Validation

_SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def script(monkeypatch):
    """The script with a small network and, for the time that it takes, without measuring."""
    monkeypatch.syspath_prepend(str(_SCRIPTS))
    module = importlib.import_module("train_perceptual")
    upscalers = importlib.import_module("train_upscalers")
    tiny = upscalers.Model(4, 1, 8, (upscalers.Round(1, 1e-3),))
    monkeypatch.setitem(upscalers.MODELS, module.FIDELITY, tiny)
    monkeypatch.setattr(module, "validation", lambda both: Validation(lambda params: {"lpips": 0.0}, "lpips", False))
    return module


def _same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def test_a_round_begins_with_fidelity_and_leaves_weights_of_the_same_network(script, tmp_path):
    """The game moves them; what it began with is kept, whatever fidelity becomes; a finished round stays as it is."""
    net, arch = script.MODELS[script.FIDELITY].network()
    given = jax.tree.map(np.asarray, net.extract_params(net.init(jax.random.key(1)), arch))
    (tmp_path / script.FIDELITY).mkdir()
    write_weights(given, tmp_path / script.FIDELITY / "1.safetensors", {})
    command = ["--run", str(tmp_path), "--steps", "2", "--patch", "8", "--side", "16", "--batch", "1", "--feature", "0"]
    assert script.main(command) == 0
    found = script.newest(tmp_path / script.FOLDER)
    assert _same(script.sharpest(tmp_path), found)
    assert jax.tree.structure(found) == jax.tree.structure(given) and not _same(found, given)
    assert net.deploy_params(found, arch)
    assert script.history(tmp_path) == {"round1": 2}
    write_weights(found, tmp_path / script.FIDELITY / "1.safetensors", {})
    assert _same(script.read_weights(tmp_path / script.FOLDER / "0.safetensors"), given)
    written = (tmp_path / script.FOLDER / "1.safetensors").stat().st_mtime_ns
    assert script.main(command) == 0
    assert (tmp_path / script.FOLDER / "1.safetensors").stat().st_mtime_ns == written
    # The second round goes on with both sides.
    pair = script.begun(tmp_path / script.FOLDER, tmp_path, 2, script.sides())
    assert _same(script.generator_params(script.sides().pair, pair), found) and "stem" in pair and "g.stem" in pair


def test_those_who_look_see_the_middle(script):
    """The middle pixels of every picture, which are far from where the network saw borders."""
    x = np.arange(2 * 6 * 8 * 3, dtype=np.float32).reshape(2, 6, 8, 3)
    np.testing.assert_array_equal(script.middle(x, 4), x[:, 1:5, 2:6])


def test_without_fidelity_weights_it_says_what_to_train(script, tmp_path):
    """Before anything is trained."""
    with pytest.raises(ValueError, match="no finished round; train it with scripts/train_upscalers.py"):
        script.main(["--run", str(tmp_path), "--feature", "0"])
