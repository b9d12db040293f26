"""`--from RUN`: a new run takes over what still holds of another one."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nasjax.chain.folder import RunFolder, owned
from nasjax.chain.latency import FILE as LATENCY
from nasjax.chain.latency import latency_size
from nasjax.chain.phases import FILE, held
from nasjax.chain.problem import known_of
from nasjax.config import Experiment
from nasjax.say import silent
from nasjax.search.archive import Archive
from nasjax.train.processes import gather, is_first

_ROWS = ("ledger.json", "environments.json", "confirmed.json")


def reuse(experiment: Experiment, path: str | Path, other: str | Path, *, say: Callable[[str], None]) -> list[str]:
    """Copy what the phases of the run `other` left that would be the same now, into the run folder `path`.

    Evaluated candidates are taken over as well where a search is only made longer. Returns the phases; one that does
    not hold ends its part. Raises ValueError when `path` is a run already, or `other` is none.
    """
    theirs, say = RunFolder(Path(other)), say if is_first() else silent
    if not (theirs.path / FILE).is_file():
        raise ValueError(f"--from {theirs.path}: no run folder with phases")
    if gather((Path(path) / FILE).is_file())[0]:
        say(f"{path} goes on as it is: what it takes from {theirs.path}, it took when it began")
        return []
    differs = held(theirs, experiment, known_of(experiment))
    taken = [phase for phase, said in differs.items() if not said and phase != "evaluate"]
    # A search that goes on for longer: its candidates count as before.
    longer = [p for p, said in differs.items() if [*said] == [f"stages.{p.removeprefix('search/')}.generations"]]
    with owned(path) as mine:
        if is_first():
            _copy(theirs, mine, experiment, taken=taken, longer=longer)
        gather(None)  # of several processes, one copies and all go on with it
    say(f"taken over from {theirs.path}: {', '.join(taken + longer) or 'nothing: all of it depends on what differs'}")
    return taken + longer


def _copy(theirs: RunFolder, mine: RunFolder, experiment: Experiment, *, taken: list[str], longer: list[str]) -> None:
    for phase in taken:
        _copy_weights(theirs, mine, phase)
    searched = [phase.partition("/")[2] for phase in taken + longer if phase.startswith("search/")]
    _copy_archive(theirs, mine, experiment, searched)
    _copy_measured(theirs, mine, experiment, searched)
    for name in (*_ROWS, FILE):
        rows = [row for row in theirs.read(name, []) if row["phase"] in taken]
        mine.write(name, rows)
    _copy_stages(theirs, mine, taken)


def _copy_weights(theirs: RunFolder, mine: RunFolder, phase: str) -> None:
    """A phase's results, and what it may go on from."""
    folder, name = theirs.path / "checkpoints", phase.replace("/", "-")
    (mine.path / "checkpoints").mkdir(exist_ok=True)
    for source in [*folder.glob(f"{name}.safetensors"), *folder.glob(f"{name}-[a-z]*.safetensors")]:
        shutil.copyfile(source, mine.path / "checkpoints" / source.name)
    if (folder / name).is_dir() and not theirs.weights(phase).is_file():
        shutil.copytree(folder / name, mine.path / "checkpoints" / name, dirs_exist_ok=True)


def _copy_archive(theirs: RunFolder, mine: RunFolder, experiment: Experiment, stages: list[str]) -> None:
    if stages and (theirs.path / "archive.csv").is_file():
        space = experiment.system.networks().supernet.space
        found = Archive.open(theirs.path / "archive.csv", space)
        rows = tuple(row for row in found.rows if row.stage in stages)
        Archive(space, mine.path / "archive.csv", "", rows, found.bases).save()


def _copy_measured(theirs: RunFolder, mine: RunFolder, experiment: Experiment, stages: list[str]) -> None:
    """The times that candidates were judged by, and what candidates left that were trained to be judged."""
    if stages and latency_size(experiment) is not None and (theirs.path / LATENCY).is_file():
        shutil.copyfile(theirs.path / LATENCY, mine.path / LATENCY)
    for stage in stages:
        if (trials := theirs.path / "trials" / stage).is_dir():
            shutil.copytree(trials, mine.path / "trials" / stage, dirs_exist_ok=True)


def _copy_stages(theirs: RunFolder, mine: RunFolder, taken: list[str]) -> None:
    """Decisions and fairness of the stages that were taken over as a whole."""

    def kept(rows: Any, kind: str) -> list[dict[str, Any]]:
        return [row for row in rows if f"{kind}/{row['stage']}" in taken]

    mine.write("stages.json", kept(theirs.read("stages.json", []), "search"))
    mine.write("fairness.json", {"stages": kept(theirs.read("fairness.json", {"stages": []})["stages"], "supernet")})
