"""A whole experiment: coarse to fine, then extract, fine-tune, compare, export, report. Every phase resumes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from nasjax.chain.clock import timed
from nasjax.chain.decided import decided
from nasjax.chain.diagram import diagram
from nasjax.chain.folder import Experiment, begin
from nasjax.chain.handmade import handmade
from nasjax.chain.outcome import Outcome, compare, export_network
from nasjax.chain.phases import search_stage, train_network, train_supernet
from nasjax.chain.problem import Problem, check_pictures, make_problem
from nasjax.config import Config
from nasjax.search.archive import Archive, Row
from nasjax.search.coarse_to_fine import Decision, coarse_to_fine
from nasjax.space import SearchSpace
from nasjax.typing import Params

Say = Callable[[str], None]


def run_experiment(config: Config, path: str | Path, *, say: Say = print) -> dict[str, Any]:
    """Run the whole chain, `nasjax search`, into the folder `path` and return the content of its `results.json`.

    Called again with the same config and folder it goes on where it was stopped. Its report is written anew while it
    runs. Raises ValueError for bad input, a budget that cannot be met, or a folder of another config, before anything
    is trained.
    """
    problem = make_problem(config, path, say=say)
    check_pictures(config)
    experiment, space = begin(path, problem, say), problem.supernet.space
    run = experiment.run
    say(f"{config.name}: {space.size():.2e} networks in {space.name}, run folder {run.path}")
    arch, shared = find(experiment)
    outcome = finish(experiment, arch, shared)
    with timed(run, "evaluate"):
        run.enter("evaluate")
        experiment.live.look()
        results = compare(experiment, outcome)
    run.write("diagram.json", diagram(problem, arch))
    with timed(run, "export"):
        run.enter("export")
        experiment.live.look()
        export_network(experiment, outcome, results)
    results |= {"seconds": round(sum(row["wall_s"] for row in run.read("ledger.json")), 1)}
    run.write("results.json", results)
    run.finish()
    experiment.live.write()
    return results


def find(experiment: Experiment) -> tuple[np.ndarray, Params]:
    """Search path, then operators, then channels; returns the arch and the shared weights it was found on."""
    run, problem, say, live = experiment
    shared: list[Params] = [problem.supernet.init(jax.random.fold_in(problem.key, 0))]

    def one_stage(stage: str, narrowed: SearchSpace, archive: Archive) -> Archive:
        settings = next(s for s in problem.config.stages if s.stage == stage)
        say(f"{stage}: training {len(narrowed.free)} free choices, {narrowed.size():.3g} networks")
        shared.append(train_supernet(experiment, settings, narrowed, params=shared[-1]))
        return search_stage(experiment, settings, narrowed, params=shared[-1], archive=archive)

    def on_decision(decision: Decision, archive: Archive) -> None:
        best = archive.at(decision.stage).best()
        run.replace_row(
            "stages.json", "stage", _stage_row(problem, decision, best, len(archive.at(decision.stage).stage_rows))
        )
        say(f"{decision.stage}: {best.columns['psnr_y']:.2f} dB, {best.columns['params']:.0f} params, {best.text}")
        live.write()

    archive = Archive.open(run.path / "archive.csv", problem.supernet.space)
    _, decisions = coarse_to_fine(problem.supernet.space, one_stage, archive=archive, on_decision=on_decision)
    return decisions[-1].arch, shared[-1]


def finish(experiment: Experiment, arch: np.ndarray, shared: Params) -> Outcome:
    """Extract the found network and train it, the same arch from scratch, and a hand-made network of its size."""
    problem, say = experiment.problem, experiment.say
    net, final = problem.supernet, problem.config.final
    inherited = jax.tree.map(np.asarray, net.extract_params(shared, arch))
    say("fine-tuning the found network")
    tuned = train_network(experiment, "finetune", net, arch=arch, params=inherited)
    scratch = hand = None
    if final.scratch:
        say("training the same network from scratch")
        scratch = train_network(experiment, "scratch", net, arch=arch, params=None)
    if final.handmade:
        plain = handmade(problem.config.space.scale, int(problem.table(arch)["params"]))
        say(f"training a hand-made network of {plain.params} params")
        hand = plain, train_network(experiment, "handmade", plain.supernet, arch=plain.arch, params=None)
    return Outcome(arch, inherited, tuned, scratch, hand)


def _stage_row(problem: Problem, decision: Decision, best: Row, candidates: int) -> dict[str, Any]:
    return {
        **decided(decision),
        "candidates": candidates,
        "best": best.text,
        "best_score": best.columns["psnr_y"],
        "budget": ", ".join(problem.config.budget),
    }
