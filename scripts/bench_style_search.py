"""Style searches at equal cost: one supernet against random search in it and against training every candidate.

    python scripts/bench_style_search.py [--seeds 0 1 2] [--run runs/style_search] [--test FOLDER] [--steps 300]

Arms, every one in a process of its own, without a compilation cache:
nasjax      `configs/photonet.py` with shorter stages: shared weights, stage after stage, NSGA-II; the best network of
            each option of the path stage is trained alone for 100 steps before that stage decides
random      the same with random search in every stage, so with as many steps and evaluations
original    the recipe of arXiv 1906.02470: ageing evolution over the whole space, each candidate trained from scratch
            (`--candidate` steps), until it has used the CPU seconds that nasjax took with this seed, compiling included
The network of each arm is then trained alone for `--steps` steps from what the arm has (original: from scratch, with
the candidate's steps on top), and scored on the search's pairs and on 12 odd-numbered pairs of `--test`, as squares of
128 pixels.
`scratch` trains the network of nasjax as the original's, from nothing: what the architecture alone is worth.
A stopped bench goes on with the arm that was not finished. `--score NETWORK ...` scores network folders instead, by
the protocol of the shipped search.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

ARMS = ("nasjax", "random", "original")


def study_config(args: argparse.Namespace, seed: int, algorithm: str) -> Any:
    """The shipped search with shorter stages, and one finalist."""
    from nasjax.chain.configs import load_config

    config = load_config("photonet")
    shorter = {"path": (300, 16, 4), "operator": (150, 16, 2), "channel": (150, 4, 1), "transfer": (0, 16, 3)}
    stages = []
    for stage in config.stages:
        steps, population, generations = shorter[stage.stage]
        train = replace(stage.train, steps=steps) if steps else stage.train
        sizes = {"population": population, "generations": generations}
        stages.append(replace(stage, train=train, algorithm=algorithm, **sizes))
    train = replace(config.stages[0].train, steps=args.steps)
    confirm = replace(config.confirm, train=replace(train, steps=100))
    final = replace(config.final, number=1, seeds=1, train=train, batch=4, formats=())
    system = replace(config.system, pairs=replace(config.system.pairs, number=8))
    return replace(config, seed=seed, stages=tuple(stages), confirm=confirm, final=final, system=system)


def shared(args: argparse.Namespace, arm: str, seed: int) -> dict[str, Any]:
    """Arms on shared weights: the whole chain; its CPU seconds are those until the finalist is fine-tuned."""
    from nasjax.chain.experiment import run_experiment
    from nasjax.chain.problem import make_problem
    from nasjax.export.stylist import load_style_network

    config = study_config(args, seed, "nsga2" if arm == "nasjax" else "random")
    spent: list[float] = []

    def say(text: str) -> None:
        print(text, flush=True)
        if text.startswith("training "):  # the finalist, alone
            spent.append(time.process_time())

    folder = Path(args.run) / f"{arm}-{seed}"
    results = run_experiment(config, folder, say=say)
    evaluated = len((folder / "archive.csv").read_text().splitlines()) - 1
    problem, network = make_problem(config), load_style_network(folder / "export")
    found = final_scores(args, problem, np.array(network.arch, np.int32), network.params)
    return {"cpu_s": spent[0], "evaluated": evaluated, "arch": results["arch"], **found}


def original(args: argparse.Namespace, seed: int, budget: float) -> dict[str, Any]:
    """Ageing evolution, one candidate after the other, each trained from scratch, while CPU seconds last."""
    import jax

    from nasjax.chain.problem import make_problem
    from nasjax.search.aging_evolution import aging_evolution

    problem = make_problem(study_config(args, seed, "aging-evolution"))
    space = problem.space
    searcher = aging_evolution(space, population=6, batch=1, tournament=3)
    state, best, evaluated, spent = searcher.init(jax.random.key(seed)), (np.inf, None), 0, 0.0
    while True:
        asked = np.asarray(searcher.ask(jax.random.fold_in(jax.random.key(seed), evaluated), state))
        total, _ = from_scratch(args, problem, asked[0], name=f"candidate-{seed}-{evaluated}", steps=args.candidate)
        if time.process_time() > budget and evaluated:
            break
        evaluated, spent = evaluated + 1, time.process_time()
        print(f"{evaluated}: {total:.3f} after {spent:.0f} s, {space.text(asked[0])}", flush=True)
        state = searcher.tell(state, asked, np.array([[total]]), np.zeros(1))
        best = min(best, (total, asked[0]), key=lambda b: b[0])
    arch = best[1]
    steps = args.candidate + args.steps
    _, params = from_scratch(args, problem, arch, name=f"original-{seed}", steps=steps)
    return {
        "cpu_s": spent,
        "evaluated": evaluated,
        "arch": space.text(arch),
        **final_scores(args, problem, arch, params),
    }


def scratch(args: argparse.Namespace, seed: int, text: str) -> dict[str, Any]:
    """An arch trained from nothing, as the original's."""
    from nasjax.chain.problem import make_problem

    problem = make_problem(study_config(args, seed, "nsga2"))
    arch, steps = problem.space.parse(text), args.candidate + args.steps
    _, params = from_scratch(args, problem, arch, name=f"scratch-{seed}", steps=steps)
    return {"cpu_s": float("nan"), "evaluated": 0, "arch": text, **final_scores(args, problem, arch, params)}


def from_scratch(args: argparse.Namespace, problem: Any, arch: Any, *, name: str, steps: int) -> tuple[float, Any]:
    """One network trained alone from fresh weights; its total on the search's pairs, and its params."""
    from nasjax.chain.alone import phase_alone, train_alone
    from nasjax.chain.folder import owned
    from nasjax.chain.live import LiveReport
    from nasjax.chain.run import Run
    from nasjax.chain.score import Scorer

    experiment, net, start = problem.experiment, problem.networks.supernet, problem.init()
    final = replace(experiment.final, train=replace(experiment.final.train, steps=steps))
    alone = replace(problem, experiment=replace(experiment, final=final))
    with owned(Path(args.run) / "alone" / name) as folder:
        run = Run(folder, alone, print, LiveReport(folder.path, print))
        given = net.extract_params(start, arch)
        phase = phase_alone(run, "scratch/found-0", net, arch=arch, settings=final, start=given)
        [params] = train_alone(run, [phase])
    score = Scorer(problem, start)
    return score.total(arch, score(problem.scored, arch, params)), params


def final_scores(args: argparse.Namespace, problem: Any, arch: Any, params: Any) -> dict[str, Any]:
    """Scores of a trained network on the search's pairs, and on pairs that no search has seen."""
    from nasjax.chain.measures import evaluation
    from nasjax.chain.problem import make_problem
    from nasjax.chain.score import Scorer

    judged = {"search": problem}
    if args.test:
        system = problem.experiment.system
        wanted = replace(system.pairs, search=args.test, number=12, take="odd")
        judged["test"] = make_problem(replace(problem.experiment, system=replace(system, pairs=wanted)))
    found = {}
    for name, on in judged.items():
        scores = Scorer(on, on.init())(on.scored, arch, params)
        columns = evaluation(on, arch[None], {n: np.array([v]) for n, v in scores.items()}).columns
        found[name] = {n: float(columns[n][0]) for n in ("total", "edge", "style", "params", "macs")}
    return found


def one(args: argparse.Namespace) -> dict[str, Any]:
    """The arm that this process was started for."""
    if args.arm in ("nasjax", "random"):
        return shared(args, args.arm, args.seed)
    return original(args, args.seed, args.budget) if args.arm == "original" else scratch(args, args.seed, args.text)


def run_arm(args: argparse.Namespace, arm: str, seed: int, *extra: str) -> dict[str, Any]:
    """The result of an arm: read, or made by a process of its own."""
    target = Path(args.run) / f"{arm}-{seed}.json"
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        numbers = ["--steps", str(args.steps), "--candidate", str(args.candidate)]
        where = ["--run", args.run, *numbers, *(["--test", args.test] if args.test else [])]
        command = [sys.executable, __file__, *where, "--arm", arm, "--seed", str(seed), *extra]
        subprocess.run(command, check=True, env=os.environ | {"JAX_ENABLE_COMPILATION_CACHE": "0"}, stdout=sys.stderr)
    return json.loads(target.read_text())


def table(rows: list[dict[str, Any]]) -> str:
    """One line an arm and seed, and the mean of each arm."""
    lines = ["arm       seed  CPU s  networks  search: total  edge style   test: total  edge style   MACs"]
    for row in rows:
        parts = [
            f"{row[n]['total']:13.3f} {row[n]['edge']:5.3f} {row[n]['style']:5.3f}"
            for n in ("search", "test")
            if n in row
        ]
        lines.append(f"{row['arm']:<9} {row['seed']:4} {row['cpu_s']:6.0f} {row['evaluated']:9} {' '.join(parts)} {row['search']['macs'] / 1e9:6.2f}G")  # fmt: skip  # noqa: E501
    for arm in dict.fromkeys(row["arm"] for row in rows):
        for pairs in ("search", "test"):
            totals = [row[pairs]["total"] for row in rows if row["arm"] == arm and pairs in row]
            if totals:
                lines.append(
                    f"{arm:<9} {pairs:<6} mean {np.mean(totals):.3f}, from {min(totals):.3f} to {max(totals):.3f}"
                )
    return "\n".join(lines)


def confirmations(folder: Path) -> str:
    """What training alone said before the first decision of a run: the leader on shared weights, and the winner."""
    rows = json.loads((folder / "confirmed.json").read_text())
    best = min(range(len(rows)), key=lambda i: rows[i]["total"])
    lead, won = rows[0]["total"], rows[best]["total"]
    return f"{folder.name:<10} alone: leader {lead:.3f}, winner {won:.3f}, number {best + 1} of {len(rows)}"


def score_networks(folders: list[str]) -> str:
    """The scores of network folders by the protocol of `configs/photonet.py`, on the pairs that its search sees."""
    from nasjax.chain.configs import load_config
    from nasjax.chain.problem import make_problem
    from nasjax.chain.score import Scorer
    from nasjax.export.stylist import load_style_network

    problem, lines = make_problem(load_config("photonet")), []
    score = Scorer(problem, problem.init())
    for folder in folders:
        network = load_style_network(folder)
        arch = np.array(network.arch, np.int32)
        scores = score(problem.scored, arch, network.params)
        figures = f"edge {scores['edge']:.3f}, style {scores['style']:.3f}"
        lines.append(f"{folder}: {figures}, sum {score.total(arch, scores):.3f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--run", default="runs/style_search")
    parser.add_argument("--test", default="", help="a folder of pairs, NAME_content.* and NAME_style.*")
    parser.add_argument("--steps", type=int, default=300, help="of the final training of a network")
    parser.add_argument("--candidate", type=int, default=150, help="steps of each of the original's candidates")
    parser.add_argument("--score", nargs="+", metavar="NETWORK", help="only score these network folders")
    parser.add_argument("--json", action="store_true")
    for name, kind in (("--arm", str), ("--seed", int), ("--budget", float), ("--text", str)):
        parser.add_argument(name, type=kind, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.score:
        print(score_networks(args.score))
        return
    if args.arm:
        row = {"arm": args.arm, "seed": args.seed} | one(args)
        target = Path(args.run) / f"{args.arm}-{args.seed}.json"
        beside = target.with_suffix(".part")
        beside.write_text(json.dumps(row))
        os.replace(beside, target)
        return
    rows = []
    for seed in args.seeds:
        ours = run_arm(args, "nasjax", seed)
        rows += [ours, run_arm(args, "random", seed)]
        rows.append(run_arm(args, "original", seed, "--budget", str(ours["cpu_s"])))
        rows.append(run_arm(args, "scratch", seed, "--text", ours["arch"]))
    print(json.dumps(rows) if args.json else table(rows))
    if not args.json:
        runs = [Path(args.run) / f"{arm}-{seed}" for arm in ("nasjax", "random") for seed in args.seeds]
        print("\n".join(map(confirmations, runs)))


if __name__ == "__main__":
    main()
