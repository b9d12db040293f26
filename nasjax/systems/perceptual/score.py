"""How good a generator looks: LPIPS with a floor on PSNR, of validation patches and of whole pictures."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from nasjax.data.evaluation import EvalImage
from nasjax.metrics.image import psnr, sr_protocol
from nasjax.metrics.lpips import lpips
from nasjax.nets.trunks import TRUNKS, Trunk
from nasjax.ops.resize import upscale
from nasjax.system import Predict, Tested
from nasjax.systems.perceptual.settings import REWARD
from nasjax.systems.super_resolution.pictures import tested as fidelity
from nasjax.typing import Params


class Eye(NamedTuple):
    """AlexNet with LPIPS's heads."""

    trunk: Trunk
    params: Params

    def __call__(self, y: Array, target: Array) -> Array:
        """LPIPS of images, rounded as if they had been saved; `[b, h, w, 3]` -> `[b]`."""
        rounded = jnp.clip(jnp.round((y + 1) * 127.5), 0, 255) / 127.5 - 1
        return lpips(self.trunk.apply, self.params, rounded, target=target)


class Judged(NamedTuple):
    """Validation patches, the floor under PSNR, and the eye's params, of a search."""

    low: Array
    high: Array
    floor: Array
    eye: Params


def score(predict: Predict, judged: Judged, *, eye: Eye, scale: int, slope: float) -> Mapping[str, jax.Array]:
    """LPIPS, PSNR, and the reward: LPIPS, and `slope` for each dB below the floor."""
    y = predict(judged.low)
    seen = eye._replace(params=judged.eye)(y, judged.high).mean()
    decibels = psnr(y, judged.high, sr_protocol(scale)).mean()
    return {"lpips": seen, "psnr_y": decibels, REWARD: seen + slope * jax.nn.relu(judged.floor - decibels)}


def judged(low: Array, high: Array, *, eye: Eye, scale: int, floor: float) -> Judged:
    """Validation patches with the floor, `floor` dB over bicubic on the same patches."""
    plain = psnr(upscale(low, scale, "bicubic"), high, sr_protocol(scale)).mean()
    return Judged(low, high, plain + floor, eye.params)


def rewarded(found: Tested, plain: Tested, *, floor: float, slope: float) -> Tested:
    """The scores of whole pictures with the reward by their means; `plain` are those of bicubic."""
    below = max(0.0, plain.values["psnr_y"] + floor - found.values["psnr_y"])
    return found._replace(values={**found.values, REWARD: found.values["lpips"] + slope * below})


def tested(predict: Predict, images: Sequence[EvalImage], scale: int, *, eye: Eye) -> Tested:
    """PSNR, SSIM and LPIPS of each whole picture, and their means."""
    found, rows = fidelity(predict, images, scale), {}
    distance = _distance(eye.trunk.name)
    for image in images:
        low, high = (jnp.asarray(side, jnp.float32)[None] / 127.5 - 1 for side in (image.lr, image.hr))
        seen = float(distance(eye.params, jnp.asarray(predict(low)), high)[0])
        rows[image.name] = {**found.pictures[image.name], "lpips": seen}
    return Tested({**found.values, "lpips": float(np.mean([row["lpips"] for row in rows.values()]))}, rows)


@functools.cache
def _distance(name: str) -> Callable[[Params, Any, Any], Array]:
    """Compiled once a picture size, for all networks."""
    trunk = TRUNKS[name]()
    return jax.jit(lambda params, y, target: Eye(trunk, params)(y, target))
