"""A command's pictures from plan to outcome: all are tried, what happens is told, and what failed is named."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from nasjax.apply.notes import one_line
from nasjax.apply.picture import Picture
from nasjax.apply.plan import FileOptions, Item, Plan
from nasjax.apply.select import Failure
from nasjax.apply.workers import Events, Work, run_items
from nasjax.apply.writing import write_picture

Notes: TypeAlias = Sequence[tuple[str, str]]  # of files: their names, and a line about each


class Job(NamedTuple):
    """All that a command does with its pictures: what there is to do, and how one item is read and computed.

    `read` gives whatever `compute` takes, and what there is to say about the files; `compute` gives the picture to
    write, and `write` what there is to say about its file (default: as `write_picture`).
    """

    plan: Plan
    read: Callable[[Item], tuple[Any, Notes]]
    compute: Callable[[Item, Any], Picture]
    options: FileOptions
    write: Callable[[Item, Picture], Sequence[str]] | None = None


class Told(NamedTuple):
    """Who is told what while a job runs; always in the calling thread."""

    on_written: Callable[[Item], None] = lambda item: None
    on_failed: Callable[[Failure, Exception | None], None] = lambda failure, error: None
    on_note: Callable[[str, str], None] = lambda name, text: None


class Outcome(NamedTuple):
    """What became of a job: outputs written, what failed and why, and outputs that were there from before."""

    written: list[Path]
    failed: list[Failure]
    done: list[Path]


def run_job(job: Job, told: Told = Told()) -> Outcome:  # noqa: B008 - immutable
    """Do all that is to do, telling what happens, and return what became of it; nothing of one item stops another."""
    outcome, said = Outcome([], [], job.plan.done), set[tuple[str, str]]()

    def say(notes: Notes) -> None:
        for note in [note for note in dict.fromkeys(notes) if note not in said]:
            said.add(note)
            told.on_note(*note)

    def failed(failure: Failure, error: Exception | None) -> None:
        outcome.failed.append(failure)
        told.on_failed(failure, error)

    def compute(item: Item, read: tuple[Any, Notes]) -> Picture:
        say(read[1])
        return job.compute(item, read[0])

    def done(item: Item, notes: Sequence[str]) -> None:
        say([(str(item.target), text) for text in notes])
        outcome.written.append(item.target or Path())
        told.on_written(item)

    say(job.plan.notes)
    for failure in job.plan.failed:
        failed(failure, None)
    events = Events(done, lambda item, error: failed(Failure(item.name, _reason(error)), error))
    write = job.write or functools.partial(_write, job)
    run_items(job.plan.items, Work(job.read, compute, write), events, jobs=job.options.jobs)
    return outcome


def _write(job: Job, item: Item, picture: Picture) -> Sequence[str]:
    target, journal = item.target, job.plan.journal
    assert target is not None
    target.parent.mkdir(parents=True, exist_ok=True)
    before = (lambda temporary: None) if journal is None else functools.partial(journal.record, target, item.sources)
    return write_picture(picture, target, overwrite=job.options.overwrite, before=before)


def all_or_error(outcome: Outcome) -> list[Path]:
    """The files written; raises ValueError naming what failed, where anything did."""
    if not outcome.failed:
        return outcome.written
    number = len(outcome.failed) + len(outcome.written) + len(outcome.done)
    reasons = [failure.text for failure in outcome.failed]
    more = "" if number == 1 else f"{len(reasons)} of {number} pictures failed, the others are done: "
    raise ValueError(more + "; ".join(reasons[:5]) + (f"; and {len(reasons) - 5} more" if len(reasons) > 5 else ""))


def _reason(error: Exception) -> str:
    known = isinstance(error, ValueError | OSError)
    return one_line(error) if known else f"{type(error).__name__}: {one_line(error)}"
