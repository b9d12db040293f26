"""An extracted network is an ordinary Flax module: NNX users wrap it with `flax.nnx.bridge.ToNNX`."""

import jax
import numpy as np
from flax import nnx
from flax.nnx import bridge

from nasjax.spaces.toy import toy
from tests.export.networks import random_params


def test_an_extracted_network_works_in_nnx():
    """With the extracted parameters as its `nnx.Param`s it computes the same output and has a gradient for each."""
    net = toy()
    arch = net.space.encode({"trunk": "8", "b1": "sep3", "b2": "off"})
    x = jax.random.normal(jax.random.key(1), (1, 8, 9, 3))
    module = net.extract(arch)
    shared = random_params(jax.eval_shape(net.init, jax.random.key(0)))
    params = net.extract_params(shared, arch)

    model = nnx.jit(lambda x: bridge.ToNNX(module, rngs=nnx.Rngs(0)).lazy_init(x))(x)
    nnx.update(model, jax.tree.map(lambda _, p: p, nnx.to_pure_dict(nnx.state(model, nnx.Param)), params))

    wanted = jax.jit(module.apply)({"params": params}, x)
    np.testing.assert_allclose(nnx.jit(lambda m, x: m(x))(model, x), wanted, rtol=1e-5, atol=1e-5)
    gradients = nnx.jit(nnx.grad(lambda m, x: (m(x) ** 2).mean()))(model, x)
    leaves = jax.tree.leaves(gradients)
    assert len(leaves) == len(jax.tree.leaves(params)) and all(float(abs(g).max()) > 0 for g in leaves)
