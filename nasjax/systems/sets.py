"""Two sets of pictures compared through fixed networks: the distances of the literature, by command."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from nasjax.data.domains import Resized
from nasjax.data.sides import middles
from nasjax.data.source import Source
from nasjax.data.taught import pictures_mark
from nasjax.metrics.distribution import gaussian_distance, median_distance, set_scores
from nasjax.metrics.features import Rows, collect, gram_vector, pooled
from nasjax.metrics.inception import inception_input
from nasjax.metrics.reference import cached_statistics
from nasjax.nets.inception import inception_features, load_inception
from nasjax.nets.trunks import load_trunk
from nasjax.tasks.base import to_float

_BATCH = 8
_DEEPEST = 512  # channels of VGG16's last level


def set_distances(real: Source, made: Source, *, side: int) -> dict[str, float]:
    """Distances of `made` from `real` on AlexNet and VGG16, each named by its network; pictures are made squares first.

    `alexnet_gram` (Gram-MMD, arXiv 2604.03064), `vgg16_gaussian` (means of the five levels), and of VGG16's deepest
    level the scores of `metrics.set_scores`. The shorter side becomes `side` pixels, then the middle is cut. Raises
    ImportError naming the extra where weights are missing, and ValueError for sets of three pictures or fewer.
    """
    sets = [middles(Resized(source, side), len(source), (side, side))[1] for source in (real, made)]
    alexnet, vgg16 = (load_trunk(name) for name in ("alexnet", "vgg16"))
    grams = _features(lambda params, x: gram_vector(alexnet[0].apply(params, x)[0]), alexnet[1]["trunk"], sets)
    means = _features(lambda params, x: pooled(vgg16[0].apply(params, x)), vgg16[1]["trunk"], sets)
    deepest = [rows[:, -_DEEPEST:] for rows in means]
    return {
        "alexnet_gram": gaussian_distance(grams[1], grams[0], bandwidth=median_distance(grams[0])),
        "vgg16_gaussian": gaussian_distance(means[1], means[0], bandwidth=median_distance(means[0])),
        **set_scores("vgg16", deepest[0], deepest[1]),
    }


def inception_distances(
    real: Source, made: Source, *, weights: str | Path, protocol: str, kept: str | Path | None = None
) -> dict[str, float]:
    """FID, KID and what `metrics.set_scores` has beside them, on InceptionV3 with the user's file of its weights.

    `protocol` says how pictures of any size are resized (`metrics.inception_input`). With `kept`, the features of
    `real` are read from that file, or written there the first time. Raises ValueError as `load_inception` and
    `cached_statistics`; warns where there are fewer pictures than a Frechet distance needs.
    """
    params, program = load_inception(weights), jax.jit(inception_features)

    def features(source: Source) -> Rows:
        pictures = (inception_input(source[i]["image"], protocol) for i in range(len(source)))
        return collect(lambda x: program(params, x), pictures, batch=_BATCH)

    if kept is None:
        return set_scores(f"inception-{protocol}", features(real), features(made))
    said = f"inception {protocol}, {len(real)} pictures, mark {pictures_mark(real):08x}"
    reference = cached_statistics(kept, said, lambda: features(real))
    return set_scores(f"inception-{protocol}", reference.features, features(made))


def _features(function: Callable[[Any, Any], Any], params: Any, sets: Sequence[np.ndarray]) -> list[Rows]:
    program = jax.jit(lambda params, x: function(params, to_float(x)))
    return [collect(lambda x: program(params, x), pictures, batch=_BATCH) for pictures in sets]
