"""The space of ResNet generators: its size, the published costs of its teacher, and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.rounds import fair_round
from nasjax.spaces.resnet_generator import ResnetGenerator, resnet_generator, teacher_options
from tests.spaces.counting import counted

TINY = {"widths": ((4,), (4,), (8,), (4,), (4,)), "inner": (8,)}


@pytest.fixture(scope="module")
def net():
    return resnet_generator()


def test_the_space_at_full_size(net):
    """Nine blocks that are off or have 6 operations times 4 widths, 5 widths of 4, 2^4 paths, 2^2 up-samplings."""
    assert net.space.size() == (1 + 6 * 4) ** 9 * 4**5 * 2**4 * 2**2 > 10**17
    slots = [fair_round(net.space.at_stage("path")).slots]
    decided = net.space.at_stage("path").default_arch()
    slots.append(fair_round(net.space.at_stage("operator", decided)).slots)
    slots.append(fair_round(net.space.at_stage("channel", decided)).slots)
    assert slots == [2, 6, 4]


def test_the_teachers_published_costs(net):
    """ResNet-9 at 256x256: 11.4 M params, 49.55 GMACs, 56.80 where transposed convolutions are counted at output size.

    The published 11.378 M hold 5,248 biases that instance norm takes back; there are none here.
    """
    arch = net.space.encode(teacher_options(net.space))
    costs = counted(net, arch)
    assert costs.params == 11_378_179 - 5_248
    assert round(costs.macs / 1e9, 2) == 49.55
    assert round(costs.macs_torchprofile / 1e9, 2) == 56.80


def test_a_global_residual_starts_at_the_image():
    """With a head of zeros the network gives back 98 % of its input, borders and odd sizes included."""
    net = resnet_generator(**TINY, blocks=1)
    arch = net.space.encode({"global": "image"})
    params = net.extract_params(net.init(jax.random.key(0)), arch)
    params["head"] = jax.tree.map(jnp.zeros_like, params["head"])
    x = np.random.default_rng(0).uniform(-1, 1, (1, 13, 18, 3)).astype(np.float32)
    y = jax.jit(net.extract(arch).apply)({"params": params}, x)
    np.testing.assert_allclose(y, 0.98 * x, atol=1e-6)


def test_features_stand_behind_each_third_of_the_blocks():
    """Of nine blocks behind every third, of five behind the second, fourth and fifth, of one behind that."""
    for blocks, ends in ((9, [3, 6, 9]), (5, [2, 4, 5]), (1, [1, 1, 1])):
        net = resnet_generator(**TINY, blocks=blocks)
        assert isinstance(net.forward, ResnetGenerator)

        class Counting:
            """A net whose value is the number of blocks that it went through."""

            def width(self, choice):
                return 1

            def layer(self, name, op, x, *, out):
                return x

            def choose(self, choice, ops, x, *, out, inner=None):
                return x["h"] if isinstance(x, dict) else x + (inner is not None)

        _, features = net.forward._trunk(Counting(), 0)
        seen = [features[f"group{k}"] for k in (1, 2, 3)]
        assert features["down"] == 0 and seen == ends


@pytest.mark.parametrize(
    "wrong, message",
    [
        (dict(ops=("res", "attention")), "ops: unknown 'attention'; allowed: res, sep, ir, dil, group, incep"),
        (dict(ops=("res", "res")), "ops must name each of its options once"),
        (dict(up=()), "up must name each of its options once"),
        (dict(norm="batch"), "norm: unknown 'batch'; allowed: instance, affine, fixed"),
        (dict(widths=((8, 4), (8,), (8,), (8,), (8,))), r"stem widths must be positive and ascending, got \(8, 4\)"),
        (dict(widths=((8,),) * 4), "options of 5 widths .stem, down1, down2, up1, up2., got 9 blocks and 4 lists"),
        (dict(inner=(12, 16)), "inner widths must be multiples of 8 for the operation 'group', got .12, 16."),
        (dict(inner=(6,), ops=("incep",)), "multiples of 4 for the operation 'incep'"),
        (dict(blocks=0), "needs blocks >= 1"),
    ],
)
def test_unsuitable_settings_are_refused(wrong, message):
    """The value, what is allowed, and where."""
    with pytest.raises(ValueError, match=f"resnet_generator: .*{message}"):
        resnet_generator(**wrong)
