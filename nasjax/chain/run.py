"""What every phase of a run is given, and how a run is opened: checked against what its folder holds already."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nasjax.basis import in_words
from nasjax.chain.configs import COPY, VERSION, as_dict, source_of
from nasjax.chain.folder import CONFIG, RunFolder
from nasjax.chain.live import LiveReport
from nasjax.chain.measures import COSTS, decides
from nasjax.chain.phases import Known, claim, held
from nasjax.chain.plan import plan, remaining
from nasjax.chain.problem import Problem
from nasjax.config import Experiment
from nasjax.say import Say, silent, to_stderr
from nasjax.train.log import RunLog
from nasjax.train.processes import gather, is_first
from nasjax.train.writers import Writer


class Run(NamedTuple):
    """Where a run writes, what it works on, and how it tells a person: by line and by page."""

    folder: RunFolder
    problem: Problem
    say: Say
    live: LiveReport
    writers: Sequence[Writer] = ()  # views of the curves beside the record

    @property
    def progress(self) -> Say | None:
        """Where progress is told, beside the output; None where the run is silent."""
        return None if self.say is silent else to_stderr

    def begin(self, phase: str, given: Mapping[str, str] | None = None) -> None:
        """Note what a phase that begins depends on (`phases.claim`); of several processes, all begin it together."""
        gather(phase)
        claim(self.folder, self.problem.experiment, phase, known=self.problem.known, given=given)

    def trials(self, stage: str) -> Path:
        """Where the trials of a stage's candidates are, of a system that has some."""
        return self.folder.path / "trials" / stage

    def left(self) -> str:
        """How much time the run will take from here, in words; empty before that is known."""
        seconds = (self.folder.read("status.json", {}).get("run") or {}).get("eta_s")
        return "" if seconds is None else f" (about {seconds / 60:.0f} min left)" if seconds > 90 else " (nearly done)"

    def log(self, phase: str, steps: int) -> RunLog:
        """The log of a phase of so many steps; each line renews the page, and what is said of the whole run."""
        return RunLog(self.folder.path, phase, steps, on_write=self.look, writers=self.writers, say=self.progress)

    def look(self, *, news: bool = False) -> None:
        """Say how much of the whole run is left, and renew the page if it is time to (`LiveReport.look`)."""
        status = self.folder.read("status.json", {})
        phase, share = status.get("phase", ""), (status.get("step") or 0) / (status.get("steps") or 1)
        left = remaining(plan(self.problem), self.folder.read("ledger.json", []), now=phase, share=share)
        self.folder.say_state({"state": "running", "run": left})
        self.live.look(news=news)


def check_run(folder: RunFolder, experiment: Experiment, known: Known | None = None) -> None:
    """Raises ValueError, naming fields, when the folder holds phases of another config, or a run of another layout.

    Without `known`, which takes a problem to know, what stands for the choices of later stages is not compared.
    """
    found = folder.read(CONFIG)
    if found is not None and found.get("version", 1) != VERSION:
        raise ValueError(
            f"{folder.path} holds a run of version {found.get('version', 1)}, this nasjax writes {VERSION}: its report "
            "and networks can be used as they are; choose another folder"
        )
    differs = {phase: said for phase, said in held(folder, experiment, known).items() if said}
    if differs:
        phase, said = next(iter(differs.items()))
        raise ValueError(
            f"{folder.path} holds {phase} of another config: {in_words(said)}. Choose another folder; what still "
            f"holds is taken over by: nasjax search CONFIG --run OTHER --from {folder.path}"
        )


def open_run(folder: RunFolder, problem: Problem, say: Say, *, writers: Sequence[Writer] = ()) -> Run:
    """A run in a folder that it may use (see `check_run`), with its config, measures, and a report from now on."""
    experiment, run = problem.experiment, Run(folder, problem, say, LiveReport(folder.path, say), writers)
    check_run(folder, experiment, problem.known)
    file = source_of(experiment)
    if is_first() and as_dict(experiment)["kind"].get("file") and file and Path(file) != folder.path / COPY:
        shutil.copyfile(file, folder.path / COPY)
    if folder.read("results.json") is None:  # a finished run stays what it was, whatever else is done in its folder
        folder.write(CONFIG, as_dict(experiment))
    folder.write("system.json", _system(problem))
    run.live.write()
    return run


def _system(problem: Problem) -> dict[str, Any]:
    """What the numbers of the run are, for everyone who shows them."""
    experiment, ground = problem.experiment, problem.ground
    width, height = experiment.macs_at
    names = [m.name for m in ground.measures]
    measures = [*ground.measures, *(m for m in COSTS if m.name not in names)]
    return {
        "name": experiment.system.title,
        "measures": [m._asdict() for m in measures],
        "decides": decides(ground),
        "objectives": list(ground.objectives),
        "costs_at": f"{width}x{height}",
    }
