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
    trained = script.unfolded(net, arch, given)
    assert set(trained["b1"]["rep"]["a"]) == {"w", "b", "in", "mid", "out"}
    for ours, theirs in zip(jax.tree.leaves(net.deploy_params(trained, arch)), jax.tree.leaves(given), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert script.unfolded(net, arch, trained) is trained
    with pytest.raises(ValueError, match="neither trained nor deployed weights"):
        script.unfolded(net, arch, {"stem": given["stem"]})
