"""A teacher is an arch of a space, and a supernet can start from its weights."""

import jax
import numpy as np
import pytest

from nasjax.nets.teachers import recognise
from nasjax.spaces.resnet_generator import resnet_generator, teacher_options
from nasjax.spaces.teacher import inherit, teacher_of
from nasjax.spaces.unet_generator import unet_generator, unet_options
from tests.nets.teacher_states import CASES, state_of

WIDE = ((2, 4), (4, 8), (8, 16), (4, 8), (2, 4))


def _teacher(name):
    case = CASES[name]
    return teacher_of(recognise(state_of(case), resize="nearest" if case.up == "transposed" else case.up))


def _supernets(teacher):
    """A space with more operations and widths than the teacher's, and the teacher's arch in it."""
    if teacher.net.space.name.startswith("unet"):
        net = unet_generator(((2, 4), (4, 8), (8, 16)), norm=teacher.net.forward.norm)
        return net, net.space.encode(unet_options(net.space))
    up = teacher.net.forward.up[0]
    forward = teacher.net.forward
    net = resnet_generator(WIDE, (8, 16), blocks=forward.blocks, ops=("res", "sep"), up=(up,), norm=forward.norm)
    return net, net.space.encode(teacher_options(net.space, up=up))


@pytest.mark.parametrize("name", ["resnet affine nearest", "resnet bilinear", "unet batch"])
def test_a_supernet_starts_as_its_teacher(name):
    """Its widest arch gives the teacher's output, its other operations keep their own weights."""
    teacher = _teacher(name)
    net, arch = _supernets(teacher)
    fresh = jax.eval_shape(net.init, jax.random.key(0))
    fresh = jax.tree.map(lambda s: np.full(s.shape, 0.123, np.float32), fresh)
    params = inherit(net, fresh, teacher)
    x = jax.random.normal(jax.random.key(1), (1, 16, 24, 3))
    y = jax.jit(net.switched)(params, arch, x)
    np.testing.assert_allclose(y, jax.jit(teacher.apply)(x), atol=2e-5)
    if "b1" in params:
        assert (params["b1"]["sep"]["a"]["w"] == np.float32(0.123)).all()


def test_a_narrower_supernet_gets_the_most_important_channels():
    """Leading slices of sorted channels: the narrow stem reads as the teacher's best channels do."""
    teacher = _teacher("resnet affine nearest")
    net = resnet_generator(((2,), (4,), (8,), (4,), (2,)), (8,), blocks=2, ops=("res",), up=("nearest",), norm="affine")
    params = inherit(net, net.init(jax.random.key(0)), teacher)
    read = np.abs(teacher.params["down1"]["w"]).sum((0, 1, 3)) * np.abs(teacher.params["stem"]["norm"]["scale"])
    best = np.argsort(-read)[:2]
    np.testing.assert_array_equal(params["stem"]["w"], np.asarray(teacher.params["stem"]["w"])[..., best])


def test_features_of_the_teacher_come_with_its_output():
    """One call: the image, and the four points at a quarter of its size, in the trunk's width."""
    teacher = _teacher("resnet bilinear")
    x = jax.random.normal(jax.random.key(1), (2, 1, 16, 24, 3))
    y, features = jax.jit(teacher.features)(x)
    np.testing.assert_allclose(y, jax.jit(teacher.apply)(x), atol=1e-6)
    assert {p: f.shape for p, f in features.items()} == dict.fromkeys(
        ("down", "group1", "group2", "group3"), (2, 1, 4, 6, 16)
    )


@pytest.mark.parametrize(
    "net, message",
    [
        (resnet_generator(WIDE, (8, 16), blocks=3, up=("nearest",), norm="affine"), "cannot start from a teacher"),
        (resnet_generator(WIDE, (8, 16), blocks=2, up=("nearest",)), "cannot start from a teacher"),
        (unet_generator(((4,), (8,)), norm="affine"), "cannot start from a teacher"),
        (
            resnet_generator(WIDE, (8, 32), blocks=2, ops=("res",), up=("nearest",), norm="affine"),
            r"resnet2.b1.res.a.norm.bias of shape \(32,\) is wider than the teacher's \(16,\)",
        ),
        (
            resnet_generator(WIDE, (8, 16), blocks=2, ops=("sep",), up=("nearest",), norm="affine"),
            "resnet2.b1 has no 'res' to start from the teacher's; it has: sep",
        ),
        (
            resnet_generator(WIDE, (8, 16), blocks=2, ops=("res",), up=("transposed",), norm="affine"),
            "resnet2.up1 has no 'nearest'",
        ),
    ],
)
def test_a_supernet_that_cannot_start_from_the_teacher_is_told_why(net, message):
    """Another depth, norm or kind, more width than there is, an operation that is not there."""
    shapes = jax.eval_shape(net.init, jax.random.key(0))
    with pytest.raises(ValueError, match=message):
        inherit(net, jax.tree.map(lambda s: np.zeros(s.shape, np.float32), shapes), _teacher("resnet affine nearest"))
