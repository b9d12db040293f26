"""Scores of candidates: likeness to the truth of pairs; without one, the look of a set of pictures and what is kept."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from nasjax.metrics.colour import rgb_to_lab
from nasjax.metrics.image import Protocol, ssim
from nasjax.shown import Measure
from nasjax.system import Predict, Tested
from nasjax.systems.photo_filter.pictures import Pair, floats, likeness

LIKENESS = (
    Measure("psnr", "PSNR", "Peak signal-to-noise ratio of colours.", "higher", "dB", 2),
    Measure("ssim", "SSIM", "Structural similarity to the picture as it should be, 1 where equal.", "higher", digits=4),
    Measure("ciede2000", "CIEDE2000", "Mean colour difference; about 1 is just noticeable.", digits=2),
)
LOOK = (
    Measure(
        "look", "look missed", "How far light and colours are, as a set, from those wanted, in units of Lab.", digits=2
    ),
    Measure("kept", "detail kept", "SSIM of the luma of outputs and inputs: 1 keeps every detail.", "higher", digits=4),
)
_LUMA = Protocol(channel="y", crop=0, round_to_uint8=False)
_CHUNK = 4  # pictures at once


class Judge(NamedTuple):
    """Inputs in chunks `[k, b, s, s, 3]`, and what they are compared with: targets, or the moments of a look."""

    x: Array
    target: Array | None
    moments: Array | None


def make_judge(inputs: np.ndarray, targets: np.ndarray | None, looks: np.ndarray | None) -> Judge:
    """`inputs` and `targets` are uint8 `[n, s, s, 3]` that belong together; `looks` `[m, s, s, 3]` of their own."""
    chunk = next(k for k in range(min(_CHUNK, len(inputs)), 0, -1) if len(inputs) % k == 0)

    def chunks(pixels: np.ndarray) -> Array:
        return floats(pixels).reshape(-1, chunk, *pixels.shape[1:])

    moments = None if looks is None else look_of(floats(looks))
    return Judge(chunks(inputs), None if targets is None else chunks(targets), moments)


def measure(predict: Predict, judge: Judge) -> Mapping[str, Array]:
    """Mean scores of one network; traceable."""

    def chunk(part: tuple[Array, Array | None]) -> dict[str, Array]:
        y = predict(part[0]).clip(-1, 1)
        if part[1] is not None:
            return likeness(y, part[1])
        return {"moments": _moments(y), "kept": ssim(y, part[0], _LUMA)}

    found: dict[str, Any] = jax.lax.map(chunk, (judge.x, judge.target))
    if judge.moments is None:
        return {name: value.mean() for name, value in found.items()}
    look = _distance(_joined(found["moments"].reshape(-1, 2, 3)), judge.moments)
    return {"look": look, "kept": found["kept"].mean()}


def tested_look(predict: Predict, pairs: list[Pair], looks: list[np.ndarray]) -> Tested:
    """The same of whole pictures, which may differ in size."""
    wanted = _joined(jnp.concatenate([_moments(floats(look)) for look in looks]))
    made = [jnp.asarray(predict(floats(pair.input))).clip(-1, 1) for pair in pairs]
    kept = [float(ssim(y, floats(pair.input), _LUMA)[0]) for y, pair in zip(made, pairs, strict=True)]
    look = _distance(_joined(jnp.concatenate([_moments(y) for y in made])), wanted)
    return Tested({"look": float(look), "kept": float(np.mean(kept))})


def look_of(images: Float[Array, "n h w 3"]) -> Float[Array, "2 3"]:
    """Mean and standard deviation of L, a and b over all pixels of a set of pictures."""
    return _joined(_moments(images))


def _moments(images: Array) -> Array:
    """Mean and mean square of each picture's Lab, `[n, 2, 3]`."""
    lab = rgb_to_lab(images)
    return jnp.stack([lab.mean((-3, -2)), jnp.square(lab).mean((-3, -2))], -2)


def _joined(moments: Array) -> Array:
    mean, square = moments.mean(0)
    return jnp.stack([mean, jnp.sqrt(jnp.maximum(square - mean**2, 1e-6))])


def _distance(a: Array, b: Array) -> Array:
    return jnp.abs(a - b).mean()
