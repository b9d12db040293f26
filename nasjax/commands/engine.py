"""What works on the pictures of a command: this process, or the processes of a Ray cluster."""

import argparse
import contextlib
import functools
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nasjax.commands.pictures import file_options, run_pictures, tell_end
from nasjax.commands.progress import Progress
from nasjax.commands.stopping import Stopped, stoppable

if TYPE_CHECKING:
    from nasjax.apply.files import Change
    from nasjax.bulk.editing import Edited
    from nasjax.bulk.pipeline import Bulk
    from nasjax.bulk.todo import Beside


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Which engine, and how many processes it may have."""
    engine = parser.add_argument_group("beyond one machine")
    what = "ray (extra: ray): a cluster, or all cores of this machine; pictures may be URLs such as s3://bucket/folder"
    engine.add_argument("--engine", choices=("local", "ray"), default="local", help=what)
    number = "processes of the cluster (default: as many as it has CPUs)"
    engine.add_argument("--workers", type=int, metavar="N", help=number)


class Network(NamedTuple):
    """Where a command's network is, and how one is loaded from a folder like it, maybe on another machine.

    `folder_fn` raises ValueError where there is none. What both were given travels: plain values.
    """

    folder_fn: Callable[[], Path]
    change_fn: Callable[[Path], "Change"]


def run_network(args: argparse.Namespace, command: str, network: Network, *, example: str) -> int:
    """Put `args.images` but the last through a network, into the last; returns the exit code of `run_pictures`."""
    if len(args.images) < 2:
        raise ValueError(f"nasjax {command} needs at least one input and the output: nasjax {command} {example}")
    *images, output = args.images
    if args.engine == "ray":
        return over_ray(args, command, (images, output), parts_fn=lambda: [_part(network)])
    check_local(args, args.images)

    def job(options):
        from nasjax.apply.files import picture_job

        return picture_job(images, output, network.change_fn(network.folder_fn()), options=options)

    return run_pictures(args, command, job)


class Part(NamedTuple):
    """What a cluster makes of the pictures once: how the change is loaded there, and what is noted beside pictures."""

    load_fn: Callable[[], "Change"]
    beside: "Beside | None" = None


def check_local(args: argparse.Namespace, paths: Sequence[str]) -> None:
    """Raise ValueError for what only a cluster takes."""
    if urls := [each for each in paths if "://" in each and not Path(each).exists()]:
        raise ValueError(f"{urls[0]}: URLs are for --engine ray")
    if args.workers is not None:
        raise ValueError("--workers is for --engine ray; here it is --jobs")


def over_ray(
    args: argparse.Namespace,
    command: str,
    paths: tuple[Sequence[str], str],
    *,
    parts_fn: Callable[[], Sequence[Part]],
) -> int:
    """Make the pictures of `paths`, (inputs, output folder), by a cluster, part after part; returns the exit code."""
    progress = Progress(command)
    if args.jobs is not None:
        raise ValueError("--jobs is for --engine local; here it is --workers")
    try:
        with stoppable():
            return tell_end(_bulk(args, progress, paths, parts_fn()), progress)
    except Stopped as stop:
        progress.close()
        progress.say(f"nasjax {command}: stopped; {progress.written} written; the same command goes on from there")
        return stop.code


def _bulk(
    args: argparse.Namespace, progress: Progress, paths: tuple[Sequence[str], str], parts: Sequence[Part]
) -> "Bulk":
    from nasjax.apply.select import Failure
    from nasjax.bulk.pipeline import Bulk, Watch, cluster, run_bulk
    from nasjax.bulk.todo import Beside

    def edited(found: "Edited") -> None:
        progress.step()
        for name, text in found.notes:
            progress.say(f"note: {name}: {text}")
        if found.error:
            progress.say(f"failed: {Failure(found.source, found.error).text}")
        else:
            progress.path(found.target)

    def run(part: Part) -> Bulk:
        with contextlib.ExitStack() as stack:
            watch = Watch(lambda total: stack.enter_context(progress.over(total)), edited)
            options, beside = file_options(args), part.beside or Beside()
            return run_bulk(*paths, part.load_fn, options=options, workers=args.workers, watch=watch, beside=beside)

    # A single part begins a cluster of its own, after it has looked at its names.
    with cluster() if len(parts) > 1 else contextlib.nullcontext():
        bulks = [run(part) for part in parts]
    return Bulk(*(list(itertools.chain(*each)) for each in zip(*bulks, strict=True)))


def _part(network: Network) -> Part:
    from nasjax.bulk.carried import carried

    return Part(functools.partial(_loaded, carried(network.folder_fn()), network.change_fn))


def _loaded(folder: Callable[[], Path], change_fn: Callable[[Path], "Change"]) -> "Change":
    """What travels is this function's name, and what it is given."""
    return change_fn(folder())
