"""Weights to train on from, in a bundle."""

import functools

import jax
import numpy as np
import pytest

from nasjax.chain.configs import load_config
from nasjax.chain.problem import make_problem
from nasjax.chain.steps import finetune_arch
from nasjax.export.bundle import write_bundle
from nasjax.export.card import Card
from nasjax.export.network import deployed
from nasjax.export.trainable import TRAINABLE, load_trainable, unfolded

CARD = Card("tiny", "x4 super-resolution", (), ())
ARCH = "trunk=12,att=sa,tail=conv,image=bicubic,b1=rep.8.short"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A network with a block that is folded, its params, and bundles with and without them."""
    folder = tmp_path_factory.mktemp("bundles")
    problem = make_problem(load_config("quickstart").tiny(), say=lambda text: None)
    net = problem.networks.supernet
    arch = net.space.parse(f"{net.space.name}:{ARCH}")
    params = jax.tree.map(np.asarray, net.extract_params(problem.init(), arch))
    for name in ("with", "without"):
        network = deployed(net, params, arch, builder=problem.networks.builder, trainable=name == "with")
        write_bundle(folder / name, network, card=CARD, formats=())
    return problem, arch, params, folder


def test_they_come_back_to_the_bit(made):
    """Before anything was folded, in the structure that training wants; the folded ones are other weights."""
    _, _, params, folder = made
    kept = load_trainable(folder / "with", params)
    assert jax.tree.structure(kept) == jax.tree.structure(params)
    assert all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(kept), jax.tree.leaves(params), strict=True))


def test_folded_weights_are_refused_by_name(made):
    """The leaf, both shapes, and what to do."""
    _, _, params, folder = made
    with pytest.raises(ValueError, match=r"the arch has: .'b1'.*--trainable"):
        load_trainable(folder / "without", params)


def test_folded_weights_get_their_branches_back(made):
    """Where it is known how they were folded: the branches are new, the network is the same, and it is said."""
    problem, arch, params, folder = made
    net, said = problem.networks.supernet, []
    other = jax.tree.map(lambda x: x + 0.1, params)
    deploy_fn = functools.partial(net.deploy_params, arch=arch)
    found = load_trainable(folder / "without", other, deploy_fn=deploy_fn, say=said.append)
    assert np.array_equal(found["b1"]["rep"]["a"]["mid"], other["b1"]["rep"]["a"]["mid"])
    for a, b in zip(jax.tree.leaves(deploy_fn(found)), jax.tree.leaves(deploy_fn(params)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert len(said) == 1 and "branches" in said[0]


def test_what_has_no_plain_kernel_beside_its_branches_is_refused():
    """A fold that keeps nothing of what is added: the leaf is named."""
    given, like = {"w": 2 * np.ones(3, np.float32)}, {"w": np.zeros(3, np.float32), "a": np.ones(3, np.float32)}
    with pytest.raises(ValueError, match=r"'w'.* would be off by 1: .*--trainable"):
        unfolded(given, like, lambda params: {"w": params["a"]})


def test_training_goes_on_from_a_bundle(made, tmp_path):
    """The arch is the bundle's; another arch, or two starts at once, are refused before a step is taken."""
    problem, arch, _, folder = made
    experiment = problem.experiment
    weights = finetune_arch(experiment, tmp_path / "run", bundle=folder / "with", say=lambda text: None)
    assert problem.space.digest(arch) in weights
    other = problem.space.text(problem.table.minimum("params").arch)
    with pytest.raises(ValueError, match=f"{TRAINABLE} holds other weights than the arch has"):
        finetune_arch(experiment, tmp_path / "run", other, bundle=folder / "with", say=lambda text: None)
    for wrong in ({}, {"bundle": folder / "with", "from_scratch": True}):
        with pytest.raises(ValueError, match="finetune: needs an arch"):
            finetune_arch(experiment, tmp_path / "run", **wrong, say=lambda text: None)
