"""How short a proxy training may be: does it rank discriminators as a longer one does?

    python scripts/study_proxy.py tpsr --run runs/proxy --pairs 16 --lengths 25 50 100 200 --out docs/results/proxy.md

The generator learns fidelity as the config says, then random pairs within its budget are trained to the last length,
none stopped, and compared at each. Called again it goes on where it was. Kendall's tau with its bootstrap interval over
pairs; one order of pictures a pair, so the last length is itself noisy: with `--seed` of another study its noise shows.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from nasjax.chain.configs import load_config
from nasjax.chain.experiment import begin
from nasjax.chain.folder import owned
from nasjax.chain.problem import Problem, make_problem
from nasjax.chain.run import open_run
from nasjax.config import Experiment
from nasjax.cost.sample import sample_networks
from nasjax.files import read_json, whole_file
from nasjax.systems import PerceptualSuperResolution


def study(problem: Problem, folder: Path, *, pairs: int, seed: int) -> dict:
    """The rows and ranks of random pairs, as `trials.json` has them."""
    archs = sample_networks(problem.space, 64 * pairs, seed=seed)
    kept = archs[problem.budgets.kept(problem.table(archs))][:pairs]
    trial = problem.ground.trial
    assert trial is not None
    with owned(folder) as run_folder:
        run = open_run(run_folder, problem, print)
        shared = begin(run)
        place = run.trials(f"study-{seed}")
        trial.score(shared, np.asarray(kept), place, print)
    return read_json(place / "trials.json")


def lengthened(experiment: Experiment, lengths: list[int], seed: int) -> Experiment:
    """The experiment whose pairs are compared at these lengths and never stopped."""
    system = experiment.system
    assert isinstance(system, PerceptualSuperResolution)
    train = replace(system.proxy.train, steps=lengths[-1], seed=seed)
    rungs = tuple(n / lengths[-1] for n in lengths)
    return replace(experiment, system=replace(system, proxy=replace(system.proxy, train=train, rungs=rungs, keep=1.0)))


def table(found: dict, command: str) -> str:
    """The ranks as Markdown."""
    rows = [f"| {r['steps']} | {r['tau']:.2f} | {r['low']:.2f} to {r['high']:.2f} |" for r in found["ranks"]]
    lost, last = sum(row["diverged"] for row in found["rows"]), found["lengths"][-1]
    head = f"{len(found['rows'])} random pairs ({lost} diverged), ranked by reward after {last} steps.\n\n`{command}`\n"
    return "\n".join([head, "| steps | Kendall's tau | 95 % interval |", "| --- | --- | --- |", *rows, ""])


def main() -> None:
    """Run the study and write its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=16)
    parser.add_argument("--lengths", type=int, nargs="+", default=[25, 50, 100, 200])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", default=None)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    experiment = lengthened(load_config(args.config), sorted(args.lengths), args.seed)
    if args.data:
        experiment = replace(experiment, data=replace(experiment.data, source=args.data))
    problem = make_problem(experiment, args.run)
    found = study(problem, args.run, pairs=args.pairs, seed=args.seed)
    lengths = " ".join(map(str, sorted(args.lengths)))
    command = f"scripts/study_proxy.py {args.config} --pairs {args.pairs} --lengths {lengths} --seed {args.seed}"
    text = table(found, command)
    print(text)
    if args.out:
        with whole_file(args.out) as part:
            part.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
