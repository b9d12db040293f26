"""How short a proxy training may be: does it rank discriminators as a longer one does?

    python scripts/study_proxy.py tpsr --run runs/proxy --pairs 16 --lengths 25 50 100 200 --out docs/results/proxy.md

The generator learns fidelity as the config says, then random pairs within its budget are trained to the last length,
none stopped, and compared at each: all of them twice, in two orders of the same pictures. The order is chance, so what
it does to a reward is noise, and no ranking by one training agrees better with the other order's than the last lengths
do with each other. Called again it goes on where it was. Kendall's tau with its bootstrap interval over pairs.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nasjax.chain.configs import load_config
from nasjax.chain.experiment import begin
from nasjax.chain.folder import owned
from nasjax.chain.problem import Problem, make_problem
from nasjax.chain.run import open_run
from nasjax.config import Experiment
from nasjax.cost.sample import sample_networks
from nasjax.files import read_json, whole_file
from nasjax.metrics.rank import RankCorrelation, kendall_tau
from nasjax.systems import PerceptualSuperResolution
from nasjax.tasks.trial import Trial

ORDERS = 2


class Row(NamedTuple):
    """A length: how it ranks as the last one does, and as the other order does; its noise, and the spread of pairs."""

    steps: int
    last: RankCorrelation | None  # with the last length of the same order
    other: RankCorrelation  # with the last length of the other order
    noise: float  # standard deviation of the reward over orders
    spread: float  # of its means over pairs


def study(problem: Problem, trials: Sequence[Trial], folder: Path, *, pairs: int, seed: int) -> list[dict[str, Any]]:
    """What `trials.json` says of the same random pairs in each order; a trial an order."""
    archs = sample_networks(problem.space, 64 * pairs, seed=seed)
    kept = archs[problem.budgets.kept(problem.table(archs))][:pairs]
    with owned(folder) as run_folder:
        run = open_run(run_folder, problem, print)
        shared = begin(run)
        places = [run.trials(f"study-{seed}-order-{order}") for order in range(len(trials))]
        for trial, place in zip(trials, places, strict=True):
            trial.score(shared, np.asarray(kept), place, print, kept[:0])
    return [read_json(place / "trials.json") for place in places]


def trial_of(problem: Problem) -> Trial:
    """How the problem's pairs are trained."""
    assert problem.ground.trial is not None
    return problem.ground.trial


def lengthened(experiment: Experiment, lengths: list[int], seed: int) -> Experiment:
    """The experiment whose pairs are compared at these lengths and never stopped; `seed` draws their orders."""
    system = experiment.system
    assert isinstance(system, PerceptualSuperResolution)
    train = replace(system.proxy.train, steps=lengths[-1], seed=seed)
    rungs = tuple(n / lengths[-1] for n in lengths)
    return replace(experiment, system=replace(system, proxy=replace(system.proxy, train=train, rungs=rungs, keep=1.0)))


def compared(found: Sequence[Mapping[str, Any]]) -> list[Row]:
    """A row a length, of the pairs that reached the last one in both orders."""
    lengths, rewards = found[0]["lengths"], [{r["arch"]: r["rewards"] for r in f["rows"]} for f in found]
    whole = [[r[arch] for r in rewards if len(r.get(arch, [])) == len(lengths)] for arch in rewards[0]]
    values = np.array([v for v in whole if len(v) == ORDERS and None not in sum(v, [])], np.float64)
    values = values.reshape(-1, ORDERS, len(lengths))
    values = values[np.isfinite(values).all((1, 2))]
    if len(values) < 2:
        raise ValueError(f"study: {len(values)} pairs reached {lengths[-1]} steps in both orders; give it more --pairs")
    one, two = values[:, 0], values[:, 1]
    return [
        Row(
            steps,
            kendall_tau(one[:, i], one[:, -1], seed=0) if steps != lengths[-1] else None,
            kendall_tau(one[:, i], two[:, -1], seed=0),
            noise=float(np.sqrt(np.square(one[:, i] - two[:, i]).mean() / 2)),
            spread=float(values[:, :, i].mean(1).std(ddof=1)),
        )
        for i, steps in enumerate(lengths)
    ]


def table(found: Sequence[Mapping[str, Any]], command: str) -> str:
    """The ranks as Markdown; the last row, where one order meets the other, is the ceiling of the third column."""
    rows, lost = compared(found), {row["arch"] for f in found for row in f["rows"] if row["diverged"]}
    head = [
        f"{len(found[0]['rows'])} random pairs ({len(lost)} diverged), each trained in two orders of the same "
        "pictures. Kendall's tau of their rewards, with its 95 % interval; noise is the standard deviation of a pair's "
        "reward over orders, spread that of pairs. In the last row one order ranks as the other does: more cannot be "
        "asked of a shorter training.",
        f"`{command}`",
    ]
    lines = [
        f"| {r.steps} | {'' if r.last is None else _tau(r.last)} | {_tau(r.other)} | {r.noise:.4f} | {r.spread:.4f} |"
        for r in rows
    ]
    last = rows[-1].steps
    lines = [
        f"| steps | with {last} steps | with {last} of the other order | noise | spread |",
        "| --- " * 5 + "|",
        *lines,
    ]
    return "\n\n".join([*head, "\n".join([*lines, ""])])


def _tau(found: RankCorrelation) -> str:
    return f"{found.tau:.2f} ({found.low:.2f} to {found.high:.2f})"


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
    experiment = load_config(args.config)
    if args.data:
        experiment = replace(experiment, data=replace(experiment.data, source=args.data))
    seeds = range(ORDERS * args.seed, ORDERS * (args.seed + 1))
    problems = [make_problem(lengthened(experiment, sorted(args.lengths), seed), args.run) for seed in seeds]
    found = study(problems[0], [trial_of(p) for p in problems], args.run, pairs=args.pairs, seed=args.seed)
    lengths = " ".join(map(str, sorted(args.lengths)))
    command = f"scripts/study_proxy.py {args.config} --pairs {args.pairs} --lengths {lengths} --seed {args.seed}"
    text = table(found, command)
    print(text)
    if args.out:
        with whole_file(args.out) as part:
            part.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
