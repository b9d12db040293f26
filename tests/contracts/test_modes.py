"""The law that ties the three modes: routed, switched and extracted agree, in values and in gradients."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.ops.base import formulation
from nasjax.rounds import fair_round
from nasjax.sampling import pairwise_fair, strict_fair
from nasjax.supernet.units import units
from tests.contracts.members import SIDES, SPACES, extremes

# These programs are compiled once and run a few times: all of the time is compilation, which this halves.
_jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
_MAKERS = {"strict": strict_fair, "pairwise": pairwise_fair}


# Inputs and comparisons are numpy's: eager jax would compile a program for each of a hundred shapes.
def _rel(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return np.abs(a - b).max() / (np.abs(b).max() + 1e-12)


def _worst(gradient, reference):
    """Largest error of a leaf, relative to it; a bias before a norm has gradient zero, so there is a floor."""
    a, b = (jax.tree.leaves(jax.tree.map(np.asarray, tree)) for tree in (gradient, reference))
    floor = 1e-2 * max(np.abs(v).max() for v in b)
    return max(np.abs(u - v).max() / max(np.abs(v).max(), floor) for u, v in zip(a, b, strict=True))


@functools.cache
def _params(name):
    """Random params of the shapes that `init` gives, biases and gates far from the zeros that it gives them."""
    rng = np.random.default_rng(1)

    def draw(shape):
        return np.float32(0.5 / math.sqrt(math.prod(shape[:-1]))) * rng.standard_normal(shape, np.float32)

    return jax.tree.map(lambda a: draw(a.shape), jax.eval_shape(SPACES[name].init, jax.random.key(0)))


@functools.cache
def _output(name):
    """The shape of what a picture becomes, without its batch: that of every arch."""
    net, arch = SPACES[name], SPACES[name].space.default_arch()
    params, x = net.extract_params(_params(name), arch), jnp.zeros((1, SIDES[name], SIDES[name], 3))
    return jax.eval_shape(net.extract(arch).apply, {"params": params}, x).shape[1:]


def _normal(*shape):
    return np.random.default_rng(3).standard_normal(shape, np.float32)


def _at_stage(name, stage):
    """The supernet of a stage, after an arch whose blocks all exist and differ from the defaults.

    What surrounds the blocks stands at its last option in the channel stage, whose masks it must respect; in the
    operator stage, where nothing is masked, it stands at its first, a smaller program.
    """
    space = SPACES[name].space
    if stage == space.stages[0]:
        return SPACES[name].at(space.at_stage(stage))
    last = [len(c.options) - 1 if stage == "channel" or c.stage == "operator" else 0 for c in space.choices]
    return SPACES[name].at(space.at_stage(stage, space.canonical(np.array(last, np.int32))))


@functools.cache
def _sample(name, stage, maker):
    return _jit(_MAKERS[maker](_at_stage(name, stage).space).sample)


def _with_extremes(net):
    """A fair round at random, but that its first is the smallest arch and its last the largest."""
    space, round_ = net.space, fair_round(net.space)
    plan, rng = np.zeros((round_.slots, space.num_choices), np.int32), np.random.default_rng(2)
    for i, counts in enumerate(round_.counts):  # a choice comes after the one that it depends on
        live = np.flatnonzero(space.active(plan)[:, i])
        column = np.repeat(np.arange(len(counts)), counts)[round_.slots - len(live) :]
        plan[live, i] = np.concatenate([column[:1], rng.permutation(column[1:-1]), column[1:][-1:]])
    ends = np.stack([np.repeat(np.arange(len(c)), c)[[0, -1]] for c in round_.counts], -1)
    assert space.contains(plan).all() and (plan[[0, -1]] == ends).all()
    return plan


def _extracted(net, params, plan, x):
    """Each stream by its own plain network, of native primitives: whatever else this backend takes must agree."""
    with formulation("native"):
        return _networks(net, params, plan, x)


def _networks(net, params, plan, x):
    outputs = [net.extract(a).apply({"params": net.extract_params(params, a)}, x[s]) for s, a in enumerate(plan)]
    return jnp.stack(outputs)


def _value_and_gradient(run):
    """`(params, plan, x, weight) -> (y, gradient)` of the weighted sum of the outputs."""

    def loss(params, plan, x, weight):
        y = run(params, plan, x)
        return (y * weight).sum(), y

    def reordered(params, plan, x, weight):
        (_, y), gradient = jax.value_and_grad(loss, has_aux=True)(params, plan, x, weight)
        return y, gradient

    return reordered


@pytest.mark.parametrize("stage", ["path", "operator", "channel"])
@pytest.mark.parametrize("name", SPACES)
def test_routed_equals_switched_equals_extracted(name, stage):
    """Fair rounds give the same outputs and shared gradients in all three modes, by one program a mode.

    The first round has every option, the smallest and the largest arch. Where it has no more streams than these two,
    those that mix small and large are looked at in a second one, whose streams are each other's complement.
    """
    # The toy is run as this backend formulates it; sums of shifted products (49 for a 7x7 depthwise) compile slowly.
    with formulation("auto" if name == "toy" else "native"):
        net = _at_stage(name, stage)
        traced = [_jit(_value_and_gradient(run)) for run in (net.routed, net.each)]
        compare = functools.partial(_compare_modes, net, net.select(_params(name)), traced, name)
        first, second = _with_extremes(net), np.asarray(_sample(name, stage, "strict")(jax.random.key(2), 0))
        compare(first, len(first))
        compare(second, len(second) if len(first) == 2 else 0)
        assert [run._cache_size() for run in traced] == [1, 1]


def _compare_modes(net, params, traced, name, plan, num):
    """The traced modes run the whole plan and agree, and, where `num` is not 0, with the first `num` as extracted."""
    x = _normal(len(plan), 2, SIDES[name], SIDES[name], 3)
    weight = _normal(len(plan), 2, *_output(name))
    weight[num or len(plan) :] = 0  # in the gradient
    (y, gradient), (y2, gradient2) = (run(params, plan, x, weight) for run in traced)
    assert _rel(y2, y) < 1e-5
    assert _worst(gradient2, gradient) < 1e-4
    if num:
        alone = _jit(_value_and_gradient(lambda params, _, x: _extracted(net, params, plan[:num], x)))
        expected, gradient3 = alone(params, None, x[:num], weight[:num])
        for found in (y, y2):
            assert _rel(np.asarray(found)[:num], expected) < 1e-5
        for found in (gradient, gradient2):
            assert _worst(found, gradient3) < 1e-4


@pytest.mark.parametrize("name", SPACES)
def test_switched_equals_extracted_on_the_extremes(name):
    """The smallest and the largest arch of the whole space, in the trained and in the deployed form."""
    net, params, x = SPACES[name], _params(name), _normal(1, SIDES[name], SIDES[name], 3)

    def alone(params, x):
        for arch in extremes(net.space):
            own = net.extract_params(params, arch)
            folded = net.deploy_params(own, arch)
            yield net.extract(arch).apply({"params": own}, x)
            yield net.extract(arch, deployed=True).apply({"params": folded}, x)

    switched = _jit(net.switched)
    together = [switched(params, arch, x) for arch in extremes(net.space) for _ in ("trained", "deployed")]
    for y, expected in zip(together, _jit(lambda *a: list(alone(*a)))(params, x), strict=True):
        assert _rel(y, expected) < 1e-5
    assert switched._cache_size() == 1


@pytest.mark.parametrize("name", SPACES)
def test_extracted_initialises_its_own_shapes(name):
    """`extract(arch).init` declares exactly the shapes that `extract_params` slices."""
    net = SPACES[name]
    arch = extremes(net.space)[0]
    sliced = net.extract_params(_params(name), arch)
    fresh = jax.eval_shape(net.extract(arch).init, jax.random.key(0), jnp.zeros(net.probe))["params"]
    assert jax.tree.map(lambda a: a.shape, dict(fresh)) == jax.tree.map(lambda a: a.shape, sliced)


@pytest.mark.parametrize("maker", _MAKERS)
@pytest.mark.parametrize("stage", ["path", "operator", "channel"])
@pytest.mark.parametrize("name", SPACES)
def test_every_plan_is_a_fair_round(name, stage, maker):
    """Every sampled plan has the static counts that routed execution relies on, and lies inside the stage."""
    space, sample = _at_stage(name, stage).space, _sample(name, stage, maker)
    for step in range(5):
        plan = np.asarray(sample(jax.random.key(7), step))
        assert space.contains(plan).all()
        found = [tuple(np.bincount(c, minlength=len(o)).tolist()) for c, o in zip(plan.T, space.allowed, strict=True)]
        assert tuple(found) == fair_round(space).counts
    assert sample._cache_size() == 1


@pytest.mark.parametrize("name", SPACES)
def test_units_hold_exactly_the_deployed_parameters(name):
    """The pieces at an arch's options have together the parameters of its deployed network."""
    net = SPACES[name]
    pieces = units(net, net.probe)
    params = _params(name)
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
        net.routed(_params("toy"), plan, jnp.zeros((sampler.slots, 1, 8, 8, 3)))
