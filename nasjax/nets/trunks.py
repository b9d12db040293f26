"""AlexNet and VGG16 as they were trained on ImageNet: the features in which pictures are compared and judged.

Unlike `nets.vgg`, made for stylising, borders are zeros and activations keep their scale, as every published figure
needs; the zeros stand in ImageNet's normalised colours, so that normalisation cannot be folded into the first layer.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from nasjax.nets.checkpoint import IMAGENET_MEAN, IMAGENET_STD, read_lpips
from nasjax.ops.conv import conv, conv_params
from nasjax.ops.reflect import max_pool2
from nasjax.typing import Params

_ALEXNET = ((64, 11), (192, 5), (384, 3), (256, 3), (256, 3))  # width and kernel side of each convolution
_VGG16 = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # width and number of convolutions of each level
_HE = 2**0.5


class Trunk(NamedTuple):
    """A fixed network as two functions and the widths of its five features, shallow first.

    `params()` declares its parameters; `apply(params, x)` maps images in [-1, 1], `[*d, h, w, 3]`, to features after
    ReLU, `[*d, h', w', c]`: of AlexNet relu1 to relu5, of VGG16 relu1_2, relu2_2, relu3_3, relu4_3 and relu5_3.
    """

    name: str
    widths: tuple[int, ...]
    params: Callable[[], Mapping[str, Any]]
    apply: Callable[[Params, Array], tuple[Array, ...]]


def alexnet() -> Trunk:
    """AlexNet in torchvision's form (arXiv 1404.5997); images of 31 pixels a side or more."""
    channels = (3, *(width for width, _ in _ALEXNET))
    specs = {f"conv{i + 1}": conv_params(k, channels[i], out, gain=_HE) for i, (out, k) in enumerate(_ALEXNET)}

    def features(params: Params, x: Array) -> list[Array]:
        found = []
        for i, (out, _) in enumerate(_ALEXNET):
            x = _max_pool3(x) if i in (1, 2) else x
            if i == 0:
                x = jnp.pad(x, [(0, 0), (2, 2), (2, 2), (0, 0)])
                x = conv(params["conv1"], x, out, stride=4, padding="valid")
            else:
                x = conv(params[f"conv{i + 1}"], x, out)
            x = jax.nn.relu(x)
            found.append(x)
        return found

    return Trunk("alexnet", channels[1:], lambda: specs, _on_images(features, smallest=31))


def vgg16() -> Trunk:
    """VGG16 (arXiv 1409.1556), 13 convolutions; images of 16 pixels a side or more."""
    specs, channels = {}, 3
    for level, (width, count) in enumerate(_VGG16, 1):
        for k in range(1, count + 1):
            specs[f"conv{level}_{k}"] = conv_params(3, channels, width, gain=_HE)
            channels = width

    def features(params: Params, x: Array) -> list[Array]:
        found = []
        for level, (width, count) in enumerate(_VGG16, 1):
            x = x if level == 1 else max_pool2(x)
            for k in range(1, count + 1):
                x = jax.nn.relu(conv(params[f"conv{level}_{k}"], x, width))
            found.append(x)
        return found

    return Trunk("vgg16", tuple(width for width, _ in _VGG16), lambda: specs, _on_images(features, smallest=16))


TRUNKS = {"alexnet": alexnet, "vgg16": vgg16}


def load_trunk(name: str) -> tuple[Trunk, Params]:
    """A trunk ("alexnet", "vgg16") with its ImageNet weights and LPIPS v0.1 heads: {"trunk": params, "heads": heads}.

    `heads["head0"]` to `heads["head4"]` weigh the channels of each feature. ValueError on another name or a file that
    is not the expected one; ImportError with the command to run where the package that holds the weights is missing.
    """
    if name not in TRUNKS:
        raise ValueError(f"load_trunk: unknown network {name!r}; allowed: {', '.join(TRUNKS)}")
    trunk, (convs, heads) = TRUNKS[name](), read_lpips(name)
    layers = dict(zip(trunk.params(), convs, strict=True))
    named = {f"head{i}": head for i, head in enumerate(heads)}
    return trunk, jax.device_put({"trunk": layers, "heads": named})


def before_activation(level: int) -> Callable[[Params, Array], Array]:
    """`encode(params, x)` with VGG16's last convolution of a level, 1 to 5, before its ReLU; params of `vgg16`'s trunk.

    Those of levels 4 and 5 are dense where activations are sparse, and keep their brightness (ESRGAN, arXiv 1809.00219,
    section 3.3, which has VGG19). ValueError for another level.
    """
    if not 1 <= level <= len(_VGG16):
        raise ValueError(f"before_activation: VGG16 has levels 1 to {len(_VGG16)}, got {level}")
    layers = [(i, k) for i, (_, count) in enumerate(_VGG16[:level], 1) for k in range(1, count + 1)]

    def features(params: Params, x: Array) -> list[Array]:
        for place, (i, k) in enumerate(layers):
            x = jax.nn.relu(x) if place else x
            x = max_pool2(x) if k == 1 and i > 1 else x
            x = conv(params[f"conv{i}_{k}"], x, _VGG16[i - 1][0])
        return [x]

    encode = _on_images(features, smallest=16)
    return lambda params, x: encode(params, x)[0]


def _on_images(features_fn: Callable[[Params, Array], Sequence[Array]], *, smallest: int):
    """The network on images in [-1, 1] with any leading axes."""
    mean, std = (2 * IMAGENET_MEAN - 1).astype(np.float32), (2 * IMAGENET_STD).astype(np.float32)

    def apply(params: Params, x: Float[Array, "*d h w 3"]) -> tuple[Array, ...]:
        *lead, height, width, _ = x.shape
        if min(height, width) < smallest:
            raise ValueError(f"needs RGB images of {smallest} pixels a side or more, got the shape {x.shape}")
        x = (x - mean.reshape((1,) * (x.ndim - 1) + (3,))) / std.reshape((1,) * (x.ndim - 1) + (3,))
        found = features_fn(params, x.reshape(-1, height, width, 3))
        return tuple(f.reshape(*lead, *f.shape[1:]) for f in found)

    return apply


def _max_pool3(x: Float[Array, "b h w c"]) -> Array:
    """Maximum of 3x3 windows that lie wholly inside, every second one."""
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "VALID")
