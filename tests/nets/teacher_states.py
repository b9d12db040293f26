"""State dicts of small pix2pix and CycleGAN generators, by the names and shapes of PyTorch, from numpy alone."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

_RNG = np.random.default_rng


class Case(NamedTuple):
    """A generator, as `nets.teachers.recognise` and a PyTorch network are told about it."""

    kind: str
    norm: str = "instance"  # instance, affine, batch
    up: str = "transposed"  # transposed, nearest, bilinear
    statistics: str = "image"
    levels: int = 3
    blocks: int = 2
    width: int = 4
    names: str = (
        "conv_block"  # of the blocks; `dropout` is that of pix2pix's, whose second convolution is a place further
    )


CASES: Mapping[str, Case] = {
    "resnet": Case("resnet"),
    "resnet affine nearest": Case("resnet", "affine", "nearest", names="block"),
    "resnet bilinear": Case("resnet", up="bilinear", blocks=3, names="dropout"),
    "resnet batch": Case("resnet", "batch"),
    "resnet batch running": Case("resnet", "batch", statistics="running"),
    "unet": Case("unet"),
    "unet batch": Case("unet", "batch"),
    "unet batch running": Case("unet", "batch", statistics="running", levels=4),
}


def state_of(case: Case) -> dict[str, np.ndarray]:
    """A random state dict in the order of the layers; biases and scales are far from their usual zeros and ones."""
    state: dict[str, np.ndarray] = {}
    rng = _RNG(7)

    def conv(name: str, shape: tuple[int, ...], out: int, bias: bool = True) -> None:
        fan_in = np.prod(shape) / out
        state[f"{name}.weight"] = (rng.normal(size=shape) / np.sqrt(fan_in)).astype(np.float32)
        if bias:
            state[f"{name}.bias"] = rng.normal(size=out).astype(np.float32)

    def norm(name: str, channels: int) -> None:
        if case.norm == "instance":
            return
        state[f"{name}.weight"] = rng.uniform(0.5, 1.5, channels).astype(np.float32)
        state[f"{name}.bias"] = (0.3 * rng.normal(size=channels)).astype(np.float32)
        if case.norm == "batch":
            state[f"{name}.running_mean"] = (0.3 * rng.normal(size=channels)).astype(np.float32)
            state[f"{name}.running_var"] = rng.uniform(0.5, 1.5, channels).astype(np.float32)
            state[f"{name}.num_batches_tracked"] = np.array(3, np.int64)

    (_resnet if case.kind == "resnet" else _unet)(case, conv, norm)
    return state


def _resnet(case: Case, conv, norm) -> None:
    w, bias = case.width, case.norm != "batch"
    for place, shape in ((1, (w, 3, 7, 7)), (4, (2 * w, w, 3, 3)), (7, (4 * w, 2 * w, 3, 3))):
        conv(f"model.{place}", shape, shape[0], bias)
        norm(f"model.{place + 1}", shape[0])
    inside = "block" if case.names == "block" else "conv_block"
    for place in range(10, 10 + case.blocks):
        for k in (1, 6 if case.names == "dropout" else 5):
            conv(f"model.{place}.{inside}.{k}", (4 * w, 4 * w, 3, 3), 4 * w, bias)
            norm(f"model.{place}.{inside}.{k + 1}", 4 * w)
    place = 10 + case.blocks
    for c in (4 * w, 2 * w):
        place += 0 if case.up == "transposed" else 2  # the enlargement and the border
        shape = (c, c // 2, 3, 3) if case.up == "transposed" else (c // 2, c, 3, 3)
        conv(f"model.{place}", shape, c // 2, bias)
        norm(f"model.{place + 1}", c // 2)
        place += 3
    conv(f"model.{place + 1}", (3, w, 7, 7), 3)


def _unet(case: Case, conv, norm) -> None:
    widths = [case.width * min(2**i, 8) for i in range(case.levels)]
    bias = case.norm != "batch"

    def level(i: int, prefix: str) -> None:
        """What lies inside `prefix`, one level of nesting."""
        c, before = widths[i], widths[i - 1] if i else 3
        first, last = i == 0, i == case.levels - 1
        place = 0 if first else 1
        conv(f"{prefix}.{place}", (c, before, 4, 4), c, bias)
        place += 1
        if not (first or last):
            norm(f"{prefix}.{place}", c)
            place += 1
        if not last:
            level(i + 1, f"{prefix}.{place}.model")
            place += 1
        conv(f"{prefix}.{place + 1}", (c if last else 2 * c, before, 4, 4), before, bias or first)
        if not first:
            norm(f"{prefix}.{place + 2}", before)

    level(0, "model.model")
