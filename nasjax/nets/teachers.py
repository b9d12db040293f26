"""The generators of pix2pix and CycleGAN recognised in PyTorch state dicts, as params of nasjax's spaces.

Layers are told by order and shape, not by name, so that the many copies of these networks are all read: ResNet
generators of any number of blocks and U-Nets of any depth, of any widths, with instance norm (affine or not) or batch
norm. What leaves no trace in a state dict is assumed to be theirs: ReLU, reflected borders, tanh.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from nasjax.nets.torch_layers import (
    Expect,
    Layer,
    Statistics,
    fits,
    layers_of,
    norm_of,
    norm_params,
    normed_kernel,
)
from nasjax.typing import Params

_COUNTED = ("weight", "bias")


class Recognised(NamedTuple):
    """A generator: `space` names a space of nasjax, `arguments` make it, `options` are its arch, `params` that arch's.

    `architecture`, `norm` and `up` say in words what was found; `num_params` counts the parameters of the file, biases
    that a norm takes back included.
    """

    space: str
    arguments: Mapping[str, Any]
    options: Mapping[str, str]
    params: Params
    architecture: str
    norm: str
    up: str
    num_params: int


def recognise(
    state: Mapping[str, np.ndarray], *, statistics: Statistics = "image", resize: str = "nearest"
) -> Recognised:
    """The generator of a state dict whose entries are in the order of its layers.

    `statistics`: of batch norm, those of each image, as pix2pix tests its networks (they stay in training mode, with
    one image a batch), or the running ones of the file. `resize`: how an up-sampling that is no transposed convolution
    enlarges, nearest or bilinear. Raises ValueError naming the tensor, its shape, and what it differs from.
    """
    if statistics not in ("image", "running") or resize not in ("nearest", "bilinear"):
        raise ValueError(
            f"teacher: statistics {statistics!r}, resize {resize!r}; allowed: image or running, nearest or bilinear"
        )
    layers = layers_of(state)
    num = sum(a.size for name, a in state.items() if name.rpartition(".")[2] in _COUNTED)
    if layers and fits(layers[0].shape, (None, 3, 7, 7)):
        return _resnet(layers, statistics, resize)._replace(num_params=num)
    if layers and fits(layers[0].shape, (None, 3, 4, 4)):
        return _unet(layers, statistics)._replace(num_params=num)
    raise ValueError(
        f"no known generator: {layers[0] if layers else 'there is no convolution'}; a ResNet generator starts with "
        "(any, 3, 7, 7), a U-Net with (any, 3, 4, 4)"
    )


def _resnet(layers: Sequence[Layer], statistics: Statistics, resize: str) -> Recognised:
    blocks = max((len(layers) - 5) // 2, 1)  # rounded up: of a file that is cut short the end is missing
    expect = Expect(f"ResNet-{blocks}", layers)
    stem = expect.next((None, 3, 7, 7))
    down1 = expect.next((None, stem.shape[0], 3, 3))
    down2 = expect.next((None, down1.shape[0], 3, 3))
    trunk, pairs = down2.shape[0], []
    for _ in range(blocks):
        first = expect.next((None, trunk, 3, 3))
        pairs.append((first, expect.next((trunk, first.shape[0], 3, 3))))
    up1 = expect.next((trunk, None, 3, 3), (None, trunk, 3, 3))
    transposed = fits(up1.shape, (trunk, None, 3, 3))
    half = up1.shape[1 if transposed else 0]
    up2 = expect.next((half, None, 3, 3) if transposed else (None, half, 3, 3))
    full = up2.shape[1 if transposed else 0]
    head = expect.next((3, full, 7, 7))
    expect.end()
    _check_borders(expect.architecture, pairs, None if transposed else up1)
    norm, words = norm_of(
        [stem, down1, down2, *(a for pair in pairs for a in pair), up1, up2], statistics, expect.architecture
    )
    up = "transposed" if transposed else resize
    plain = {"stem": stem, "down1": down1, "down2": down2}
    params = {
        **{name: normed_kernel(layer, norm) for name, layer in plain.items()},
        **{f"b{i}": {"res": _pair(pair, norm)} for i, pair in enumerate(pairs, 1)},
        **{n: {up: normed_kernel(layer, norm, transposed=transposed)} for n, layer in (("up1", up1), ("up2", up2))},
        "head": {"w": head.kernel(), "b": head.bias(3)},
    }
    widths = {"stem": stem.shape[0], "down1": down1.shape[0], "down2": trunk, "up1": half, "up2": full}
    arguments, options = _resnet_arch(widths, [a.shape[0] for a, _ in pairs], up=up, norm=norm)
    how = "transposed convolution" if transposed else f"{resize} resize and convolution"
    return Recognised("resnet_generator", arguments, options, params, f"ResNet-{blocks} generator", words, how, 0)


def _resnet_arch(
    widths: Mapping[str, int], inner: Sequence[int], *, up: str, norm: str
) -> tuple[dict[str, Any], dict[str, str]]:
    """The arguments of the smallest space that holds the network, and its options there."""
    arguments = {
        "widths": [[width] for width in widths.values()],
        "inner": sorted(set(inner)),
        "blocks": len(inner),
        "ops": ["res"],
        "up": [up],
        "norm": norm,
    }
    options = {f"w.{place}": str(width) for place, width in widths.items()}
    options |= {"skip.full": "off", "skip.half": "off", "skip.trunk": "off", "global": "none", "up1": up, "up2": up}
    for i, width in enumerate(inner, 1):
        options |= {f"b{i}": "res", f"b{i}.w": str(width)}
    return arguments, options


def _pair(pair: tuple[Layer, Layer], norm: str) -> dict[str, Any]:
    return {name: normed_kernel(layer, norm) for name, layer in zip("az", pair, strict=True)}


def _check_borders(architecture: str, pairs: Sequence[tuple[Layer, Layer]], up: Layer | None) -> None:
    """Padding has no tensors, but a place: a convolution that stands first in its block is padded with zeros."""
    first, last = pairs[0][0], pairs[-1][1]
    if len(first.places) > 1 and first.places[-1] == 0:
        raise ValueError(f"differs from {architecture}: {first.name} stands where reflected borders are made")
    # An enlargement, a reflected border and the convolution take three places.
    if up is not None and len(up.places) == len(last.places) - 1 > 0 and up.places[-1] - last.places[-2] == 2:
        raise ValueError(f"differs from {architecture}: {up.name} stands where reflected borders are made")


def _unet(layers: Sequence[Layer], statistics: Statistics) -> Recognised:
    levels = max((len(layers) + 1) // 2, 2)
    expect = Expect(f"U-Net of {levels} levels", layers)
    downs, ups, before, after = [], [], 3, 0
    for _ in range(levels):
        downs.append(expect.next((None, before, 4, 4)))
        before = downs[-1].shape[0]
    for level in range(levels, 0, -1):
        # What the encoder sends is joined to what comes from below, but at the bottom, where it is the same.
        ups.append(expect.next((after + downs[level - 1].shape[0], 3 if level == 1 else None, 4, 4)))
        after = ups[-1].shape[1]
    expect.end()
    norm, words = norm_of([*downs[1:-1], *ups[:-1]], statistics, expect.architecture)
    params: dict[str, Any] = {}
    for level, layer in enumerate(downs, 1):
        bare = {"w": layer.kernel(), "b": layer.bias(layer.shape[0])}
        params[f"d{level}"] = {"conv4": bare if level in (1, levels) else normed_kernel(layer, norm)}
    for level, layer in zip(range(levels, 0, -1), ups, strict=True):
        params |= _unet_up(level, layer, downs[level - 1].shape[0] if level < levels else 0, norm)
    arguments, options = _unet_arch([d.shape[0] for d in downs], [u.shape[1] for u in ups[-2::-1]], norm)
    name = f"U-Net generator of {levels} levels"
    return Recognised("unet_generator", arguments, options, params, name, words, "transposed convolution", 0)


def _unet_up(level: int, layer: Layer, skip: int, norm: str) -> dict[str, Any]:
    """A kernel over joined features is one for each; the encoder's `skip` channels come first."""
    w, bias = layer.kernel(transposed=True), {"b": layer.bias(3)} if level == 1 else {}
    params: dict[str, Any] = {f"u{level}": {"double4": {"w": w[:, :, skip:], **bias}}}
    if skip:
        params[f"s{level}"] = {"double4": {"w": w[:, :, :skip]}}
    if level > 1 and norm != "instance":
        params[f"n{level}"] = norm_params(layer, norm, w.shape[-1])
    return params


def _unet_arch(encoder: Sequence[int], decoder: Sequence[int], norm: str) -> tuple[dict[str, Any], dict[str, str]]:
    """As `_resnet_arch`; the decoder's widths are those of what its levels 2, 3, ... give."""
    levels = len(encoder)
    arguments = {
        "widths": [sorted({*pair}) for pair in zip(encoder, [*decoder, encoder[-1]], strict=True)],
        "norm": norm,
    }
    options = {f"w.d{level}": str(width) for level, width in enumerate(encoder, 1)}
    options |= {f"w.u{level}": str(width) for level, width in enumerate(decoder, 2)}
    options |= {f"d{level}": "conv4" for level in range(1, levels + 1)}
    options |= {f"u{level}": "double4" for level in range(1, levels + 1)}
    return arguments, options | {f"s{level}": "double4" for level in range(1, levels)}
