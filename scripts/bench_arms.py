"""The evidence of a shipped search: with several seeds, beside random search and beside what is made by hand.

    python scripts/bench_arms.py CONFIG [--seeds 0 1 2] [--arms nasjax random alone ...] [--run FOLDER] [--table]
        [--source DATA] [--squares NUMBER] [--budget BUDGET] [--bare]

Arms: `nasjax` is the shipped config with all rivals that its system knows, trained by as many steps on the same
pictures; `random` the same with random search in every stage, so with as many steps and evaluations, without rivals
(its first supernet is that of `nasjax`, where that is finished: the same seed, batches and archs); `alone` is random
search without shared weights: networks drawn within the budget, each trained by itself as the config confirms
decisions, as many as fit into the time that the search of the finished arm `nasjax` took, and the best of them trained
on like its finalists. Of filters only: `resnet` is a residual generator over every pixel, trained from random weights
for as many steps on as many of the same pictures as a finalist; `cyclegan` the same, making the picture itself as
CycleGAN's does, where `resnet` makes a change of it.

Filters may cost what the network chosen by hand costs, in params and in MACs. `--source` and `--squares` are other
pictures than the config's, and how many squares of them candidates are compared on; `--budget` is another one than
the config's, and `--bare` leaves rivals out, where those of another budget are compared with. Each arm and seed is a
run folder of `--run` (default: runs/bench-CONFIG) and goes on where it was stopped. `--table` runs nothing and prints
what is finished as Markdown: means over seeds, and half their range.
"""

import argparse
import functools
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nasjax.chain.alone import Finalist, phase_alone, train_alone
from nasjax.chain.compare import Entry, compare
from nasjax.chain.configs import load_config
from nasjax.chain.experiment import conclude, run_experiment
from nasjax.chain.folder import owned
from nasjax.chain.problem import Problem, make_problem
from nasjax.chain.reuse import reuse
from nasjax.chain.run import open_run
from nasjax.chain.score import Scorer
from nasjax.config import Experiment
from nasjax.cost.sample import sample_networks
from nasjax.say import Say
from nasjax.systems import PhotoFilter
from nasjax.systems.photo_filter.rivals import RESNET, arch_of, resnet

ARMS = ("nasjax", "random", "alone")
RESNETS = {"resnet": "image", "cyclegan": "none"}  # what their output is added to
DIGITS = {"params": 0, "macs": 0, "latency_ms": 1, "psnr": 2}
COLUMNS = (
    "params", "macs", "latency_ms", "look", "kept", "lpips", "ssim", "psnr", "ciede2000",
    "gram", "vgg16_gaussian", "vgg16_kernel", "diversity",
)  # fmt: skip


class Change(NamedTuple):
    """What an arm has other than the shipped config; nothing where it is empty."""

    data: Mapping[str, Any] = {}
    budget: tuple[str, ...] = ()
    rivals: bool = True  # of the arm `nasjax`


SHIPPED = Change()


def experiment_of(config: str, arm: str, seed: int, change: Change = SHIPPED) -> Experiment:
    """The shipped config with another seed: of its batches, its random params and its search."""
    base = load_config(config)
    base = replace(base, data=replace(base.data, **change.data), budget=change.budget or base.budget)
    stages = tuple(replace(s, train=replace(s.train, seed=seed)) for s in base.stages)
    if arm == "random":
        stages = tuple(replace(s, algorithm="random") for s in stages)
    train = replace(base.final.train, seed=seed)
    final = replace(base.final, seeds=1, train=train, rivals=arm == "nasjax" and change.rivals, formats=())
    experiment = replace(base, seed=seed, name=f"{config}-{arm}-{seed}", stages=stages, final=final)
    return _filter(experiment) if isinstance(base.system, PhotoFilter) else experiment


def _filter(experiment: Experiment) -> Experiment:
    """At most what the network chosen by hand costs."""
    problem = make_problem(experiment)
    costs = problem.table(arch_of(problem.networks, experiment.system.by_hand))
    budget = tuple(f"{name}<={int(costs[name])}" for name in ("params", "macs"))
    return replace(experiment, budget=budget)


def resnet_alone(experiment: Experiment, path: Path, adds: str, *, say: Say = print) -> None:
    """The residual generator, trained like a finalist and scored by the same protocol."""
    if (path / "results.json").is_file():
        return
    rival = resnet(RESNET, blocks=3, adds=adds)
    assert rival.networks is not None and rival.arch is not None
    with owned(path) as folder:
        run = open_run(folder, make_problem(experiment, path, say=say), say)
        net, final = rival.networks.supernet, experiment.final
        phase = phase_alone(run, "rival/ResNet-0", net, arch=rival.arch, settings=final, start=None)
        tuned = train_alone(run, [phase])
        row = Entry(rival.name, "rival", rival.note, rival.name, rival.networks, rival.arch, tuned)
        rows = compare(run, [row], Scorer(run.problem, run.problem.init()))
        folder.write("results.json", {"rows": rows})


def search_alone(experiment: Experiment, path: Path, number: int, *, say: Say = print) -> None:
    """Random search in which every network is trained by itself: `number` of them, and the best trained on."""
    confirm, final = experiment.confirm, experiment.final
    if (path / "results.json").is_file():
        return
    with owned(path) as folder:
        run = open_run(folder, make_problem(experiment, path, say=say), say)
        net, score = run.problem.networks.supernet, Scorer(run.problem, run.problem.init())
        archs = _drawn(run.problem, number)
        name = f"confirm/{experiment.stages[0].stage}"
        alone = functools.partial(phase_alone, run)
        first = train_alone(
            run, [alone(f"{name}-{i}", net, arch=a, settings=confirm, start=None) for i, a in enumerate(archs)]
        )
        totals = [score.total(a, score(run.problem.scored, a, p)) for a, p in zip(archs, first, strict=True)]
        best = np.argsort(totals)[: final.number].tolist()
        say(f"{number} networks alone: {', '.join(f'{totals[i]:.3f}' for i in best)}, the worst {max(totals):.3f}")
        again = [
            alone(f"finalist/{k}-0", net, arch=archs[i], settings=final, start=first[i]) for k, i in enumerate(best)
        ]
        tuned = train_alone(run, again)
        done = [
            (score.total(archs[i], score(run.problem.scored, archs[i], p)), p) for i, p in zip(best, tuned, strict=True)
        ]
        found = [Finalist(k, archs[i], [total], [p]) for k, (i, (total, p)) in enumerate(zip(best, done, strict=True))]
        winner = min(found, key=lambda finalist: finalist.mean)
        networks = run.problem.networks
        row = Entry("found, fine-tuned", "found", "", "found", networks, winner.arch, winner.params)
        conclude(run, winner, [row], score=score)


def _drawn(problem: Problem, number: int) -> list[np.ndarray]:
    """So many distinct networks within the budget, every one of the space as likely as any other."""
    archs = sample_networks(problem.space, 200 * number, seed=problem.experiment.seed)
    kept = archs[np.asarray(problem.budgets.violation(problem.table(archs))) <= 0]
    distinct = list({arch.tobytes(): arch for arch in kept}.values())[:number]
    if len(distinct) < number:
        raise SystemExit(f"only {len(distinct)} of {len(archs)} networks keep the budget, and {number} are needed")
    return distinct


def affordable(searched: Path) -> int:
    """How many networks can be trained as decisions are confirmed, in the time that a finished search took."""
    if not (searched / "results.json").is_file():
        raise SystemExit(f"alone: {searched} is no finished search; run --arms nasjax for this seed first")
    ledger = json.loads((searched / "ledger.json").read_text())
    seconds = {row["phase"]: row["wall_s"] for row in ledger}
    confirmed = [s for phase, s in seconds.items() if phase.startswith("confirm/")]
    if not confirmed:
        raise SystemExit(f"alone: {searched} has confirmed nothing, so what a network alone costs is unknown")
    search = sum(s for phase, s in seconds.items() if phase.startswith(("supernet/", "search/", "confirm/")))
    return round(search / float(np.mean(confirmed)))


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
    parser.add_argument("--arms", nargs="+", choices=(*ARMS, *RESNETS), default=list(ARMS))
    parser.add_argument("--source", help="data.source")
    parser.add_argument("--squares", type=int, help="data.val_patches")
    parser.add_argument("--budget", help="such as 'macs<=45M'")
    parser.add_argument("--bare", action="store_true")
    parser.add_argument("--run", type=Path)
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args()
    folder: Any = args.run or Path("runs") / f"bench-{args.config}"
    data = {name: v for name, v in (("source", args.source), ("val_patches", args.squares)) if v is not None}
    change = Change(data, (args.budget,) if args.budget else (), rivals=not args.bare)
    for seed in args.seeds:
        for arm in () if args.table else args.arms:
            experiment = experiment_of(args.config, arm, seed, change)
            path = folder / f"{arm}-{seed}"
            if arm == "alone":
                search_alone(experiment, path, affordable(folder / f"nasjax-{seed}"))
                continue
            if arm in RESNETS:
                resnet_alone(experiment, path, RESNETS[arm])
                continue
            if (first := folder / f"nasjax-{seed}" / "results.json").is_file() and arm == "random":
                reuse(experiment, path, first.parent, say=print)  # the first supernet is the same
            run_experiment(experiment, path)
    print(table(folder, args.arms, args.seeds))


if __name__ == "__main__":
    main()
