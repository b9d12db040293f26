"""What all commands on pictures share: options of files, what is said while they run, and how they end."""

import argparse
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nasjax.commands.progress import Progress
from nasjax.commands.stopping import Stopped, stoppable

if TYPE_CHECKING:
    from nasjax.apply.job import Job, Outcome
    from nasjax.apply.plan import FileOptions
    from nasjax.bulk.pipeline import Bulk

_MOST_NAMES = 20


def add_options(parser: argparse.ArgumentParser) -> None:
    """What every command on pictures takes: --wrap, and the options of `apply.plan.FileOptions`."""
    around = "360-degree pictures: left and right borders belong together, no seam between them"
    parser.add_argument("--wrap", action="store_true", help=around)
    files = parser.add_argument_group("files")
    files.add_argument("--recursive", action="store_true", help="pictures in folders of the given folders too")
    frames = "of animated and multi-page files: the first (default), or all, each to a file of its own"
    files.add_argument("--frames", choices=("first", "all"), default="first", help=frames)
    files.add_argument("--format", choices=("png", "jpg", "webp"), help="format of outputs in a folder")
    files.add_argument("--overwrite", action="store_true", help="replace outputs that exist; inputs never are")
    limit = "refuse larger inputs, such as 100M (default 250M)"
    files.add_argument("--max-pixels", type=count, default=250_000_000, metavar="N", help=limit)
    shard = "do every N-th picture from the K-th on: N commands share a folder"
    files.add_argument("--shard", type=_shard, default=(1, 1), metavar="K/N", help=shard)
    files.add_argument("--jobs", type=int, metavar="N", help="pictures read and written beside the network")


def file_options(args: argparse.Namespace) -> "FileOptions":
    """The options of files that a command line gives."""
    from nasjax.apply.plan import FileOptions

    names = ("recursive", "frames", "format", "overwrite", "max_pixels", "shard")
    given: dict[str, Any] = {name: getattr(args, name) for name in names}
    return FileOptions(**given) if args.jobs is None else FileOptions(**given, jobs=args.jobs)


def run_pictures(args: argparse.Namespace, command: str, make_job: Callable[["FileOptions"], "Job"]) -> int:
    """Make a job and do it: 0 where all is done, 1 where something failed, 130 or 143 where a signal stopped it.

    Written files are named on standard output, everything else on standard error. Raises what `make_job` raises: what
    is wrong before any work.
    """
    from nasjax.compiled import keep_compiled

    keep_compiled()
    job, progress = None, Progress(command)
    try:
        with stoppable():
            job = make_job(file_options(args))
            return tell_end(_run(args, job, progress), progress)
    except Stopped as stop:
        progress.close()
        progress.say(f"nasjax {command}: {_how_to_go_on(job, progress)}")
        return stop.code


def read_all(args: argparse.Namespace, command: str, job: "Job") -> int:
    """Do a job whose outputs are for this command alone: only what it reads is told of. Returns the exit code."""
    progress = Progress(command)
    return tell_end(_run(args, job, progress, named=False), progress, what="read")


def _run(args: argparse.Namespace, job: "Job", progress: Progress, *, named: bool = True) -> "Outcome":
    from nasjax.apply.job import Told, run_job
    from nasjax.apply.parts import listening_to_parts

    def failed(failure: Any, error: Exception | None) -> None:
        progress.step()
        progress.say(f"failed: {failure.text}")
        if args.traceback and error is not None:
            traceback.print_exception(error)

    def written(item: Any) -> None:
        progress.step()
        if named:
            progress.path(item.target)

    note = progress.say
    with progress.over(len(job.plan.items) + len(job.plan.failed)), listening_to_parts(progress.part):
        return run_job(job, Told(written, failed, lambda name, text: note(f"note: {name}: {text}")))


def tell_end(outcome: "Outcome | Bulk", progress: Progress, *, what: str = "written") -> int:
    """Says how it ended; a single picture that went well, or ill, has been told of already."""
    failed = [failure.name for failure in outcome.failed]
    counts = {what: len(outcome.written), "done before": len(outcome.done), "failed": len(failed)}
    if sum(counts.values()) > 1 or outcome.done:
        names = ", ".join(failed[:_MOST_NAMES]) + (
            f" and {len(failed) - _MOST_NAMES} more" if failed[_MOST_NAMES:] else ""
        )
        told = ", ".join(f"{number} {name}" for name, number in counts.items() if number)
        progress.say(f"nasjax {progress.command}: {told}" + (f": {names}" if names else ""))
    return 1 if failed else 0


def _how_to_go_on(job: "Job | None", progress: Progress) -> str:
    if job is None:
        return "stopped before any picture was begun"
    if job.plan.journal is None:
        return "stopped; the output was written" if progress.written else "stopped; nothing was written"
    left = len(job.plan.items) - progress.written
    return f"stopped; {progress.written} written, {left} not; the same command goes on from there"


def count(text: str) -> int:
    """A number in text, as 250M or 1e8."""
    factor = {"K": 1e3, "M": 1e6, "G": 1e9}.get(text[-1:].upper(), 0)
    try:
        return round(float(text[:-1]) * factor) if factor else round(float(text))
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(f"a number such as 250M is needed, got {text!r}") from error


def _shard(text: str) -> tuple[int, int]:
    k, _, n = text.partition("/")
    try:
        return int(k), int(n)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"a part such as 3/16 is needed, got {text!r}") from error
