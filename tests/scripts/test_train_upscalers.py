"""The training command of the networks that come with the package: rounds, going on, and trunks of other scales."""

import importlib.util
from pathlib import Path

import jax
import numpy as np
import pytest

from nasjax.train.validation import Validation

_PATH = Path(__file__).parents[2] / "scripts" / "train_upscalers.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("train_upscalers", _PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def test_finished_rounds_are_kept_and_other_scales_take_the_trunk(script, tmp_path, monkeypatch):
    """Called again, nothing is trained; the next round starts from the last one, a x2 network from x4's trunk."""
    monkeypatch.setattr(script, "_validation", lambda model: Validation(lambda params: {"psnr_y": 0.0}))
    tiny = script.Model(4, 1, 8, (script.Round(2, 1e-3), script.Round(2, 1e-3)))
    other = script.Model(2, 1, 8, (script.Round(2, 1e-3),), start="tiny")
    monkeypatch.setattr(script, "MODELS", {"tiny": tiny, "other": other})
    command = ["--run", str(tmp_path), "--models", "tiny", "--rounds", "1", "--patch", "8", "--batch", "1"]
    assert script.main(command) == 0
    written = (tmp_path / "tiny" / "1.safetensors").stat().st_mtime_ns
    assert script.main(command) == 0 and (tmp_path / "tiny" / "1.safetensors").stat().st_mtime_ns == written
    first = script.trained(tmp_path, "tiny")
    start = script.started(script.parse(command), other, *other.network())
    assert _same(start["b1"], first["b1"]) and _same(start["stem"], first["stem"])
    assert start["tail"]["sep"]["z"]["w"].shape[-1] == 12
    starts = []
    monkeypatch.setattr(script, "_fit", lambda *args, params, **kwargs: starts.append(params) or pytest.skip("started"))
    with pytest.raises(pytest.skip.Exception):
        script.main([*command[:4], "--rounds", "2"])
    assert _same(starts[0], first)


def test_training_goes_on_from_a_bundle(script):
    """What was added up for deployment gets its branches back; the network is the same, and only its own will do."""
    model = script.Model(4, 1, 8, ())
    net, arch = model.network()
    given = net.deploy_params(net.extract_params(net.init(jax.random.key(7)), arch), arch)
    trained = script.trainable(net, arch, given)
    assert set(trained["b1"]["rep"]["a"]) == {"w", "b", "in", "mid", "out"}
    for ours, theirs in zip(jax.tree.leaves(net.deploy_params(trained, arch)), jax.tree.leaves(given), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert script.trainable(net, arch, trained) is trained
    with pytest.raises(ValueError, match="neither trained nor deployed weights"):
        script.trainable(net, arch, {"stem": given["stem"]})


def test_a_wider_network_begins_as_the_narrower_one(script):
    """Its new channels are random, and nothing listens to them."""
    narrow, wide = script.Model(4, 1, 8, ()), script.Model(4, 1, 12, ())
    (net, arch), (wider, its) = narrow.network(), wide.network()
    given = net.extract_params(jax.jit(net.init)(jax.random.key(7)), arch)
    params = script.widened(given, wider.extract_params(jax.jit(wider.init)(jax.random.key(8)), its))
    x = jax.random.uniform(jax.random.key(1), (1, 9, 8, 3))
    made, wanted = (
        jax.jit(lambda p, x, n=n: n.apply({"params": p}, x))(p, x)
        for n, p in ((wider.extract(its), params), (net.extract(arch), given))
    )
    np.testing.assert_allclose(made, wanted, atol=1e-5)
    assert np.abs(params["stem"]["w"][..., 8:]).max() > 0


def test_rounds_that_learn_from_more_pictures_ask_for_them(script, tmp_path, monkeypatch):
    """A round whose pictures are not named says so; `--start` trains the last round alone."""
    monkeypatch.setattr(script, "_validation", lambda model: Validation(lambda params: {"psnr_y": 0.0}))
    tiny = script.Model(4, 1, 8, (script.Round(2, 1e-3), script.Round(2, 1e-3, more=True)))
    monkeypatch.setattr(script, "MODELS", {"tiny": tiny})
    net, arch = tiny.network()
    weights = tmp_path / "given.safetensors"
    script.write_weights(net.extract_params(net.init(jax.random.key(7)), arch), weights, {"arch": "tiny"})
    command = ["--run", str(tmp_path), "--patch", "8", "--batch", "1", "--start", str(weights)]
    with pytest.raises(ValueError, match="--more: this round learns from a folder"):
        script.main(command)
    assert script.main([*command, "--data", "embedded"]) == 0
    assert [f.name for f in sorted((tmp_path / "tiny").glob("*.safetensors"))] == ["2.safetensors"]
