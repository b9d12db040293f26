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


def test_a_network_is_walked_for_its_declarations_once():
    """Slicing, extracting and calling one arch again runs the forward function only to compute."""
    calls = []
    plain = toy()

    def forward(net, x):
        calls.append(type(net).__name__)
        return plain.forward(net, x)

    net = replace(plain, forward=forward)
    params, x = net.init(jax.random.key(0)), jnp.ones(net.probe)
    arch = net.space.encode({"b1": "off", "b2": "off"})
    for _ in range(2):
        net.extract(arch).apply({"params": net.extract_params(params, arch)}, x)
    assert calls == ["Declare", "Declare", "Static", "Static"]  # the whole supernet, the arch; then its two runs
