"""Scores of candidates: likeness to the truth of pairs; without one, the look of a set of pictures and what is kept."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from nasjax.metrics.image import rgb_to_y
from nasjax.metrics.similarity import structure_map
from nasjax.shown import Measure
from nasjax.system import Predict, Tested
from nasjax.systems.photo_filter.looks import look_distance, look_of
from nasjax.systems.photo_filter.pictures import Pair, floats, likeness

LIKENESS = (
    Measure("psnr", "PSNR", "Peak signal-to-noise ratio of colours.", "higher", "dB", 2),
    Measure("ssim", "SSIM", "Structural similarity to the picture as it should be, 1 where equal.", "higher", digits=4),
    Measure("ciede2000", "CIEDE2000", "Mean colour difference; about 1 is just noticeable.", digits=2),
)
LOOK = (
    Measure(
        "look",
        "look missed",
        "Energy distance between the light and colours of outputs and of pictures as wanted, in units of Lab.",
        digits=2,
    ),
    Measure(
        "kept",
        "detail kept",
        "Structure that outputs share with inputs, whatever their light and contrast: 1 keeps every detail.",
        "higher",
        digits=4,
    ),
)
_CHUNK = 4  # pictures at once


class Judge(NamedTuple):
    """Inputs in chunks `[k, b, s, s, 3]`, and what they are compared with: targets, or pictures of a look `[m, 6]`."""

    x: Array
    target: Array | None
    looks: Array | None


def make_judge(inputs: np.ndarray, targets: np.ndarray | None, looks: Array | None) -> Judge:
    """`inputs` and `targets` are uint8 `[n, s, s, 3]` that belong together; `looks` are those of other pictures."""
    chunk = next(k for k in range(min(_CHUNK, len(inputs)), 0, -1) if len(inputs) % k == 0)

    def chunks(pixels: np.ndarray) -> Array:
        return floats(pixels).reshape(-1, chunk, *pixels.shape[1:])

    return Judge(chunks(inputs), None if targets is None else chunks(targets), looks)


def measure(predict: Predict, judge: Judge) -> Mapping[str, Array]:
    """Mean scores of one network; traceable."""

    def chunk(part: tuple[Array, Array | None]) -> dict[str, Array]:
        y = predict(part[0]).clip(-1, 1)
        if part[1] is not None:
            return likeness(y, part[1])
        return {"looks": look_of(y), "kept": _kept(y, part[0])}

    found: dict[str, Any] = jax.lax.map(chunk, (judge.x, judge.target))
    if judge.looks is None:
        return {name: value.mean() for name, value in found.items()}
    return {"look": look_distance(found["looks"].reshape(-1, 6), judge.looks), "kept": found["kept"].mean()}


def tested(predict: Predict, pairs: Sequence[Pair], looks: Array | None = None) -> Tested:
    """The measures of whole pictures, which may differ in size: likeness where their truth is known, and the look."""
    rows: dict[str, dict[str, float]] = {}
    made = []
    for pair in pairs:
        x = floats(pair.input)
        y = jnp.asarray(predict(x))
        known = {} if pair.target is None else likeness(y, floats(pair.target))
        if looks is not None:
            known["kept"] = _kept(y.clip(-1, 1), x)
            made.append(look_of(y.clip(-1, 1)))
        rows[pair.name] = {name: float(value[0]) for name, value in known.items()}
    means = {name: float(np.mean([row[name] for row in rows.values()])) for name in next(iter(rows.values()))}
    if looks is not None:
        means["look"] = float(look_distance(jnp.concatenate(made), looks))
    return Tested(means, rows)


@jax.jit
def _kept(y: Array, x: Array) -> Array:
    """Structure of the luma, `[n]`."""
    return structure_map(rgb_to_y(y), rgb_to_y(x)).mean((-3, -2, -1))
