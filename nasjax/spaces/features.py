"""Features of a generator beside its output, at the points where a student is compared with its teacher.

    teacher_y, taught = teacher.features(x)
    y, learned = tapped(net).routed(params, plan, x)            # or switched, each, extract(arch).apply
    loss = adapted_mse(adapters, learned, taught)               # `nasjax.losses`: behind 1x1 convolutions

The points are "down", the last down-sampling, and "group1" to "group3": of ResNet generators, behind a third, two
thirds and all of the residual blocks (with nine blocks: every third, as in GAN Compression, arXiv 2003.08936, section
3.1); of U-Nets, behind a quarter, a half and three quarters of the decoder.
"""

from dataclasses import replace

import jax
import jax.numpy as jnp

from nasjax.spaces.resnet_generator import ResnetGenerator
from nasjax.spaces.unet_generator import UnetGenerator
from nasjax.supernet.base import Supernet


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
