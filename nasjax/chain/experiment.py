"""A whole experiment, for any system: coarse to fine, confirmed, fine-tuned, compared, shown, shipped, reported."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from nasjax.chain.alone import Finalist, decide, finalists
from nasjax.chain.clock import timed
from nasjax.chain.compare import Entry, compare, entries, latency_text, predictor
from nasjax.chain.folder import RunFolder, owned
from nasjax.chain.measures import decides
from nasjax.chain.problem import make_problem
from nasjax.chain.run import Run, check_run, open_run
from nasjax.chain.score import Scorer
from nasjax.chain.ship import export_network
from nasjax.chain.stages import open_archive, search_stage, train_stage
from nasjax.chain.strips import save_strips
from nasjax.chain.table import in_words
from nasjax.config import Experiment
from nasjax.say import Say, told
from nasjax.search.archive import Archive
from nasjax.search.coarse_to_fine import Decision, coarse_to_fine
from nasjax.space import SearchSpace
from nasjax.train.processes import is_first
from nasjax.train.writers import Writer
from nasjax.typing import Params


def run_experiment(
    experiment: Experiment, path: str | Path, *, say: Say | None = print, writers: Sequence[Writer] = ()
) -> dict[str, Any]:
    """Run the whole chain, `nasjax search`, into the folder `path` and return the content of its `results.json`.

    Called again with the same experiment and folder it goes on where it was stopped; a finished run is read, and
    nothing in its folder changes. Its report is written anew while it runs; `writers` are given its curves, too. Raises
    ValueError for bad input, a budget that cannot be met, or a folder of another config or in use, before anything is
    trained. `say=None` is silent.
    """
    say = told(say if is_first() else None)
    check_run(RunFolder(Path(path)), experiment)
    if (done := RunFolder(Path(path)).read("results.json")) is not None and "seconds" in done:
        return done
    with owned(path) as folder:
        run = open_run(folder, make_problem(experiment, path, say=say), say, writers=writers)
        space = run.problem.space
        say(f"{experiment.name}: {space.size():.2e} networks in {space.name}, run folder {folder.path}")
        archive, shared = find(run)
        score, final = Scorer(run.problem, shared), experiment.final
        say(f"training {final.number} of the best alone, {final.seeds} times each{run.left()}")
        found = finalists(run, archive, params=shared, score=score)
        say(f"found: {space.text(found[0].arch)}")
        rows = entries(run, found, shared)
        return conclude(run, found[0], rows, score=score)


def find(run: Run) -> tuple[Archive, Params]:
    """Search stage after stage; returns the archive and the shared weights of the last one."""
    problem, shared, winners = run.problem, [begin(run)], []

    def one_stage(stage: str, narrowed: SearchSpace, archive: Archive) -> Archive:
        settings = next(s for s in problem.experiment.stages if s.stage == stage)
        trained = stage not in problem.networks.untrained
        how = f"training {len(narrowed.free)} free choices, " if trained else "the same weights, "
        run.say(f"{stage}: {how}{narrowed.size():.3g} networks{run.left()}")
        if trained:
            shared.append(train_stage(run, settings, narrowed, params=shared[-1]))
        archive = search_stage(run, settings, narrowed, params=shared[-1], archive=archive)
        winners.append(decide(run, narrowed, params=shared[-1], archive=archive))
        return archive

    def on_decision(decision: Decision, archive: Archive) -> None:
        rows = archive.at(decision.stage).stage_rows
        row, facts = rows[winners[-1]], {"candidates": len(rows), "budget": ", ".join(problem.experiment.budget)}
        names = [m.name for m in problem.ground.measures] + ["params", "macs", "cost", "total"]
        values = {name: row.columns[name] for name in names if name in row.columns}
        entry = decision.record() | facts | {"best": row.text, "values": values}
        run.folder.replace_row("stages.json", "stage", entry)
        run.live.write()
        measures = run.folder.read("system.json")["measures"]
        run.say(f"{decision.stage}: {in_words(values, measures)}, {row.text}")

    archive, _ = coarse_to_fine(
        problem.space, one_stage, archive=open_archive(run), choose=lambda *_: winners[-1], on_decision=on_decision
    )
    return archive, shared[-1]


def begin(run: Run) -> Params:
    """The shared weights that the first search stage begins with.

    A stage before it that decides nothing is a training: of what all networks have in common, before they differ.
    """
    problem = run.problem
    params = problem.init()
    for settings in problem.experiment.stages:
        if any(settings.stage in (c.stage, c.coarse and c.coarse[0]) for c in problem.space.choices):
            break
        run.say(f"{settings.stage}: training what all networks have{run.left()}")
        params = train_stage(run, settings, problem.space.at_stage(settings.stage), params=params)
    return params


def conclude(run: Run, best: Finalist, rows: list[Entry], *, score: Scorer) -> dict[str, Any]:
    """Compare, show, ship and report; the first of several processes does it, the others wait."""
    run.begin("evaluate")
    if is_first():
        with timed(run.folder, "evaluate"):
            run.look()
            table = compare(run, rows, score)
            # Pictures show the network that is shipped: of the found one, the best of its trainings.
            shown = {
                e.label: predictor(run.problem, e, best.best if e.role == "found" else None) for e in rows if e.label
            }
            save_strips(run.folder, run.problem.ground.show(shown))
            if run.problem.ground.diagram is not None:
                run.folder.write("diagram.json", run.problem.ground.diagram(best.arch))
        with timed(run.folder, "export"):
            run.look()
            export_network(
                run.problem, run.folder.path / "export", best.arch, params=best.best, values=table[0]["values"]
            )
        run.folder.write("results.json", _results(run, best, table))
        end = {"phase": "done", "done": True, "state": "done", "message": "finished", "eta_s": None}
        run.folder.say_state({**end, "run": {"done": 1.0, "eta_s": 0.0}})
        run.live.write()
    run.folder.wait_for(run.folder.path / "results.json")
    return run.folder.read("results.json")


def _results(run: Run, best: Finalist, rows: list[dict[str, Any]]) -> dict[str, Any]:
    experiment, ground = run.problem.experiment, run.problem.ground
    width, height = experiment.macs_at
    cost = f"MACs at {width}x{height}; {latency_text(run)}"
    seconds = sum(row["wall_s"] for row in run.folder.read("ledger.json", []))
    return {
        "version": 2,
        "title": experiment.system.title,
        "name": experiment.name,
        "protocol": f"{ground.protocol}; {cost}",
        "search_protocol": ground.search_protocol or ground.protocol,
        "arch": run.problem.space.text(best.arch),
        "space": run.problem.space.name,
        "decides": decides(ground),
        "budget": ", ".join(experiment.budget),
        "costs_at": f"{width}x{height}",
        "devices": jax.device_count(),
        "weights": best.phase,
        "rows": rows,
        "use": ground.use.format(bundle=run.folder.path / "export"),
        "seconds": round(seconds, 1),
    }
