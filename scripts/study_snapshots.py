"""Warm restarts and snapshots of photo filters: several outputs averaged, or weights, or neither.

    python scripts/study_snapshots.py --runs runs/snapshots [--kind exposure] [--seeds 3] [--steps 1550]
        [--lr 1e-3] [--schedules "one cosine" "warm restarts"] [--recipe cycle=10 moved=1 moves=0,0.6,0.15,0,0 game=0]
    python scripts/study_snapshots.py --runs runs/snapshots --table

A filter learns a correction without pairs: the inputs of one half of the embedded training photographs, degraded on
purpose, and the originals of the other half (`apart:degraded:KIND:embedded`), by the recipe of `configs/filter.py`.
Each seed is trained twice for as many steps, by one cosine and by five (SGDR, arXiv 1608.03983), and what the trainings
leave is put together in several ways:

  last       the weights after the last step
  average    the exponential average of all steps' weights
  outputs N  the mean of the outputs of the newest N snapshots, in N passes (`nasjax filter --snapshots N`)
  weights N  the mean of their weights, in one pass

`--recipe` changes how two sets are learned from: the weights of a cycle, of moved pictures and of the game (0: next to
nothing of it), and how far light is moved.

Scored on the test photographs, halved, against the truth that no training has seen: PSNR, CIEDE2000, LPIPS (AlexNet
v0.1, extra `perceptual`), and artefacts (`artefacts`). A training is a line of `RUNS/rows.jsonl`; one that is there is
not done again, and one that was stopped goes on. `--table` prints means and standard deviations over seeds.
"""

import argparse
import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nasjax.chain.configs import load_config
from nasjax.chain.steps import finetune_arch
from nasjax.config import Experiment
from nasjax.data import open_source
from nasjax.export.weights import read_weights
from nasjax.metrics.lpips import lpips
from nasjax.nets.trunks import alexnet, load_trunk
from nasjax.say import Say
from nasjax.systems.photo_filter.pictures import floats, likeness
from nasjax.systems.photo_filter.rivals import arch_of
from nasjax.tasks.translation import Translation

WARMUP = 50
CYCLES = {"one cosine": 1, "warm restarts": 5}
# Setting -> what it changes of a recipe. A game of no weight is no game, and initial training needs one.
RECIPE: dict[str, Callable[[Translation, str], dict[str, Any]]] = {
    "cycle": lambda recipe, value: {"cycle": float(value)},
    "moved": lambda recipe, value: {"moved": float(value)},
    "moves": lambda recipe, value: {"moves": tuple(map(float, value.split(",")))},
    "game": lambda recipe, value: {"adversarial": replace(recipe.adversarial, weight=max(float(value), 1e-6))},
}
MEASURES = {
    "psnr": ("PSNR, dB", 2),
    "ciede2000": ("CIEDE2000", 2),
    "lpips": ("LPIPS", 4),
    "artefacts": ("artefacts", 2),
}
BLOCK = 8  # pixels a side of what is compared with an affine map


def main() -> None:
    """Train and score what is missing, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--kind", choices=("exposure", "whitebalance"), default="exposure")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1550, help="of each training")
    parser.add_argument("--lr", type=float, default=1e-3, help="at its highest")
    parser.add_argument("--schedules", nargs="+", choices=list(CYCLES), default=list(CYCLES))
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--recipe", nargs="*", default=[], metavar="NAME=VALUE", help=", ".join(RECIPE))
    parser.add_argument("--table", action="store_true", help="print what there is")
    args = parser.parse_args()
    file = args.runs / "rows.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
    if args.table:
        return print("\n".join(table(rows)))
    args.runs.mkdir(parents=True, exist_ok=True)
    done = {(*_group(row), row["seed"]) for row in rows}
    for seed in range(args.seeds):
        for schedule in args.schedules:
            if (args.kind, args.steps, args.lr, schedule, " ".join(args.recipe), seed) not in done:
                row = one(args, schedule, seed)
                with file.open("a") as lines:
                    lines.write(json.dumps(row) + "\n")


def one(args: argparse.Namespace, schedule: str, seed: int) -> dict[str, Any]:
    """One training, and the scores of what it left."""
    named = "-".join([args.kind, str(args.steps), f"{args.lr:g}", schedule.replace(" ", "-"), *args.recipe, str(seed)])
    run = args.runs / named
    config = experiment(args.kind, CYCLES[schedule], steps=args.steps, lr=args.lr, batch=args.batch, seed=seed)
    config = replace(config, system=replace(config.system, recipe=changed(config.system.recipe, args.recipe)))
    networks = config.system.networks()
    net, arch = networks.supernet, arch_of(networks, config.system.by_hand)
    say: Say = functools.partial(print, flush=True)
    weights = Path(finetune_arch(config, run, net.space.text(arch), from_scratch=True, say=say))
    network = jax.jit(lambda params, x: net.extract(arch).apply({"params": params}, x))
    scores = {name: scored(args.kind, network, several) for name, several in members(weights)}
    how = {"kind": args.kind, "steps": args.steps, "lr": args.lr, "schedule": schedule, "seed": seed}
    return how | {"recipe": " ".join(args.recipe), "scores": scores}


def changed(recipe: Translation, words: Sequence[str]) -> Translation:
    """The recipe with some settings changed, "NAME=VALUE"; ValueError for another name."""
    for name, _, value in (word.partition("=") for word in words):
        if name not in RECIPE:
            raise ValueError(f"--recipe {name}={value}: allowed are {', '.join(RECIPE)}")
        recipe = replace(recipe, **RECIPE[name](recipe, value))
    return recipe


def experiment(kind: str, cycles: int, *, steps: int, lr: float, batch: int, seed: int) -> Experiment:
    """The correction of a kind, without pairs; `cycles` fill the steps behind the warm-up."""
    config = load_config(kind)
    train = replace(
        config.final.train,
        steps=steps,
        seed=seed,
        lr=lr,
        warmup=WARMUP,
        schedule="restarts",
        cycle=(steps - WARMUP) // cycles,
        cycle_growth=1.0,
        checkpoint_seconds=60.0,
    )
    return replace(
        config,
        seed=seed,
        data=replace(config.data, source=f"apart:degraded:{kind}:embedded"),
        final=replace(config.final, train=train, batch=batch),
    )


def members(weights: Path) -> Iterator[tuple[str, list[Any]]]:
    """What is made of a training: names, and the weights of the networks whose outputs are averaged."""
    files = sorted(weights.parent.glob(f"{weights.stem}-snapshot*.safetensors"), key=lambda f: int(f.stem[-1]))
    snapshots = [read_weights(file) for file in files]
    yield "average", [read_weights(weights)]
    yield "last", snapshots[-1:]
    for number in (n for n in (3, 5) if n <= len(snapshots)):
        newest = snapshots[-number:]
        yield f"outputs {number}", newest
        yield f"weights {number}", [jax.tree.map(lambda *p: np.mean(p, 0, dtype=np.float32), *newest)]


def scored(kind: str, network: Callable[..., jax.Array], several: list[Any]) -> dict[str, float]:
    """Means over the test photographs."""
    pairs, rows = open_source(f"degraded:{kind}:embedded", "test"), []
    for i in range(len(pairs)):
        x, target = floats(pairs[i]["input"]), floats(pairs[i]["target"])
        y = jnp.clip(sum(network(params, x) for params in several) / len(several), -1, 1)
        row = {name: float(value[0]) for name, value in likeness(y, target).items()}
        rows.append({**row, "lpips": perceptual(y, target), "artefacts": artefacts(np.asarray(x)[0], np.asarray(y)[0])})
    return {name: float(np.mean([row[name] for row in rows])) for name in MEASURES}


def artefacts(x: np.ndarray, y: np.ndarray) -> float:
    """What of an output is no affine function of the input's colours nearby, as RMS in levels of 8 bits.

    Least squares with a ridge in squares of 8x8 pixels. A filter changes light and colours, which is such a function
    where it is smooth; steps, halos, spots and noise that the input does not have are none (the photorealism of Luan et
    al., arXiv 1703.07511, section 3.1, as a measure). Next to 0 for the input itself: the ridge is one of a level's
    noise, so that flat places of the input allow nothing but flat ones.
    """
    height, width = (n // BLOCK * BLOCK for n in x.shape[:2])
    a, b = (_blocks(p[:height, :width] * 127.5) for p in (x, y))
    a, b = (p - p.mean(1, keepdims=True) for p in (a, b))
    square = np.einsum("nki,nkj->nij", a, a) + BLOCK**2 * np.eye(3)
    maps = np.linalg.solve(square, np.einsum("nki,nkj->nij", a, b))
    return float(np.sqrt(np.square(b - a @ maps).mean()))


def _blocks(p: np.ndarray) -> np.ndarray:
    rows, columns = p.shape[0] // BLOCK, p.shape[1] // BLOCK
    parts = p.reshape(rows, BLOCK, columns, BLOCK, 3).transpose(0, 2, 1, 3, 4)
    return parts.reshape(rows * columns, BLOCK**2, 3).astype(np.float64)


@functools.cache
def _trunk() -> Any:
    return load_trunk("alexnet")[1]


def perceptual(y: jax.Array, target: jax.Array) -> float:
    """LPIPS of one picture."""
    return float(_distance(_trunk(), y, target))


@jax.jit
def _distance(params: Any, y: jax.Array, target: jax.Array) -> jax.Array:
    return lpips(alexnet().apply, params, y, target=target).mean()


def _group(row: Mapping[str, Any]) -> tuple[str, int, float, str, str]:
    """What the seeds of a row of the table have in common."""
    return row["kind"], row["steps"], row["lr"], row["schedule"], row.get("recipe", "")


def table(rows: list[Mapping[str, Any]]) -> Iterator[str]:
    """Lines of Markdown: means over seeds, and standard deviations between them."""
    yield (
        "| correction | schedule | put together | seeds | " + " | ".join(title for title, _ in MEASURES.values()) + " |"
    )
    yield "|---|---|---|---:|" + len(MEASURES) * "---:|"
    for group in dict.fromkeys(map(_group, rows)):
        kind, steps, lr, schedule, recipe = group
        what = ", ".join(filter(None, (f"{kind}, {steps} steps, lr {lr:g}", recipe)))
        mine = [r["scores"] for r in rows if _group(r) == group]
        for name in mine[0]:
            cells = []
            for measure, (_, digits) in MEASURES.items():
                values = [scores[name][measure] for scores in mine]
                cells.append(
                    f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=min(1, len(values) - 1)):.{digits}f}"
                )
            yield f"| {what} | {schedule} | {name} | {len(mine)} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
