"""The training command of the style transfer baselines, end to end with a narrow random encoder."""

import importlib.util
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors import safe_open

from nasjax.export.weights import read_weights
from nasjax.nets.cascade import cascade
from nasjax.nets.wct2 import wct2

_PATH = Path(__file__).parents[2] / "scripts" / "train_style_baselines.py"
TINY = ["--patch", "16", "--batch", "1"]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("train_style_baselines", _PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_one_command_trains_all_decoders_and_goes_on(script, tmp_path, capsys):
    """Weights fit the networks; called again, nothing is trained and the same weights come out."""
    command = ["--run", str(tmp_path), *TINY, "--widths", "4", "--levels", "1", "--steps", "4"]
    assert script.main(command) == 0
    assert sorted(p.name for p in tmp_path.glob("*.safetensors")) == ["cascade1.safetensors", "wct2.safetensors"]
    with safe_open(tmp_path / "cascade1.safetensors", "np") as file:
        assert file.metadata()["widths"] == "(4,)" and file.metadata()["pool"] == "indices"
    frozen = script.encoder_params(script.parse(command))
    trained = {name: read_weights(tmp_path / f"{name}.safetensors") for name in ("cascade1", "wct2")}
    x = jax.random.uniform(jax.random.key(0), (8, 8, 3), minval=-1)
    for net, params in (
        (cascade((4,), script.CONVS, levels=(1,)), {"encoder": frozen, "decoder1": trained["cascade1"]}),
        (wct2((4,), script.CONVS), {"encoder": frozen, "decoder": trained["wct2"]}),
    ):
        assert jax.tree.map(jnp.shape, params) == jax.tree.map(lambda p: p.shape, net.params())
        assert jax.eval_shape(net.apply, params, x, x).shape == x.shape
    assert script.main([*command, "--networks", "wct2"]) == 0
    again = read_weights(tmp_path / "wct2.safetensors")
    jax.tree.map(np.testing.assert_array_equal, again, trained["wct2"])
    steps = [json.loads(line)["step"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert steps == [4, 4]
    assert not list(tmp_path.glob(".*")) and capsys.readouterr().out.count("dB on held-out patches") == 3


def test_training_learns_and_leaves_the_encoder_alone(script, tmp_path):
    """Held-out patches come back better; the encoder that comes out of training is the one that went in."""
    args = ["--run", str(tmp_path), *TINY, "--widths", "4", "6", "--levels", "2", "--networks", "wct2"]
    args = script.parse([*args, "--steps", "150", "--lr", "1e-2"])
    frozen = script.encoder_params(args)
    (job,) = script.jobs(args)
    task = script.make_task(job, frozen, args, start={})
    params = script.train(job, task, args)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), params["encoder"], dict(frozen))
    before = script.score(job, task.init(jax.random.key(0))["generator"], args)
    assert script.score(job, params, args) > before + 2.5


def test_a_decoder_starts_from_the_one_before(script):
    """Layers of the same name are taken over, the others are drawn."""
    args = script.parse([*TINY, "--widths", "4", "6", "--levels", "1", "2", "--networks", "cascade"])
    shallow, deep = script.jobs(args)
    frozen = script.encoder_params(args)
    first = script.make_task(shallow, frozen, args, start={}).init(jax.random.key(1))["generator"]["decoder"]
    then = script.make_task(deep, frozen, args, start=first).init(jax.random.key(2))["generator"]["decoder"]
    assert list(first) == ["conv1_1"] and list(then) == ["conv2_1", "conv1_2", "conv1_1"]
    np.testing.assert_array_equal(then["conv1_1"]["w"], first["conv1_1"]["w"])


def test_levels_that_are_not_there(script, capsys):
    """An error of the command line."""
    with pytest.raises(SystemExit):
        script.parse(["--widths", "4", "6", "--levels", "3"])
    assert "this encoder has the levels 1 to 2" in capsys.readouterr().err
