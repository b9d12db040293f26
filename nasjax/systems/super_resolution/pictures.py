"""Whole pictures of super-resolution: their scores by the usual protocol, and strips to look at."""

import functools
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from nasjax.data.embedded import credit_of
from nasjax.data.evaluation import EvalImage
from nasjax.metrics.image import psnr, sr_protocol, ssim
from nasjax.ops.resize import imresize_reference, upscale
from nasjax.system import Panel, Predict, Strip, squares

_CROP = 64  # output pixels a side of a detail
_MOST = 4  # pictures that are shown


def picture_scores(
    predict: Predict, images: Sequence[EvalImage], scale: int
) -> tuple[dict[str, float], list[np.ndarray], list[float]]:
    """Mean PSNR and SSIM by the super-resolution protocol, the uint8 outputs, and each picture's PSNR."""
    outputs, rows = [], []
    for image in images:
        y = predict(jnp.asarray(image.lr, jnp.float32)[None] / 127.5 - 1)
        target = jnp.asarray(image.hr, jnp.float32)[None] / 127.5 - 1
        rows.append([float(v[0]) for v in _psnr_ssim(jnp.asarray(y), target, scale)])
        outputs.append(to_uint8(np.asarray(y)[0]))
    means = np.mean(rows, axis=0)
    return {"psnr_y": float(means[0]), "ssim_y": float(means[1])}, outputs, [r[0] for r in rows]


def bicubic(scale: int) -> Predict:
    """MATLAB's enlargement: rounded as its files are where pictures are given, in float inside of a program."""

    def predict(x: jax.Array) -> jax.Array | np.ndarray:
        if isinstance(x, jax.core.Tracer) or len(x) > 1:
            return upscale(x, scale, "bicubic")
        enlarged = imresize_reference(to_uint8(np.asarray(x)[0]), float(scale))
        return enlarged[None].astype(np.float32) / 127.5 - 1

    return predict


def strips(predicts: Mapping[str, Predict], images: Sequence[EvalImage], scale: int) -> list[Strip]:
    """Some pictures as the input, each network's output and the truth; the one that gained most over bicubic first."""
    order = [n for n in predicts if n not in ("found",)][::-1] + ["found"]
    known = {name: picture_scores(predicts[name], images, scale)[1:] for name in order if name in predicts}
    plain, found = known.get("bicubic"), known.get("found")
    gains = np.zeros(len(images)) if plain is None or found is None else np.array(found[1]) - np.array(plain[1])
    first = int(np.argmax(gains))
    places = [first, *(i for i in range(len(images)) if i != first)][:_MOST]
    return [_strip(images[i], i, known) for i in places]


def to_uint8(x: np.ndarray) -> np.ndarray:
    """Values in [-1, 1] as pixels 0..255, rounded and clipped."""
    return np.clip(np.round((x + 1) * 127.5), 0, 255).astype(np.uint8)


def _strip(image: EvalImage, i: int, known: Mapping[str, tuple[list[np.ndarray], list[float]]]) -> Strip:
    made = tuple(Panel(name, outputs[i], {"psnr_y": each[i]}) for name, (outputs, each) in known.items())
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
