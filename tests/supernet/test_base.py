"""The supernet's own promises beside the law of the modes: what it accepts, and what it does only once."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.spaces.toy import toy


def test_switched_takes_archs_of_numpy():
    """An arch as searchers and `space.parse` give it runs without being converted first."""
    net = toy()
    params, x = net.init(jax.random.key(0)), jnp.ones((1, 4, 4, 3))
    arch = net.space.encode({"trunk": "8", "b1": "off", "b2": "off"})
    assert isinstance(arch, np.ndarray)
    np.testing.assert_array_equal(net.switched(params, arch, x), net.switched(params, jnp.asarray(arch), x))


def test_switched_refuses_an_arch_outside_the_mask():
    """A stage has no branch for what it does not allow; whatever ran in its place would be another network."""
    whole = toy()
    net = whole.at(whole.space.at_stage("path"))
    params, x = net.init(jax.random.key(0)), jnp.ones((1, 4, 4, 3))
    with pytest.raises(ValueError, match="toy.b1: option 'sep3' is not allowed; allowed: off, res"):
        net.switched(params, whole.space.encode({"b1": "sep3"}), x)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda p: {"generator": p}, r"needs params stem/w of 3x3x3x16, which is missing \(there are generator\)"),
        (lambda p: {**p, "b1": {}}, r"needs params b1/res/a/w of 3x3x16x16, which is missing \(there are "),
        (
            lambda p: {**p, "head": {**p["head"], "b": p["head"]["b"][:2]}},
            "params head/b of 3, which is 2 in those given",
        ),
        (lambda p: {**p, "stem": {**p["stem"], "w": p["stem"]["w"][0]}}, "params stem/w of 3x3x3x16, which is 3x3x16"),
    ],
)
def test_params_of_another_network_are_refused_by_leaf(change, told):
    """What a sub-network needs and the given params lack is named, with the arch; nothing is sliced wrongly."""
    net = toy()
    params, arch = net.init(jax.random.key(0)), net.space.encode({"b1": "res", "b2": "off"})
    with pytest.raises(ValueError, match=f"toy:trunk=16,.*{told}"):
        net.extract_params(change(params), arch)


def test_shared_params_are_not_deployed():
    """Only the arch's own params are: wider ones, or those of a block that it has not, are named."""
    net = toy()
    shared, arch = net.init(jax.random.key(0)), net.space.encode({"trunk": "8", "b2": "off"})
    with pytest.raises(ValueError, match=r"by extract_params\) needs params stem/w of 3x3x3x8, which is 3x3x3x16"):
        net.deploy_params(shared, arch)
    own = net.extract_params(shared, arch)
    assert net.deploy_params(own, arch).keys() == own.keys()
    with pytest.raises(ValueError, match="has no params b2/.*, which those given have"):
        net.deploy_params({**own, "b2": shared["b2"]}, arch)


@pytest.mark.parametrize("method", ["extract", "extract_params", "deploy_params"])
def test_what_is_no_arch_is_refused(method):
    """By name and length, not by what an index out of range does."""
    net = toy()
    params = () if method == "extract" else (net.init(jax.random.key(0)),)
    with pytest.raises(ValueError, match=r"an arch of toy is 6 integers, got \[0, 0\]"):
        getattr(net, method)(*params, np.array([0, 0]))
    with pytest.raises(ValueError, match="toy.b1 has options 0..3, got 9"):
        getattr(net, method)(*params, np.array([0, 0, 9, 0, 0, 0]))


def test_a_network_is_walked_for_its_declarations_once():
    """Slicing, extracting and calling one arch again, or at another size, runs the forward function only to compute."""
    calls = []
    plain = toy()

    def forward(net, x):
        calls.append(type(net).__name__)
        return plain.forward(net, x)

    net = replace(plain, forward=forward)
    params, sides = net.init(jax.random.key(0)), (net.probe[1], net.probe[1] + 8)
    arch = net.space.encode({"b1": "off", "b2": "off"})
    for side in sides:
        net.extract(arch).apply({"params": net.extract_params(params, arch)}, jnp.ones((1, side, side, 3)))
    assert calls == ["Declare", "Declare", "Given", "Given"]  # the whole supernet, the arch; then its two runs
