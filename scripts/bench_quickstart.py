"""What the quick start finds, over seeds, and what random search finds on the same weights at the same cost.

    python scripts/bench_quickstart.py [--seeds 0 1 2] [--folder runs/seeds] [--random 5] [--json]

Each seed is a whole `nasjax quickstart` in FOLDER/seed-N (a finished run is read, a stopped one goes on). Then each of
its stages is searched again on the run's own supernet weights by `--random` random searches of as many evaluations:
the figures are the best feasible score of each, PSNR on the validation patches with inherited weights.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax

from nasjax.chain.configs import load_config
from nasjax.chain.folder import RunFolder
from nasjax.chain.problem import make_problem
from nasjax.chain.score import population_scorer
from nasjax.chain.stages import make_searcher
from nasjax.ops.params import merge_params
from nasjax.search.archive import Archive
from nasjax.search.random import random_search
from nasjax.search.run import run_search
from nasjax.train.parallel import data_mesh


def quickstart(folder: Path, seed: int) -> RunFolder:
    """A finished quick start of a seed."""
    run = RunFolder(folder / f"seed-{seed}")
    if not run.read("status.json", {}).get("done"):
        command = [sys.executable, "-m", "nasjax.cli", "quickstart", "--run", str(run.path), "--seed", str(seed)]
        subprocess.run(command, check=True, stdout=sys.stderr)
    return run


def stages(run: RunFolder, repeats: int) -> list[dict[str, Any]]:
    """For each stage of a run, the best score of its own search, of that search repeated, and of random ones."""
    problem = make_problem(load_config(run.path), run.path)
    params, decided, rows, mesh = problem.init(), None, [], data_mesh()
    of_stage = {settings.stage: settings for settings in problem.experiment.stages}
    for row in run.read("stages.json"):  # a stage that had nothing open is not in it
        settings = of_stage[row["stage"]]
        params = merge_params(params, run.load_params(f"supernet/{settings.stage}"))
        narrowed = problem.space.at_stage(settings.stage, decided)
        evaluate = population_scorer(problem, narrowed, params, mesh=mesh)

        def best(searcher, key: int, evaluate=evaluate, narrowed=narrowed, settings=settings) -> float:
            archive = Archive(narrowed)
            generations = {"generations": settings.generations, "chunk": settings.population}
            archive = run_search(searcher, evaluate, key=jax.random.key(100 + key), archive=archive, **generations)
            return float(archive.best().columns["psnr_y"])

        searchers = {
            "searched": make_searcher(problem, settings, narrowed),
            "random": random_search(narrowed, batch=settings.population),
        }
        again = {name: [best(searcher, k) for k in range(repeats)] for name, searcher in searchers.items()}
        rows.append({"stage": settings.stage, "candidates": row["candidates"], "run": row["values"]["psnr_y"], **again})
        decided = problem.space.parse(row["best"])
    return rows


def spread(values: list[float]) -> str:
    """Mean and standard deviation."""
    return f"{statistics.mean(values):.3f} ± {statistics.stdev(values) if len(values) > 1 else 0:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--folder", type=Path, default=Path("runs/seeds"))
    parser.add_argument("--random", type=int, default=5, help="searches of each kind a stage")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    runs = {seed: quickstart(args.folder, seed) for seed in args.seeds}
    results = {seed: run.read("results.json") for seed, run in runs.items()}
    searched = {seed: stages(run, args.random) for seed, run in runs.items()}
    if args.json:
        print(json.dumps({"results": results, "stages": searched}))
        return
    print(f"{results[args.seeds[0]]['protocol']}\n")
    print("| network | Y-PSNR | SSIM | gain over bicubic | params |\n|---|---|---|---|---|")
    values = {seed: {row["name"]: row["values"] for row in results[seed]["rows"]} for seed in args.seeds}
    for name in values[args.seeds[0]]:
        rows = [values[seed][name] for seed in args.seeds]
        gain = [values[seed][name]["psnr_y"] - values[seed]["bicubic"]["psnr_y"] for seed in args.seeds]
        params = ", ".join(f"{r['params'] / 1000:.2f}K" for r in rows) if "params" in rows[0] else "-"
        columns = (spread([r["psnr_y"] for r in rows]), spread([r["ssim_y"] for r in rows]), spread(gain), params)
        print(f"| {name} | {' | '.join(columns)} |")
    print("\n| seed | seconds | found | hand-made | difference | arch |\n|---|---|---|---|---|---|")
    for seed in args.seeds:
        found, plain = (values[seed][name]["psnr_y"] for name in ("found, fine-tuned", "hand-made"))
        line = f"{results[seed]['seconds']:.0f} | {found:.2f} | {plain:.2f} | {found - plain:+.2f}"
        print(f"| {seed} | {line} | `{results[seed]['arch']}` |")
    print("\n| seed | stage | candidates | in the run | searched again | random |\n|---|---|---|---|---|---|")
    for seed in args.seeds:
        for row in searched[seed]:
            line = f"{row['run']:.3f} | {spread(row['searched'])} | {spread(row['random'])}"
            print(f"| {seed} | {row['stage']} | {row['candidates']} | {line} |")


if __name__ == "__main__":
    main()
