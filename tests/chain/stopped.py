"""A run that is stopped before each of its phases, and what it must be in the end: the run that nobody stopped."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from nasjax.chain import run as chain_run
from nasjax.chain.experiment import run_experiment
from nasjax.chain.problem import Problem


class Stop(BaseException):
    """What a kill looks like from inside."""


def stopped_everywhere(problem: Problem, path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The phases that a run of the problem was stopped before, each once, until it came through.

    All calls have one problem: built anew each time it would take longer than all the trainings.
    """
    begin, stops, done = chain_run.Run.begin, [], False

    def stopping(run: chain_run.Run, phase: str, given: Any = None) -> None:
        begin(run, phase, given)
        if phase not in stops:
            stops.append(phase)
            raise Stop(phase)

    monkeypatch.setattr("nasjax.chain.experiment.make_problem", lambda *args, **more: problem)
    monkeypatch.setattr(chain_run.Run, "begin", stopping)
    while not done:
        with contextlib.suppress(Stop):
            run_experiment(problem.experiment, path, say=None)
            done = True
    return stops


def assert_same_run(path: Path, whole: Path, stops: list[str]) -> None:
    """Its phases, archive and weights are to the byte those of `whole`, its scores the same but for what was timed."""
    assert stops == [row["phase"] for row in _record(whole, "phases")]
    assert (path / "archive.csv").read_bytes() == (whole / "archive.csv").read_bytes()
    weights, theirs = (sorted(p.name for p in (run / "checkpoints").glob("*.safetensors")) for run in (path, whole))
    assert weights == theirs
    for name in weights:
        assert (path / "checkpoints" / name).read_bytes() == (whole / "checkpoints" / name).read_bytes(), name
    timed = {"latency_ms", *(("cost",) if _record(whole, "config")["cost"] == "latency" else ())}
    rows = zip(_record(path, "results")["rows"], _record(whole, "results")["rows"], strict=True)
    for mine, other in rows:
        assert mine["name"] == other["name"]
        assert {n: v for n, v in mine["values"].items() if n not in timed} == {
            n: v for n, v in other["values"].items() if n not in timed
        }


def _record(path: Path, name: str) -> Any:
    return json.loads((path / f"{name}.json").read_text(encoding="utf-8"))
