"""The whole style search: path, operators, widths, transfers; the best are fine-tuned, and one is shipped."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nasjax.chain.clock import timed
from nasjax.chain.decided import decided
from nasjax.chain.folder import RunFolder, open_run
from nasjax.chain.live import LiveReport
from nasjax.chain.style.alone import finalists, finetune
from nasjax.chain.style.config import StyleConfig
from nasjax.chain.style.confirm import decide
from nasjax.chain.style.network import write_network
from nasjax.chain.style.outcome import style_results, teacher_scores
from nasjax.chain.style.pictures import save_pairs
from nasjax.chain.style.problem import StyleProblem, make_style_problem
from nasjax.chain.style.score import make_judge
from nasjax.chain.style.search import search_stage, train_stage
from nasjax.search.archive import Archive
from nasjax.search.coarse_to_fine import Decision, coarse_to_fine
from nasjax.space import SearchSpace
from nasjax.typing import Params

Say = Callable[[str], None]
TRANSFER = "transfer"  # the stage whose choices have no parameters


def run_style_experiment(config: StyleConfig, path: str | Path, *, say: Say = print) -> dict[str, Any]:
    """Run the whole chain, `nasjax search`, into the folder `path` and return the content of its `results.json`.

    Called again with the same config and folder it goes on where it was stopped. The found network is `network/` in
    the folder (`nasjax stylize --network`); the report is written anew while it runs. Raises ValueError for bad input,
    a budget that cannot be met, or a folder of another config, before anything is trained.
    """
    problem = make_style_problem(config)
    run = open_run(path, config)
    if (done := run.read("results.json")) is not None:
        return done  # written last, and the folder is this config's
    live = LiveReport(run.path, say)
    live.write()
    space = problem.supernet.space
    say(f"{config.name}: {space.size():.2e} networks in {space.name}, run folder {run.path}")
    archive, shared = _find(run, problem, say, live)
    judge = make_judge(problem, shared)
    rows = finalists(archive, config.finalists.number)
    say(f"fine-tuning {len(rows)} finalists, {config.finalists.seeds} times each")
    tuned = finetune(run, problem, rows, params=shared, judge=judge, live=live)
    best = min(tuned, key=lambda f: float(np.mean(f.totals)))
    say(f"found: {space.text(best.arch)}")
    with timed(run, "evaluate"):
        run.enter("evaluate")
        params = best.params[int(np.argmin(best.totals))]
        write_network(run.path / "network", problem, best.arch, params=params)
        reference = teacher_scores(problem, shared, judge=judge)
        save_pairs(run, problem, best.arch, params=params)
    results = style_results(run, problem, tuned, best=best, archive=archive, reference=reference)
    run.write("results.json", results)
    run.finish()
    live.write()
    return results


def _find(run: RunFolder, problem: StyleProblem, say: Say, live: LiveReport) -> tuple[Archive, Params]:
    shared: list[Params] = [problem.init()]

    def one_stage(stage: str, narrowed: SearchSpace, archive: Archive) -> Archive:
        settings = next(s for s in problem.config.stages if s.stage == stage)
        if stage == TRANSFER:
            say(f"{stage}: {narrowed.size():.3g} networks of the same weights")
        else:
            say(f"{stage}: training {len(narrowed.free)} free choices, {narrowed.size():.3g} networks")
            shared.append(train_stage(run, problem, settings, space=narrowed, params=shared[-1], live=live))
        return search_stage(run, problem, settings, space=narrowed, params=shared[-1], archive=archive, live=live)

    def on_decision(decision: Decision, archive: Archive) -> None:
        row = archive.rows[decision.row] if decision.row is not None else None
        if row is not None:
            figures = {n: row.columns[n] for n in ("total", "edge", "style", "cost")}
            facts = {"candidates": len(archive.stage_rows), "budget": ", ".join(problem.config.budget)}
            run.replace_row("stages.json", "stage", decided(decision) | facts | {"best": row.text} | figures)
            live.write()
            say(f"{decision.stage}: {', '.join(f'{n} {v:.3f}' for n, v in figures.items())}, {row.text}")

    winners: list[int] = []

    def search(stage: str, narrowed: SearchSpace, archive: Archive) -> Archive:
        archive = one_stage(stage, narrowed, archive)
        if stage in problem.config.confirm.decisions:
            say(f"{stage}: training the best network of each option alone")
        winners.append(decide(run, problem, space=narrowed, params=shared[-1], archive=archive, live=live))
        return archive

    archive = Archive.open(run.path / "archive.csv", problem.supernet.space)
    archive, _ = coarse_to_fine(
        problem.supernet.space, search, archive=archive, choose=lambda *_: winners[-1], on_decision=on_decision
    )
    return archive, shared[-1]
