"""The evidence of a shipped search: with several seeds, beside random search and beside what is made by hand.

    python scripts/bench_arms.py CONFIG [--seeds 0 1 2] [--arms nasjax random] [--run FOLDER] [--table]

Arms: `nasjax` is the shipped config with all rivals that its system knows, trained by as many steps on the same
pictures; `random` the same with random search in every stage, so with as many steps and evaluations, without rivals
(its first supernet is that of `nasjax`, where that is finished: the same seed, batches and archs).
Filters may cost what the network chosen by hand costs, in params and in MACs; with `--resnet` a residual generator
is trained beside them, which takes as long as the search. Each arm and seed is a run folder of
`--run` (default: runs/bench-CONFIG) and goes on where it was stopped. `--table` runs nothing and prints what is
finished as Markdown: means over seeds, and half their range.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nasjax.chain.configs import load_config
from nasjax.chain.experiment import run_experiment
from nasjax.chain.problem import make_problem
from nasjax.chain.reuse import reuse
from nasjax.config import Experiment
from nasjax.systems import PhotoFilter
from nasjax.systems.photo_filter.rivals import arch_of

DIGITS = {"params": 0, "macs": 0, "latency_ms": 1, "vgg16_kernel": 1, "psnr": 2}
COLUMNS = (
    "params", "macs", "latency_ms", "lpips", "ssim", "psnr", "ciede2000", "gram", "vgg16_kernel", "diversity",
)  # fmt: skip


def experiment_of(config: str, arm: str, seed: int, resnet: bool = False) -> Experiment:
    """The shipped config with another seed: of its batches, its random params and its search."""
    base = load_config(config)
    stages = tuple(replace(s, train=replace(s.train, seed=seed)) for s in base.stages)
    if arm == "random":
        stages = tuple(replace(s, algorithm="random") for s in stages)
    train = replace(base.final.train, seed=seed)
    final = replace(base.final, seeds=1, train=train, rivals=arm == "nasjax", formats=())
    experiment = replace(base, seed=seed, name=f"{config}-{arm}-{seed}", stages=stages, final=final)
    return _filter(experiment, resnet) if isinstance(base.system, PhotoFilter) else experiment


def _filter(experiment: Experiment, resnet: bool) -> Experiment:
    """At most what the network chosen by hand costs."""
    problem = make_problem(experiment)
    costs = problem.table(arch_of(problem.networks, experiment.system.by_hand))
    budget = tuple(f"{name}<={int(costs[name])}" for name in ("params", "macs"))
    return replace(experiment, system=replace(experiment.system, resnet=resnet), budget=budget)


def table(folder: Path, arms: list[str], seeds: list[int]) -> str:
    """A row a network: found and rivals, means over the seeds that are finished."""
    rows: dict[str, list[dict[str, float]]] = {}
    for arm in arms:
        for seed in seeds:
            file = folder / f"{arm}-{seed}" / "results.json"
            for row in json.loads(file.read_text())["rows"] if file.is_file() else ():
                name = f"{row['name']} ({arm})" if row["name"].startswith("found") else row["name"]
                rows.setdefault(name, []).append(row["values"])
    names = [c for c in COLUMNS if any(c in v for values in rows.values() for v in values)]
    lines = [f"| network | seeds | {' | '.join(names)} |", "|---" * (len(names) + 2) + "|"]
    for name, values in rows.items():
        lines.append(f"| {name} | {len(values)} | {' | '.join(_cell(c, values) for c in names)} |")
    return "\n".join(lines)


def _cell(column: str, values: list[dict[str, float]]) -> str:
    known = [v[column] for v in values if column in v]
    if not known:
        return "-"
    digits = DIGITS.get(column, 3)
    spread = f" ± {np.ptp(known) / 2:,.{digits}f}" if len(known) > 1 else ""
    return f"{np.mean(known):,.{digits}f}{spread}"


def main() -> None:
    """Run what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="translation, compress, whitebalance, ...")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", choices=("nasjax", "random"), default=["nasjax", "random"])
    parser.add_argument("--resnet", action="store_true", help="of filters: a residual generator beside them")
    parser.add_argument("--run", type=Path)
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args()
    folder: Any = args.run or Path("runs") / f"bench-{args.config}"
    for seed in args.seeds:
        for arm in () if args.table else args.arms:
            experiment, path = experiment_of(args.config, arm, seed, args.resnet), folder / f"{arm}-{seed}"
            if (first := folder / f"nasjax-{seed}" / "results.json").is_file() and arm == "random":
                reuse(experiment, path, first.parent, say=print)  # the first supernet is the same
            run_experiment(experiment, path)
    print(table(folder, args.arms, args.seeds))


if __name__ == "__main__":
    main()
