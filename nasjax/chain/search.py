"""`nasjax search`: coarse to fine, then extract, fine-tune, compare, export, report. Every phase resumes."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from nasjax.chain.clock import timed
from nasjax.chain.diagram import diagram
from nasjax.chain.folder import RunFolder, open_run
from nasjax.chain.outcome import Outcome, compare, export_network
from nasjax.chain.phases import search_stage, train_network, train_supernet
from nasjax.chain.problem import Problem, make_problem
from nasjax.config import Config
from nasjax.report import write_report
from nasjax.search.archive import Archive
from nasjax.search.coarse_to_fine import Decision, coarse_to_fine
from nasjax.space import SearchSpace
from nasjax.typing import Params

Say = Callable[[str], None]


def search(config: Config, path: str | Path, *, say: Say = print) -> dict[str, Any]:
    """Run the whole chain into the folder `path` and return the content of its `results.json`.

    Called again with the same config and folder it goes on where it was stopped. Raises ValueError for bad input, a
    budget that cannot be met, or a folder of another config, before anything is trained.
    """
    started = time.time()
    problem = make_problem(config)
    run = open_run(path, config)
    space = problem.supernet.space
    say(f"{config.name}: {space.size():.2e} networks in {space.name}, run folder {run.path}")
    arch, params = find(run, problem, say=say)
    outcome = finish(run, problem, arch, params, say=say)
    results = compare(run, problem, outcome, seconds=_seconds(run, started))
    run.write("diagram.json", diagram(problem, arch))
    with timed(run, "export"):
        export_network(run, problem, outcome, results)
    _done(run, started)
    write_report(run.path)
    return results


def find(run: RunFolder, problem: Problem, *, say: Say = print) -> tuple[np.ndarray, Params]:
    """Search path, then operators, then channels; returns the arch and the shared weights it was found on."""
    space, config = problem.supernet.space, problem.config
    shared: dict[str, Params] = {}

    def one_stage(stage: str, narrowed: SearchSpace, archive: Archive) -> Archive:
        settings = next(s for s in config.stages if s.stage == stage)
        _check_slots(problem, settings.stage, narrowed)
        say(f"{stage}: training {len(narrowed.free)} free choices together, {narrowed.size():.3g} networks")
        shared["params"] = train_supernet(run, problem, settings, narrowed, shared.get("params"))
        archive = search_stage(run, problem, settings, narrowed, shared["params"], archive)
        return archive

    def on_decision(decision: Decision, archive: Archive) -> None:
        row = archive.rows[decision.row or 0]
        run.replace_row("stages.json", "stage", _stage_row(problem, decision, archive.at(decision.stage)))
        say(f"{decision.stage}: {row.columns['psnr_y']:.2f} dB with {row.columns['params']:.0f} params, {row.text}")
        write_report(run.path)

    archive = Archive.open(run.path / "archive.csv", space)
    _, decisions = coarse_to_fine(space, one_stage, archive=archive, on_decision=on_decision)
    return decisions[-1].arch, shared["params"]


def finish(run: RunFolder, problem: Problem, arch: np.ndarray, shared: Params, *, say: Say = print) -> Outcome:
    """Extract the found network and train it, the same arch from scratch, and a hand-made network of its size."""
    from nasjax.chain.handmade import handmade

    net, final = problem.supernet, problem.config.final
    inherited = jax.tree.map(np.asarray, net.extract_params(shared, arch))
    say("fine-tuning the found network")
    tuned = train_network(run, problem, "finetune", net, arch, inherited)
    scratch = hand = None
    if final.scratch:
        say("training the same network from scratch")
        scratch = train_network(run, problem, "scratch", net, arch, None)
    if final.handmade:
        size = int(problem.table(arch)["params"])
        plain = handmade(problem.config.space.scale, size)
        say(f"training a hand-made network of {plain.params} params")
        hand = (plain, train_network(run, problem, "handmade", plain.supernet, plain.arch, None))
    return Outcome(arch, inherited, tuned, scratch, hand)


def _stage_row(problem: Problem, decision: Decision, archive: Archive) -> dict[str, Any]:
    space, best = decision.space, archive.best()
    before = problem.supernet.space.decode(problem.supernet.space.default_arch())
    decided = {n: o for n, o in space.decode(decision.arch).items() if n in space.free or n not in before}
    return {
        "stage": decision.stage,
        "free": {
            name: [space.choices[space.index(name)].options[o] for o in space.options(name)] for name in space.free
        },
        "size_before": str(decision.before.size()),
        "size_after": str(decision.after.size()),
        "decided": {name: option for name, option in decided.items() if name in space.free},
        "candidates": len(archive.stage_rows),
        "best": best.text,
        "best_score": best.columns["psnr_y"],
        "budget": ", ".join(problem.config.budget),
    }


def _check_slots(problem: Problem, stage: str, space: SearchSpace) -> None:
    if not space.free:
        raise ValueError(f"stage {stage!r} of {space.name} has nothing left to decide; leave it out or widen the space")


def _seconds(run: RunFolder, started: float) -> float:
    return round(sum(row["wall_s"] for row in run.read("ledger.json", [])), 1)


def _done(run: RunFolder, started: float) -> None:
    status = run.read("status.json", {})
    run.write("status.json", {**status, "phase": "done", "done": True, "updated": time.time(), "message": "finished"})
