"""InceptionV3 of 2015 as FID is defined on it: the TensorFlow network, whose poolings differ from torchvision's.

The blocks are data (a branch is a list of steps) and one interpreter declares and runs them. Batch norm is folded into
the convolutions (arXiv 1512.00567 for the network, 1706.08500 for the distance).
"""

import hashlib
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from nasjax.nets.torch_file import read_tensors
from nasjax.ops.conv import conv
from nasjax.ops.params import Param
from nasjax.typing import Params

SIDE, FEATURES = 299, 2048
INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
_EPSILON = 1e-3  # of the batch norms
_MISSING = (
    "FID and KID need the InceptionV3 weights of 2015, which nasjax must not distribute: give the path of "
    "pt_inception-2015-12-05-6726825d.pth (a release file of the project mseitzer/pytorch-fid, 91 MiB), or measure "
    "Frechet distance and KID on VGG16 features instead"
)


class _Conv(NamedTuple):
    """A convolution with its ReLU, by the name of its weights inside the block."""

    name: str
    out: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    padding: Literal["same", "valid"] = "same"


# "average" and "max" are 3x3 of stride 1 over what lies inside, "halve" is a maximum of stride 2; a tuple of steps runs
# each on the same input and joins their channels.
_Step: TypeAlias = "_Conv | str | tuple[_Conv, ...]"
_Branch: TypeAlias = tuple[_Step, ...]


def _block_a(pool: int) -> tuple[_Branch, ...]:
    dbl = (_Conv("branch3x3dbl_1", 64), _Conv("branch3x3dbl_2", 96, (3, 3)), _Conv("branch3x3dbl_3", 96, (3, 3)))
    five = (_Conv("branch5x5_1", 48), _Conv("branch5x5_2", 64, (5, 5)))
    return (_Conv("branch1x1", 64),), five, dbl, ("average", _Conv("branch_pool", pool))


def _block_b() -> tuple[_Branch, ...]:
    last = _Conv("branch3x3dbl_3", 96, (3, 3), 2, "valid")
    dbl = (_Conv("branch3x3dbl_1", 64), _Conv("branch3x3dbl_2", 96, (3, 3)), last)
    return (_Conv("branch3x3", 384, (3, 3), 2, "valid"),), dbl, ("halve",)


def _block_c(width: int) -> tuple[_Branch, ...]:
    row, column = (1, 7), (7, 1)
    seven = (_Conv("branch7x7_1", width), _Conv("branch7x7_2", width, row), _Conv("branch7x7_3", 192, column))
    kernels = zip((2, 3, 4, 5), (width, width, width, 192), (column, row, column, row), strict=True)
    dbl = tuple(_Conv(f"branch7x7dbl_{i}", out, kernel) for i, out, kernel in kernels)
    dbl = (_Conv("branch7x7dbl_1", width), *dbl)
    return (_Conv("branch1x1", 192),), seven, dbl, ("average", _Conv("branch_pool", 192))


def _block_d() -> tuple[_Branch, ...]:
    three = (_Conv("branch3x3_1", 192), _Conv("branch3x3_2", 320, (3, 3), 2, "valid"))
    seven = (_Conv("branch7x7x3_1", 192), _Conv("branch7x7x3_2", 192, (1, 7)), _Conv("branch7x7x3_3", 192, (7, 1)))
    return three, (*seven, _Conv("branch7x7x3_4", 192, (3, 3), 2, "valid")), ("halve",)


def _block_e(pool: str) -> tuple[_Branch, ...]:
    def fork(name: str) -> tuple[_Conv, _Conv]:
        return _Conv(f"{name}a", 384, (1, 3)), _Conv(f"{name}b", 384, (3, 1))

    three = (_Conv("branch3x3_1", 384), fork("branch3x3_2"))
    dbl = (_Conv("branch3x3dbl_1", 448), _Conv("branch3x3dbl_2", 384, (3, 3)), fork("branch3x3dbl_3"))
    return (_Conv("branch1x1", 320),), three, dbl, (pool, _Conv("branch_pool", 192))


_STEM: tuple[_Step, ...] = (
    _Conv("Conv2d_1a_3x3", 32, (3, 3), 2, "valid"),
    _Conv("Conv2d_2a_3x3", 32, (3, 3), 1, "valid"),
    _Conv("Conv2d_2b_3x3", 64, (3, 3)),
    "halve",
    _Conv("Conv2d_3b_1x1", 80),
    _Conv("Conv2d_4a_3x3", 192, (3, 3), 1, "valid"),
    "halve",
)
_BLOCKS: dict[str, tuple[_Branch, ...]] = {
    "Mixed_5b": _block_a(32),
    "Mixed_5c": _block_a(64),
    "Mixed_5d": _block_a(64),
    "Mixed_6a": _block_b(),
    "Mixed_6b": _block_c(128),
    "Mixed_6c": _block_c(160),
    "Mixed_6d": _block_c(160),
    "Mixed_6e": _block_c(192),
    "Mixed_7a": _block_d(),
    "Mixed_7b": _block_e("average"),
    "Mixed_7c": _block_e("max"),  # a slip of the original graph, kept by every FID
}


def inception_features(params: Params, x: Float[Array, "b 299 299 3"]) -> Float[Array, "b 2048"]:
    """The 2048 pooled features of images scaled as the protocol of `metrics.inception` says, in float32."""
    x = _run(params, "", _STEM, x)
    for name, branches in _BLOCKS.items():
        x = jnp.concatenate([_run(params, f"{name}.", branch, x) for branch in branches], -1)
    return x.mean((1, 2))


def inception_params() -> dict[str, Any]:
    """Declaration of the folded convolutions, `{"Mixed_5b.branch1x1": {"w", "b"}, ...}`."""
    specs: dict[str, Any] = {}
    channels = _declare(specs, "", _STEM, 3)
    for name, branches in _BLOCKS.items():
        channels = sum(_declare(specs, f"{name}.", branch, channels) for branch in branches)
    return specs


def convert_inception(state_dict: Mapping[str, Any]) -> Params:
    """Params from the state dict of the usual PyTorch port: `NAME.conv.weight` [o, i, h, w] and `NAME.bn.*`.

    Values may be anything that numpy reads as an array; what the features do not need ("fc") is ignored. ValueError
    naming a tensor that is missing or has another shape.
    """
    return {name: _folded(state_dict, name, spec["w"].shape) for name, spec in inception_params().items()}


def load_inception(path: str | Path | None) -> Params:
    """Params from the file `pt_inception-2015-12-05-6726825d.pth`, of which nothing is executed.

    ValueError without a file, saying which is needed and where it is from, and for a file of another sha256.
    """
    if path is None or not Path(path).is_file():
        raise ValueError(_MISSING if path is None else f"{path} is not a file. {_MISSING}")
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    if digest != INCEPTION_SHA256:
        raise ValueError(
            f"{path}: sha256 {digest}, expected {INCEPTION_SHA256}: with other weights the figure is no FID"
        )
    return convert_inception(read_tensors(path)[""])


def _run(params: Params, prefix: str, steps: tuple[_Step, ...], x: Array) -> Array:
    for step in steps:
        if isinstance(step, str):
            x = _POOLS[step](x)
        elif isinstance(step, _Conv):
            x = _conv(params[prefix + step.name], x, step)
        else:
            x = jnp.concatenate([_conv(params[prefix + each.name], x, each) for each in step], -1)
    return x


def _declare(specs: dict[str, Any], prefix: str, steps: tuple[_Step, ...], channels: int) -> int:
    """Adds a branch's convolutions and returns its output channels."""
    for step in steps:
        if isinstance(step, str):
            continue
        convs = (step,) if isinstance(step, _Conv) else step
        for each in convs:
            shape = (*each.kernel, channels, each.out)
            w = Param(shape, math.sqrt(2 / math.prod(shape[:3])))
            specs[prefix + each.name] = {"w": w, "b": Param((each.out,))}
        channels = sum(each.out for each in convs)
    return channels


def _conv(p: Params, x: Array, step: _Conv) -> Array:
    return jax.nn.relu(conv(p, x, step.out, stride=step.stride, padding=step.padding))


def _average(x: Array) -> Array:
    """Means over what lies inside the image: windows at the border have fewer pixels."""
    window = (1, 3, 3, 1)
    total = lax.reduce_window(x, 0.0, lax.add, window, (1,) * 4, "SAME")
    return total / lax.reduce_window(jnp.ones((1, *x.shape[1:3], 1)), 0.0, lax.add, window, (1,) * 4, "SAME")


def _max(x: Array, stride: int, padding: str) -> Array:
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, stride, stride, 1), padding)


_POOLS: dict[str, Callable[[Array], Array]] = {
    "average": _average,
    "max": lambda x: _max(x, 1, "SAME"),
    "halve": lambda x: _max(x, 2, "VALID"),
}


def _folded(state_dict: Mapping[str, Any], name: str, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """A convolution without bias and the batch norm behind it, as one convolution."""
    height, width, channels, out = shape
    w = _tensor(state_dict, f"{name}.conv.weight", (out, channels, height, width))
    parts = ("weight", "bias", "running_mean", "running_var")
    scale, bias, mean, variance = (_tensor(state_dict, f"{name}.bn.{part}", (out,)) for part in parts)
    scale = scale / np.sqrt(variance + _EPSILON)
    w = w.transpose(2, 3, 1, 0) * scale
    return {"w": w.astype(np.float32), "b": (bias - mean * scale).astype(np.float32)}


def _tensor(state_dict: Mapping[str, Any], name: str, shape: tuple[int, ...]) -> np.ndarray:
    if name not in state_dict:
        raise ValueError(f"convert_inception: {name} is missing; the entries start with {list(state_dict)[:4]}")
    value = np.asarray(state_dict[name], np.float64)
    if value.shape != shape:
        raise ValueError(f"convert_inception: {name} must have the shape {shape}, got {value.shape}")
    return value
