"""The training command of the style transfer baselines, end to end with a narrow random encoder."""

import importlib.util
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

from nasjax.data import embedded_photos
from nasjax.export.weights import read_weights
from nasjax.nets.cascade import cascade
from nasjax.nets.wct2 import wct2
from nasjax.ops.params import draw

_PATH = Path(__file__).parents[2] / "scripts" / "train_style_baselines.py"
TINY = ["--widths", "4", "6", "--patch", "16", "--batch", "1"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """The option that names small photographs, which are soon read."""
    folder = tmp_path_factory.mktemp("photos")
    for split, number in (("train", 24), ("val", 6)):
        (folder / split).mkdir()
        for i in range(number):
            image = Image.fromarray(embedded_photos(split)[i]["image"])
            image.resize((160, 96)).save(folder / split / f"{i:02d}.png")
    return ["--data", f"folder:{folder}"]


def _shapes(params):
    return jax.tree.map(jnp.shape, params)


def _declared(net):
    return jax.tree.map(lambda p: p.shape, net.params())


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("train_style_baselines", _PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_command_learns_writes_and_goes_on(script, photos, tmp_path, capsys):
    """Held-out patches come back better than at its start; called again, the same weights come out untrained."""
    command = ["--run", str(tmp_path), *TINY, *photos, "--levels", "2", "--networks", "cascade", "--steps", "100"]
    command += ["--lr", "2e-3"]
    assert script.main(command) == 0
    trained = read_weights(tmp_path / "cascade2.safetensors")
    assert script.main(command) == 0
    jax.tree.map(np.testing.assert_array_equal, read_weights(tmp_path / "cascade2.safetensors"), trained)
    steps = [json.loads(line)["step"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert steps == [50, 100] and not list(tmp_path.glob(".*"))
    assert capsys.readouterr().out.count("dB on held-out patches") == 2
    args = script.parse(command)
    (job,) = script.jobs(args)
    frozen = script.encoder_params(args)
    fresh = script.make_task(job, frozen, args).init(jax.random.key(0))["generator"]
    with safe_open(tmp_path / "cascade2.safetensors", "np") as file:
        assert file.metadata()["widths"] == "(4, 6)" and file.metadata()["pool"] == "indices"
        found = float(file.metadata()["psnr"])
    assert found > script.score(job, fresh, args) + 0.3
    assert _shapes({"encoder": frozen, "decoder2": trained}) == _declared(cascade((4, 6), script.CONVS, levels=(2,)))


def test_the_encoder_gets_no_gradient(script, photos):
    """It is among the params that are trained, and stays what it was."""
    args = script.parse([*TINY, *photos, "--levels", "1", "--networks", "cascade"])
    (job,) = script.jobs(args)
    task = script.make_task(job, script.encoder_params(args), args)
    batch = {"image": jnp.asarray(np.random.default_rng(0).integers(0, 256, (1, 16, 16, 3), np.uint8))}
    key, plan = jax.random.key(0), jnp.zeros((1, 1), jnp.int32)
    grads = jax.jit(jax.grad(lambda params: task.losses["generator"](params, plan, batch, key)[0]))(task.init(key))
    assert not any(np.asarray(g).any() for g in jax.tree.leaves(grads["generator"]["encoder"]))
    assert all(np.asarray(g).any() for g in jax.tree.leaves(grads["generator"]["decoder"]))


def test_the_decoder_of_wavelets(script, photos, tmp_path):
    """It learns far more than random layers know, and has those that `wct2` declares."""
    command = ["--run", str(tmp_path), *TINY, *photos, "--levels", "2", "--networks", "wct2", "--steps", "100"]
    command += ["--lr", "1e-2"]
    assert script.main(command) == 0
    args = script.parse(command)
    (job,) = script.jobs(args)
    frozen, trained = script.encoder_params(args), read_weights(tmp_path / "wct2.safetensors")
    with safe_open(tmp_path / "wct2.safetensors", "np") as file:
        assert file.metadata()["widths"] == "(4, 6)" and file.metadata()["pool"] == "haar"
        found = float(file.metadata()["psnr"])
    drawn = draw(jax.random.key(0), job.auto.decoder.params())
    assert found > script.score(job, {"encoder": frozen, "decoder": drawn}, args) + 2.5
    assert _shapes({"encoder": frozen, "decoder": trained}) == _declared(wct2((4, 6), script.CONVS))


def test_levels_that_are_not_there(script, capsys):
    """An error of the command line."""
    with pytest.raises(SystemExit):
        script.parse(["--widths", "4", "6", "--levels", "3"])
    assert "this encoder has the levels 1 to 2" in capsys.readouterr().err
