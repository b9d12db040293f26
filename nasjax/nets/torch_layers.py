"""The layers of a PyTorch state dict, by order and shape: convolutions, each with the norm behind it."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

Statistics = Literal["image", "running"]
_EPSILON = 1e-5  # PyTorch's, of all its norms
_PARTS = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


class Layer(NamedTuple):
    """A convolution and the norm behind it, where it has parameters: the tensors of a state dict by their last name."""

    name: str
    conv: Mapping[str, np.ndarray]
    norm: Mapping[str, np.ndarray]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the kernel: `[o, c, k, k]`, of a transposed convolution `[c, o, k, k]`."""
        return self.conv["weight"].shape

    @property
    def places(self) -> list[int]:
        """The numbers in the layer's name: where it stands in the `nn.Sequential`s around it."""
        return [int(part) for part in self.name.split(".") if part.isdigit()]

    def __str__(self) -> str:
        return f"tensor {self.name}.weight has shape {self.shape}"

    def kernel(self, *, transposed: bool = False) -> np.ndarray:
        """The kernel as `[k, k, c, o]`."""
        return np.ascontiguousarray(self.conv["weight"].transpose((2, 3, 0, 1) if transposed else (2, 3, 1, 0)))

    def bias(self, channels: int) -> np.ndarray:
        """The bias of the convolution, or zeros; ValueError where it has another size."""
        return _sized(self.conv.get("bias", np.zeros(channels, np.float32)), channels, f"the bias of {self.name}")


def layers_of(state: Mapping[str, np.ndarray]) -> list[Layer]:
    """The convolutions of a state dict in its order, float32.

    ValueError naming a tensor that belongs to none, or a weight or bias that is not finite.
    """
    modules: dict[str, dict[str, np.ndarray]] = {}
    for name, array in state.items():
        module, _, part = name.rpartition(".")
        if part not in _PARTS:
            raise ValueError(f"tensor {name} of shape {array.shape} is no part of a convolution or a norm")
        with np.errstate(over="ignore"):  # of float64, which is then not finite
            modules.setdefault(module, {})[part] = np.asarray(array, np.float32)
        if part in ("weight", "bias"):  # statistics may be of no use
            _check_finite(modules[module][part], name)
    layers: list[Layer] = []
    for name, parts in modules.items():
        rank = parts["weight"].ndim if "weight" in parts else 0
        if rank == 4:
            layers.append(Layer(name, parts, {}))
        elif rank == 1 and layers and not layers[-1].norm:
            layers[-1] = layers[-1]._replace(norm=parts)
        elif rank:  # without a weight: the running statistics of an instance norm, which has no use for them
            raise ValueError(
                f"tensor {name}.weight of shape {parts['weight'].shape} is no convolution, nor the norm behind one"
            )
    return layers


class Expect:
    """Hands out layer after layer, if its shape is what an architecture has there."""

    def __init__(self, architecture: str, layers: Sequence[Layer]):
        self.architecture, self._left = architecture, list(layers)

    def next(self, *wanted: tuple[int | None, ...]) -> Layer:
        """The next layer; its shape must be one of `wanted`, in which None is any number.

        ValueError naming the tensor, its shape and the wanted one, or that the layers have come to an end.
        """
        text = " or ".join(f"({', '.join('any' if n is None else str(n) for n in shape)})" for shape in wanted)
        if not self._left:
            raise ValueError(f"differs from {self.architecture}: a convolution of shape {text} is missing at the end")
        if not any(fits(self._left[0].shape, shape) for shape in wanted):
            raise ValueError(f"differs from {self.architecture}: {self._left[0]}; {self.architecture} has {text} there")
        return self._left.pop(0)

    def end(self) -> None:
        """ValueError naming the first layer that is left."""
        if self._left:
            raise ValueError(f"differs from {self.architecture}: {self._left[0]}, where nothing is expected")


def fits(shape: Sequence[int], wanted: Sequence[int | None]) -> bool:
    """Whether a shape is the wanted one, in which None is any number."""
    return len(shape) == len(wanted) and all(b in (a, None) for a, b in zip(shape, wanted, strict=True))


def norm_of(layers: Sequence[Layer], statistics: Statistics, architecture: str) -> tuple[str, str]:
    """The norm behind all of these layers, one of `ops.normed.NORMS`, and what it is in words.

    ValueError where some have one with parameters and others have none, or running statistics are missing.
    """
    if len({bool(layer.norm) for layer in layers}) > 1:
        odd = next(layer for layer in layers if bool(layer.norm) != bool(layers[0].norm))
        raise ValueError(
            f"differs from {architecture}: {odd.name} has {'a' if odd.norm else 'no'} norm with parameters behind it, "
            f"unlike {layers[0].name}"
        )
    if not layers[0].norm:
        return "instance", "instance norm without parameters"
    if "running_var" not in layers[0].norm:
        return "affine", "affine instance norm"
    if statistics == "image":
        return "affine", "batch norm, by the statistics of each image"
    return "fixed", "batch norm, by its running statistics"


def normed_kernel(layer: Layer, norm: str, *, transposed: bool = False) -> dict[str, Any]:
    """The params of a convolution and its norm (`ops.normed`); a bias that the norm takes back is left out."""
    w = layer.kernel(transposed=transposed)
    return {"w": w, **norm_params(layer, norm, w.shape[-1])}


def norm_params(layer: Layer, norm: str, channels: int) -> dict[str, Any]:
    """The params of the norm behind a layer; fixed ones hold the statistics and the convolution's bias.

    ValueError where a part of the norm is missing or has another number of channels.
    """
    if norm == "instance":
        return {}
    names = {"affine": ("weight", "bias"), "fixed": ("weight", "bias", "running_mean", "running_var")}[norm]
    parts = [_sized(layer.norm.get(name), channels, f"{name} of the norm behind {layer.name}") for name in names]
    scale, bias, *statistics = parts
    if norm == "affine":
        return {"norm": {"scale": scale, "bias": bias}}
    mean, variance = statistics
    for name, array in zip(names[2:], statistics, strict=True):
        _check_finite(array, f"{name} of the norm behind {layer.name}")
    if (variance < 0).any():
        raise ValueError(
            f"running_var of the norm behind {layer.name} is negative in {int((variance < 0).sum())} places"
        )
    scale = scale / np.sqrt(variance + np.float32(_EPSILON))
    return {"fixed": {"scale": scale, "bias": bias + (layer.bias(channels) - mean) * scale}}


def _check_finite(array: np.ndarray, name: str) -> None:
    if bad := int((~np.isfinite(array)).sum()):
        raise ValueError(f"tensor {name}: {bad} of {array.size} values are not finite: the network is broken")


def _sized(array: np.ndarray | None, channels: int, what: str) -> np.ndarray:
    if array is None or array.shape != (channels,):
        found = "is missing" if array is None else f"has shape {array.shape}"
        raise ValueError(f"{what} {found}; it needs ({channels},)")
    return array
