"""The law that ties the three modes: routed, switched and extracted agree, in values and in gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.ops.base import formulation
from nasjax.rounds import fair_round
from nasjax.sampling import pairwise_fair, strict_fair
from nasjax.supernet.units import units
from tests.contracts.members import SPACES, extremes


def _rel(a, b):
    return float(jnp.abs(a - b).max() / (jnp.abs(b).max() + 1e-12))


def _worst(gradient, reference):
    """Largest error of a leaf, relative to it; a bias before a norm has gradient zero, so there is a floor."""
    a, b = jax.tree.leaves(gradient), jax.tree.leaves(reference)
    floor = 1e-2 * max(float(jnp.abs(v).max()) for v in b)
    return max(float(jnp.abs(u - v).max()) / max(float(jnp.abs(v).max()), floor) for u, v in zip(a, b, strict=True))


def _params(net):
    """Random params away from the initial zeros, so that biases and gates count."""
    key = jax.random.key(1)
    return jax.tree.map(lambda a: a + 0.05 * jax.random.normal(key, a.shape), net.init(jax.random.key(0)))


def _decided(net, stage):
    """A decided arch whose blocks all exist and differ from the defaults, for stages after the first."""
    arch = np.asarray(extremes(net.space)[1])
    return None if stage == net.space.stages[0] else arch


def _extracted(net, params, plan, x):
    outputs = [net.extract(a).apply({"params": net.extract_params(params, a)}, x[s]) for s, a in enumerate(plan)]
    return jnp.stack(outputs)


@pytest.mark.parametrize("stage", ["path", "operator", "channel"])
@pytest.mark.parametrize("name", SPACES)
def test_routed_equals_switched_equals_extracted(name, stage):
    """One fair round gives the same outputs and shared gradients in all three modes."""
    net = SPACES[name].at(SPACES[name].space.at_stage(stage, _decided(SPACES[name], stage)))
    with formulation("native" if name == "sr_cell" else "auto"):  # 49 shifted products a 7x7 depthwise compile slowly
        _compare_modes(net)


def _compare_modes(net):
    params, sampler = _params(net), strict_fair(net.space)
    plan = np.asarray(sampler.sample(jax.random.key(2), 0))
    x = jax.random.normal(jax.random.key(3), (sampler.slots, 2, 8, 8, 3))
    weight = jax.random.normal(jax.random.key(4), jax.eval_shape(net.routed, params, plan, x).shape)

    def value_and_gradient(run):
        def loss(params):
            y = run(net, params, plan, x)
            return (y * weight).sum(), y

        (_, y), gradient = jax.jit(jax.value_and_grad(loss, has_aux=True))(params)
        return y, gradient

    y, gradient = value_and_gradient(_extracted)
    for run in (type(net).routed, type(net).each):
        y2, gradient2 = value_and_gradient(run)
        assert _rel(y2, y) < 1e-5
        assert _worst(gradient2, gradient) < 1e-4


@pytest.mark.parametrize("name", SPACES)
def test_switched_equals_extracted_on_the_extremes(name):
    """The smallest and the largest arch of the whole space, in the trained and in the deployed form."""
    net = SPACES[name]
    params, x = _params(net), jax.random.normal(jax.random.key(3), (1, 8, 8, 3))
    switched = jax.jit(net.switched)
    for arch in extremes(net.space):
        y = switched(params, arch, x)
        own = net.extract_params(params, arch)
        assert _rel(y, net.extract(arch).apply({"params": own}, x)) < 1e-5
        folded = net.deploy_params(own, arch)
        assert _rel(y, net.extract(arch, deployed=True).apply({"params": folded}, x)) < 1e-5
    assert switched._cache_size() == 1


@pytest.mark.parametrize("name", SPACES)
def test_extracted_initialises_its_own_shapes(name):
    """`extract(arch).init` declares exactly the shapes that `extract_params` slices."""
    net = SPACES[name]
    arch = extremes(net.space)[0]
    sliced = net.extract_params(net.init(jax.random.key(0)), arch)
    fresh = net.extract(arch).init(jax.random.key(0), jnp.zeros(net.probe))["params"]
    assert jax.tree.map(jnp.shape, dict(fresh)) == jax.tree.map(jnp.shape, sliced)


@pytest.mark.parametrize("make", [strict_fair, pairwise_fair])
@pytest.mark.parametrize("stage", ["path", "operator", "channel"])
@pytest.mark.parametrize("name", SPACES)
def test_every_plan_is_a_fair_round(name, stage, make):
    """Every sampled plan has the static counts that routed execution relies on, and lies inside the stage."""
    space = SPACES[name].space.at_stage(stage, _decided(SPACES[name], stage))
    round_, sampler = fair_round(space), make(space)
    sample = jax.jit(sampler.sample)
    for step in range(5):
        plan = np.asarray(sample(jax.random.key(7), step))
        assert space.contains(plan).all()
        found = [tuple(np.bincount(c, minlength=len(o)).tolist()) for c, o in zip(plan.T, space.allowed, strict=True)]
        assert tuple(found) == round_.counts
    assert sample._cache_size() == 1


@pytest.mark.parametrize("name", SPACES)
def test_units_hold_exactly_the_deployed_parameters(name):
    """The pieces at an arch's options have together the parameters of its deployed network."""
    net = SPACES[name]
    pieces = units(net, net.probe)
    params = net.init(jax.random.key(0))
    for arch in extremes(net.space):
        counted = 0
        for piece in pieces:
            _, shapes, _ = piece.build({c: int(arch[net.space.index(c)]) for c in piece.choices})
            counted += sum(a.size for a in jax.tree.leaves(shapes))
        deployed = net.deploy_params(net.extract_params(params, arch), arch)
        assert counted == sum(a.size for a in jax.tree.leaves(deployed))


def test_an_unfair_plan_is_refused():
    """A concrete plan whose counts differ from the round's would be routed wrongly: it raises."""
    net = SPACES["toy"].at(SPACES["toy"].space.at_stage("path"))
    sampler = strict_fair(net.space)
    plan = np.tile(net.space.default_arch(), (sampler.slots, 1))
    with pytest.raises(ValueError, match="a fair round needs"):
        net.routed(net.init(jax.random.key(0)), plan, jnp.zeros((sampler.slots, 1, 8, 8, 3)))
