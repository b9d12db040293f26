"""Features at four points: the same in all modes, of teacher and student, and adapted to each other's widths."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.sampling import strict_fair
from nasjax.spaces.features import feature_channels, tapped
from nasjax.spaces.resnet_generator import resnet_generator
from nasjax.spaces.toy import toy
from nasjax.tasks.base import supernet_model

POINTS = ["down", "group1", "group2", "group3"]
NET = resnet_generator(((4,), (4,), (4, 8), (4,), (4,)), (8,), blocks=3, ops=("res", "sep"))


def test_all_three_modes_give_the_features_of_the_extracted_network():
    """Routed, one switched stream after the other and extracted; masked channels are zero where others have none."""
    net = tapped(NET.at(NET.space.at_stage("channel", NET.space.encode({"b2": "off", "b3": "sep"}))))
    plan = strict_fair(net.space).sample(jax.random.key(0), 0)
    params = net.init(jax.random.key(1))
    x = jax.random.normal(jax.random.key(2), (len(plan), 1, 16, 16, 3))
    runs = [jax.jit(run)(params, plan, x) for run in (net.routed, net.each)]
    for s, arch in enumerate(np.asarray(plan)):
        own = net.extract_params(params, arch)
        y, features = jax.jit(net.extract(arch).apply)({"params": own}, x[s])
        assert list(features) == POINTS
        for found, taken in runs:
            np.testing.assert_allclose(found[s], y, atol=1e-5)
            for point, feature in features.items():
                width = feature.shape[-1]
                np.testing.assert_allclose(taken[point][s, ..., :width], feature, atol=2e-5)
                assert not np.asarray(taken[point][s, ..., width:]).any()
    assert {runs[0][1]["down"].shape[-1], y.shape[-1]} == {8, 3}


def test_a_model_hands_features_to_the_task():
    """`supernet_model(tapped(net))` is all that a task needs; features have the channels that adapters are told of."""
    net = tapped(NET.at(NET.space.at_stage("path")))
    sampler = strict_fair(net.space)
    channels = feature_channels(net)
    assert channels == dict.fromkeys(POINTS, 8)

    def run(params, plan, x):
        return supernet_model(net, sampler, dtype=jnp.bfloat16).forward(params, plan, x)

    params, plan = jax.eval_shape(net.init, jax.random.key(0)), sampler.sample(jax.random.key(0), 0)
    y, features = jax.eval_shape(run, params, plan, jax.ShapeDtypeStruct((sampler.slots, 2, 16, 20, 3), jnp.float32))
    assert y.shape == (sampler.slots, 2, 16, 20, 3) and y.dtype == jnp.float32
    assert {p: (f.shape, f.dtype) for p, f in features.items()} == dict.fromkeys(
        POINTS, ((sampler.slots, 2, 4, 5, 8), jnp.float32)
    )


def test_a_space_without_points_is_named():
    """Nothing is returned in silence."""
    with pytest.raises(ValueError, match="toy has no points of features"):
        tapped(toy())
