"""Scores of translating networks: likeness to the true picture or the teacher's, and distance of sets of pictures."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from nasjax.metrics.discrepancy import gaussian_discrepancy
from nasjax.metrics.distribution import (
    effective_number,
    gaussian_distance,
    kernel_distance,
    median_distance,
)
from nasjax.metrics.features import collect, gram_vector, pooled
from nasjax.metrics.image import Protocol, psnr, ssim
from nasjax.metrics.lpips import lpips
from nasjax.nets.trunks import alexnet, load_trunk, vgg16
from nasjax.shown import Measure
from nasjax.system import Predict, Tested
from nasjax.systems.translation.pictures import Held
from nasjax.tasks.base import to_float
from nasjax.typing import Params

_ALEXNET, _VGG16 = alexnet(), vgg16()
_RGB = Protocol(channel="rgb", crop=0, round_to_uint8=True)
_CHUNK, _BATCH = 4, 8  # pictures at once: while candidates are scored, and in the table
_DEEPEST = 512  # channels of VGG16's last level
_MOST_DB = 100.0

_LIKENESS = (
    Measure("lpips", "LPIPS", "How different pictures look from what they should be, by AlexNet; 0: the same."),
    Measure("ssim", "SSIM", "Structural similarity to what pictures should be, 1 where they are identical.", "higher"),
    Measure("psnr", "PSNR", "Peak signal-to-noise ratio to what pictures should be.", "higher", "dB", 2),
)
_SETS = (
    Measure("gram", "Gram-MMD", "How far made pictures are, as a set, from real ones, in AlexNet's first feature."),
    Measure("vgg16_gaussian", "VGG16-MMD", "The same by a Gaussian kernel over the means of VGG16's five levels."),
    Measure("vgg16_kernel", "VGG16-KID", "The same by a cubic kernel over those of the deepest level."),
    Measure("diversity", "diversity", "How many different pictures there are, as a share of real ones'.", "higher"),
)
_DIVERSITY = Measure(
    "diversity", "diversity", "How many different pictures there are, as a share of the teacher's.", "higher"
)


def measures(*, likeness: bool, sets: bool) -> tuple[Measure, ...]:
    """The scores of a network where it is known what pictures should become, and where they are compared as sets.

    The last three of sets are of the table alone, not of a search; so is the diversity that stands in for sets.
    """
    return (*(_LIKENESS if likeness else ()), *(_SETS if sets else (_DIVERSITY,)))


class Reference(NamedTuple):
    """Pictures of the target domain as features, and the width of the kernel that compares Gram vectors with them."""

    grams: Float[np.ndarray, "m _d"]
    width: float
    vgg16: Float[np.ndarray, "m _c"]


class Judge(NamedTuple):
    """Inputs and what they should become, in chunks `[k, b, s, s, 3]`, and Gram vectors of real pictures.

    What a system does not compare with is None.
    """

    x: Array
    target: Array | None
    grams: Array | None
    width: Array | None
    alexnet: Params


def load_eyes() -> Mapping[str, Params]:
    """AlexNet with its LPIPS heads, and VGG16; ImportError naming the extra where their weights are missing."""
    return {name: load_trunk(name)[1] for name in ("alexnet", "vgg16")}


def make_reference(pictures: UInt8[np.ndarray, "m h w 3"], eyes: Mapping[str, Params]) -> Reference:
    """What sets are compared with. ValueError for fewer than two pictures, or where most are equal."""
    grams, means = collect(_grams(eyes), pictures, batch=_BATCH), collect(_means(eyes), pictures, batch=_BATCH)
    return Reference(grams, median_distance(grams), means)


def make_judge(
    inputs: UInt8[np.ndarray, "n h w 3"],
    targets: UInt8[np.ndarray, "n h w 3"] | None,
    *,
    reference: Reference | None,
    eyes: Mapping[str, Params],
) -> Judge:
    """What candidates are compared with while they are searched."""
    chunk = next(k for k in range(min(_CHUNK, len(inputs)), 0, -1) if len(inputs) % k == 0)

    def chunks(pictures: np.ndarray) -> Array:
        return to_float(jnp.asarray(pictures)).reshape(-1, chunk, *pictures.shape[1:])

    grams, width = (None, None) if reference is None else map(jnp.float32, (reference.grams, reference.width))
    return Judge(chunks(inputs), None if targets is None else chunks(targets), grams, width, eyes["alexnet"])


def measure(predict: Callable[[Array], Any], judge: Judge) -> dict[str, Array]:
    """Mean scores of one network; traceable."""

    def chunk(part: tuple[Array, Array | None]) -> dict[str, Array]:
        y = predict(part[0]).clip(-1, 1)
        scores = {} if part[1] is None else _likeness(judge.alexnet, y, part[1])
        if judge.grams is None:
            return scores
        return {**scores, "grams": gram_vector(_ALEXNET.apply(judge.alexnet["trunk"], y)[0])}

    found = jax.lax.map(chunk, (judge.x, judge.target))
    made = found.pop("grams", None)
    scores = {name: value.mean() for name, value in found.items()}
    if made is None or judge.grams is None or judge.width is None:
        return scores
    return {
        **scores,
        "gram": gaussian_discrepancy(made.reshape(-1, made.shape[-1]), judge.grams, bandwidth=judge.width),
    }


def tested(predict: Predict, held: Held, *, reference: Reference | None, eyes: Mapping[str, Params]) -> Tested:
    """The scores of the table: those of the search, with what takes all pictures together in float64."""
    names, inputs, targets = held
    made = _batched(lambda x: predict(to_float(x)), inputs).clip(-1, 1)
    values: dict[str, float] = {}
    rows: dict[str, dict[str, float]] = {}
    if targets is not None:
        columns = {
            name: _batched(lambda y, t, name=name: _likeness_jit(eyes["alexnet"], y, to_float(t))[name], made, targets)
            for name in ("lpips", "ssim", "psnr")
        }
        rows = {n: {c: float(v[i]) for c, v in columns.items()} for i, n in enumerate(names)}
        values |= {name: float(v.mean()) for name, v in columns.items()}
    if reference is not None:
        values |= _as_sets(made, reference, eyes)
    elif targets is not None:
        values |= _diversity(made, targets, eyes)
    return Tested(values, rows)


def _batched(function: Callable[..., Any], *arrays: np.ndarray) -> np.ndarray:
    """A function of pictures in batches of one size: the last is filled up, and what was added cut off."""
    count = len(arrays[0])
    filled = [np.concatenate([a, np.repeat(a[-1:], -count % _BATCH, 0)]) for a in arrays]
    starts = range(0, len(filled[0]), _BATCH)
    return np.concatenate([np.asarray(function(*(jnp.asarray(a[i : i + _BATCH]) for a in filled))) for i in starts])[
        :count
    ]


def _diversity(y: np.ndarray, targets: np.ndarray, eyes: Mapping[str, Params]) -> dict[str, float]:
    """As a share of that of what should have been made; nothing where that is a single picture, or mostly one."""
    made, wanted = (collect(_grams(eyes), pictures, batch=_BATCH) for pictures in (y, targets))
    if len(np.unique(wanted, axis=0)) < max(2, len(wanted) / 2 + 1):
        return {}
    width = median_distance(wanted) / 2
    return {"diversity": effective_number(made, bandwidth=width) / effective_number(wanted, bandwidth=width)}


def _as_sets(y: np.ndarray, reference: Reference, eyes: Mapping[str, Params]) -> dict[str, float]:
    grams, means = (collect(feature_fn, y, batch=_BATCH) for feature_fn in (_grams(eyes), _means(eyes)))
    width, real = reference.width, reference.vgg16
    # Of equally many: how many there are is most of how many different ones there are.
    most = min(len(grams), len(reference.grams))
    numbers = [effective_number(g[:most], bandwidth=width / 2) for g in (grams, reference.grams)]
    return {
        "gram": gaussian_distance(grams, reference.grams, bandwidth=width),
        "vgg16_gaussian": gaussian_distance(means, real, bandwidth=median_distance(real)),
        "vgg16_kernel": kernel_distance(means[:, -_DEEPEST:], real[:, -_DEEPEST:]),
        "diversity": numbers[0] / numbers[1],
    }


def _likeness(alexnet: Params, y: Array, target: Array) -> dict[str, Array]:
    # A picture that is exactly right has no noise at all; a hundred decibels stand for it.
    noise = psnr(y, target, _RGB).clip(max=_MOST_DB)
    return {"lpips": lpips(_ALEXNET.apply, alexnet, y, target=target), "ssim": ssim(y, target, _RGB), "psnr": noise}


_likeness_jit = jax.jit(_likeness)


def _grams(eyes: Mapping[str, Params]) -> Callable[[Array], Array]:
    return lambda x: _gram_program(eyes["alexnet"]["trunk"], jnp.asarray(x))


def _means(eyes: Mapping[str, Params]) -> Callable[[Array], Array]:
    return lambda x: _means_program(eyes["vgg16"]["trunk"], jnp.asarray(x))


@jax.jit
def _gram_program(params: Params, x: Array) -> Array:
    return gram_vector(_ALEXNET.apply(params, _floats(x))[0])


@jax.jit
def _means_program(params: Params, x: Array) -> Array:
    return pooled(_VGG16.apply(params, _floats(x)))


def _floats(x: Array) -> Array:
    return to_float(x) if x.dtype == jnp.uint8 else x
