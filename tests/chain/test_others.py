"""Players beside the generator: what supernets leave of them is where later trainings begin."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from nasjax.chain import training
from nasjax.chain.configs import as_dict, load_config
from nasjax.chain.folder import RunFolder
from nasjax.chain.steps import finetune_arch, train_one
from nasjax.systems import ImageTranslation
from tests.chain.members import pairs


class _Seen(Exception):
    """Raised where a training would begin."""


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A tiny search with a cycle whose first stage has left a generator and a way back, both random."""
    folder = tmp_path_factory.mktemp("cycle")
    tiny = load_config("unpaired").tiny()
    assert isinstance(tiny.system, ImageTranslation)
    widths = ((8,), (8,), (8, 12), (8,), (8,))
    system = replace(tiny.system, blocks=1, ops=("res", "sep"), widths=widths, inner=(8, 16), size=None)
    data = replace(tiny.data, source=f"unpaired:pairs:{pairs(folder / 'pairs')}", test_crop=(32, 32))
    experiment, run = replace(tiny, system=system, data=data, budget=()), RunFolder(folder / "run")
    net = system.networks().supernet
    first = net.at(net.space.at_stage("path", None))
    run.write("config.json", as_dict(experiment))
    for name, seed in (("supernet/path", 1), ("supernet/path-back", 2)):
        run.save_params(name, jax.tree.map(np.asarray, first.select(net.init(jax.random.key(seed)))))
    return experiment, run, net.space


def _start(monkeypatch, begin):
    """What players begin with, of which something is known."""
    found = {}

    def seen(task, space, sampler, data, config, log, params, steps):
        found.update(params)
        raise _Seen

    monkeypatch.setattr(training, "Training", seen)
    with pytest.raises(_Seen):
        begin()
    return {player: _leaves(params) for player, params in found.items()}


def _leaves(tree, place=""):
    if not isinstance(tree, dict):
        return {place: np.asarray(tree)}
    return {path: x for name, value in tree.items() for path, x in _leaves(value, f"{place}/{name}").items()}


def test_the_way_back_goes_on_in_the_next_stage(begun, monkeypatch):
    """What the first stage trained of it is kept, and what that could not reach is drawn."""
    experiment, run, space = begun
    kept = _leaves(run.load_params("supernet/path-back"))
    arch = space.text(space.encode({"b1": "res", "skip.full": "on", "skip.half": "on", "skip.trunk": "on"}))
    found = _start(
        monkeypatch, lambda: train_one(experiment, run.path, "operator", decided=arch, say=lambda text: None)
    )
    back = found["back"]
    assert {*found} == {"generator", "back"} and {*kept} < {*back} == {*found["generator"]}
    for name, value in kept.items():
        np.testing.assert_array_equal(back[name], value, err_msg=name)
    assert all(back[name].std() > 0 for name in {*back} - {*kept} if name.endswith("/w"))


def test_a_network_alone_has_its_part_of_the_way_back(begun, monkeypatch):
    """The leading channels, as of the generator; from random weights every player begins anew."""
    experiment, run, space = begun
    kept, arch = _leaves(run.load_params("supernet/path-back")), space.text(space.encode({"w.down2": "8", "b1": "off"}))
    found = _start(monkeypatch, lambda: finetune_arch(experiment, run.path, arch, say=lambda text: None))
    assert {*found["back"]} == {*found["generator"]} and found["back"]["/down2/w"].shape[-1] == 8
    for name, value in found["back"].items():
        np.testing.assert_array_equal(value, kept[name][tuple(map(slice, value.shape))], err_msg=name)
    anew = lambda: finetune_arch(experiment, run.path, arch, from_scratch=True, say=lambda text: None)  # noqa: E731
    assert not _start(monkeypatch, anew)
