"""Features of a generator beside its output, at the points where a student is compared with its teacher.

    teacher_y, taught = teacher.features(x)
    y, learned = tapped(net).routed(params, plan, x)            # or switched, each, extract(arch).apply
    adapted = adapt(adapters, learned)                          # 1x1 convolutions to the teacher's widths

The points are "down", the last down-sampling, and "group1" to "group3": of ResNet generators, behind a third, two
thirds and all of the residual blocks (with nine blocks: every third, as in GAN Compression, arXiv 2003.08936, section
3.1); of U-Nets, behind a quarter, a half and three quarters of the decoder.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from nasjax.ops.conv import conv, conv_params
from nasjax.ops.params import draw
from nasjax.spaces.resnet_generator import ResnetGenerator
from nasjax.spaces.unet_generator import UnetGenerator
from nasjax.supernet.base import Supernet
from nasjax.typing import Params, PRNGKey


def tapped(net: Supernet) -> Supernet:
    """The same network over the same params, whose modes give `(y, {point: feature})` instead of y.

    Features have the leading axes of y and the height, width and (widest) channels of their point; channels that a
    stream has masked are zero. Raises ValueError for the network of a space without points.
    """
    if not isinstance(net.forward, ResnetGenerator | UnetGenerator):
        raise ValueError(f"{net.space.name} has no points of features; resnet_generator and unet_generator have")
    return replace(net, forward=net.forward._replace(tapped=True))


def feature_channels(net: Supernet) -> dict[str, int]:
    """How many channels the features of a network have at their widest, `{point: channels}`; nothing is computed."""
    net = tapped(net)
    x, arch = jax.ShapeDtypeStruct(net.probe, jnp.float32), net.space.default_arch()
    params = jax.eval_shape(net.init, jax.random.key(0))
    _, features = jax.eval_shape(lambda params, x: net.switched(params, arch, x), params, x)
    return {point: feature.shape[-1] for point, feature in features.items()}


def init_adapters(key: PRNGKey, student: Mapping[str, int], teacher: Mapping[str, int]) -> dict[str, Any]:
    """Params of a 1x1 convolution a point from the student's channels to the teacher's (`feature_channels`).

    ValueError where the student lacks a point of the teacher.
    """
    if missing := sorted(set(teacher) - set(student)):
        raise ValueError(f"adapters: the student has no feature {missing[0]!r}; its points: {', '.join(student)}")
    return draw(key, {point: conv_params(1, student[point], out, gain=1.0) for point, out in teacher.items()})


def adapt(adapters: Params, features: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """The student's features in the teacher's widths, `{point: [..., h, w, teacher's channels]}`."""
    return {point: conv(p, features[point], p["w"].shape[-1]) for point, p in adapters.items()}
