"""Whole pictures of super-resolution: their scores by the usual protocol, and strips to look at."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from nasjax.apply.levels import to_floats, to_levels
from nasjax.data.embedded import credit_of
from nasjax.data.evaluation import EvalImage
from nasjax.metrics.image import psnr, sr_protocol, ssim
from nasjax.ops.resize import imresize_reference, upscale
from nasjax.shown import Panel, Strip, squares
from nasjax.system import Predict, Tested
from nasjax.tasks.base import to_float

_CROP = 64  # output pixels a side of a detail
_MOST = 4  # pictures that are shown


def tested(predict: Predict, images: Sequence[EvalImage], scale: int) -> Tested:
    """PSNR and SSIM of each picture by the super-resolution protocol, and their means."""
    rows = {}
    for image in images:
        low, high = (to_float(jnp.asarray(side[None])) for side in (image.lr, image.hr))
        scores = _psnr_ssim(jnp.asarray(predict(low)), high, scale)
        rows[image.name] = {name: float(v[0]) for name, v in zip(("psnr_y", "ssim_y"), scores, strict=True)}
    means = {name: float(np.mean([row[name] for row in rows.values()])) for name in ("psnr_y", "ssim_y")}
    return Tested(means, rows)


def bicubic(scale: int) -> Predict:
    """MATLAB's enlargement: rounded as its files are where pictures are given, in float inside of a program."""

    def predict(x: jax.Array) -> jax.Array | np.ndarray:
        if isinstance(x, Tracer) or len(x) > 1:
            return upscale(x, scale, "bicubic")
        return to_floats(imresize_reference(to_levels(np.asarray(x)[0], deep=False), float(scale)))[None]

    return predict


def strips(predicts: Mapping[str, Predict], images: Sequence[EvalImage], scale: int) -> list[Strip]:
    """Some pictures as the input, each network's output and the truth; the one that gained most over bicubic first.

    The plainest output stands first, what was found last.
    """
    order = [*reversed([n for n in predicts if n != "found"]), *(n for n in predicts if n == "found")]
    scores = {name: tested(predicts[name], images, scale).pictures for name in order}

    def gain(image: EvalImage) -> float:
        return scores[order[-1]][image.name]["psnr_y"] - scores[order[0]][image.name]["psnr_y"]

    first = max(images, key=gain)
    shown = [first, *(image for image in images if image is not first)][:_MOST]
    return [_strip(image, {n: predicts[n] for n in order}, scores) for image in shown]


def _strip(image: EvalImage, predicts: Mapping[str, Predict], scores: Mapping[str, Any]) -> Strip:
    low = to_float(jnp.asarray(image.lr[None]))
    made = tuple(
        Panel(name, to_levels(np.asarray(predict(low))[0], deep=False), {"psnr_y": scores[name][image.name]["psnr_y"]})
        for name, predict in predicts.items()
    )
    scale = image.hr.shape[0] // image.lr.shape[0]
    blocks = Panel("input", image.lr.repeat(scale, 0).repeat(scale, 1))
    # What the plainest enlargement gets most wrong.
    error = np.square(image.hr.astype(np.float32) - made[0].pixels).mean(-1)
    details = squares(error, _CROP, 2)
    return Strip(image.name, (blocks, *made, Panel("ground truth", image.hr)), (), details, credit_of(image.name))


@functools.partial(jax.jit, static_argnums=2)
def _psnr_ssim(y: jax.Array, target: jax.Array, scale: int) -> tuple[jax.Array, jax.Array]:
    protocol = sr_protocol(scale)
    return psnr(y, target, protocol), ssim(y, target, protocol)
