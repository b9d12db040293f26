"""Pictures in bulk on a Ray cluster: a pipeline of Ray Data from names to files, whatever becomes of its machines."""

import contextlib
import json
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple, TypeAlias, final

from nasjax.apply.files import Change
from nasjax.apply.plan import FileOptions
from nasjax.apply.select import Failure, Location
from nasjax.bulk.editing import Edited, edit
from nasjax.bulk.places import Found, Place
from nasjax.bulk.todo import Beside, Entry, Todo, look, named, write_down
from nasjax.compiled import keep_compiled
from nasjax.extras import load_extra
from nasjax.files import to_json

_BLOCK = 32  # most pictures that a worker is given at a time
_BLOCKS = 8  # of which there are so many a worker, where there are pictures enough
_TRIES = 2  # more, of a block whose worker is lost; one that brings down each of its workers would never end
_ROUNDS = 4
Numbered: TypeAlias = dict[int, Entry]


class Bulk(NamedTuple):
    """What became of pictures in bulk: outputs written, what failed and why, and outputs that were there before."""

    written: list[str]
    failed: list[Failure]
    done: list[str]


class Watch(NamedTuple):
    """Who is told what while pictures are made: how many there are to make, and what became of each."""

    on_begun: Callable[[int], object] = lambda total: None
    on_edited: Callable[[Edited], None] = lambda edited: None


def run_bulk(
    images: Location | Sequence[Location],
    output: Location,
    load_fn: Callable[[], Change],
    *,
    options: FileOptions = FileOptions(),  # noqa: B008 - frozen
    workers: int | None = None,
    watch: Watch = Watch(),  # noqa: B008 - immutable
    beside: Beside = Beside(),  # noqa: B008 - immutable
) -> Bulk:
    """Change all pictures of folders, on this machine or behind URLs of fsspec, by processes of a Ray cluster.

    Each process calls `load_fn` once, which travels to it. There are as many `workers` as the cluster has CPUs now, or
    up to a number to which it may grow. The cluster is the one of RAY_ADDRESS, one that the caller has begun
    (`ray.init`, `cluster`), or this machine. A local path means the same folder on all machines. `watch` is told as it
    goes; `beside` is what outputs are made of, and named after, beside their own picture. What is lost with a process
    or a machine is made again, and nothing else; of what was stopped the same call goes on, by the manifest of the
    output folder.

    Raises ValueError before any work as `todo.named` and `todo.look`, and for what is not done in bulk: all frames, and
    shards; RuntimeError where the cluster itself is lost.
    """
    refused = {"all frames of a file": options.frames != "first", "a shard": options.shard != (1, 1)}
    if wrong := [what for what, holds in refused.items() if holds]:
        raise ValueError(f"{wrong[0]}: not in bulk; Ray shares the pictures among its workers, one output each")
    ray = load_extra("ray", "ray", "pictures in bulk")
    load_extra("ray.data", "ray", "pictures in bulk")
    names = named(images, output, options, beside=beside)
    # The cluster first: processes are better not begun beside the threads of JAX.
    with _cluster(ray):
        settings = {**load_fn().settings, "frames": options.frames}
        todo = look(names, settings=settings, options=options)
        bulk = Bulk([], [], [todo.output.name(target) for target in todo.done])
        if not todo.entries:
            return bulk
        write_down(todo, settings)
        watch.on_begun(len(todo.entries))
        editor = _Editor(load_fn, list({entry.source.place for entry in todo.entries}), todo.output, options)
        for edited in _rounds(todo, lambda left: _rows(ray, left, editor, workers)):
            if edited.error:
                bulk.failed.append(Failure(edited.source, edited.error))
            else:
                bulk.written.append(edited.target)
            watch.on_edited(edited)
    return bulk


def _rounds(todo: Todo, rows_fn: Callable[[Numbered], Iterator[tuple[int, Edited]]]) -> Iterator[Edited]:
    """What became of every entry, once each.

    Ray Data makes blocks of a lost worker again, but those that were on their way to it when its machine was lost: they
    are missing, and are another round's. So is a block with a picture that none of its workers survives, in the smaller
    blocks of a round with little to do, until it is alone.
    """
    left: Numbered = dict(enumerate(todo.entries))
    for _ in range(_ROUNDS):
        for number, edited in rows_fn(dict(left)) if left else ():
            if left.pop(number, None) is not None:
                yield edited
    for entry in left.values():
        source, target = entry.source.place.name(entry.source.path), todo.output.name(entry.target)
        yield Edited(source, target, "every process that worked on it was lost")


@contextlib.contextmanager
def cluster() -> Iterator[None]:
    """The cluster of `run_bulk` for several of them, which then begin no other."""
    with _cluster(load_extra("ray", "ray", "pictures in bulk")):
        yield


@contextlib.contextmanager
def _cluster(ray: Any) -> Iterator[None]:
    """Ray as the caller has begun it, or for this block; then it reports its use to nobody, and says little."""
    begun = not ray.is_initialized()
    if begun:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        ray.init(log_to_driver=False, logging_level=logging.ERROR)
    try:
        yield
    except ray.exceptions.RayError as error:
        raise RuntimeError(f"Ray: {error}; the same command goes on from there") from error
    finally:
        if begun:
            ray.shutdown()


def _rows(ray: Any, left: Numbered, editor: "_Editor", workers: int | None) -> Iterator[tuple[int, Edited]]:
    """The numbers of entries with what became of them, as they are done."""
    cpus = max(1, int(ray.cluster_resources().get("CPU", 1)))
    most = workers or cpus
    size = max(1, min(_BLOCK, len(left) // (_BLOCKS * most)))
    numbered = [{"number": number, **_packed(entry, editor.places)} for number, entry in left.items()]
    with _quiet(ray.data.DataContext.get_current()):
        rows = ray.data.from_items(numbered, override_num_blocks=-(-len(left) // size)).map(
            _Worker,
            fn_constructor_kwargs={"editor": editor},
            compute=ray.data.ActorPoolStrategy(min_size=min(most, cpus), max_size=most),
            num_cpus=1,
            max_restarts=-1,
            max_task_retries=_TRIES,
        )
    for row in rows.iter_rows():
        source, target, error, notes = json.loads(row["edited"])
        yield row["number"], Edited(source, target, error, tuple((name, text) for name, text in notes))


@contextlib.contextmanager
def _quiet(context: Any) -> Iterator[None]:
    """What data sets that are made in the block are like; the caller's own stay as they were."""
    ours = {"enable_progress_bars": False, "max_errored_blocks": -1}  # what is missing is found by its number
    before = {name: getattr(context, name) for name in ours}
    try:
        for name, value in ours.items():
            setattr(context, name, value)
        with warnings.catch_warnings():
            # How often a task is tried has no other place in Ray before 2.64, which has none for it there.
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, value in before.items():
            setattr(context, name, value)


def _packed(entry: Entry, places: list[Place]) -> dict[str, Any]:
    """An entry as a row of a table; file systems are no part of it."""
    place, path, inside, stamp = entry.source
    source = [places.index(place), path, str(inside), stamp]
    return {"source": to_json(source), "target": entry.target, "before": to_json(entry.before)}


def _unpacked(row: dict[str, Any], places: list[Place]) -> Entry:
    number, path, inside, stamp = json.loads(row["source"])
    source = Found(places[number], path, PurePosixPath(inside), stamp)
    return Entry(source, row["target"], json.loads(row["before"]))


class _Editor(NamedTuple):
    """What travels to every worker."""

    load_fn: Callable[[], Change]
    places: list[Place]  # of inputs
    output: Place
    options: FileOptions


@final
class _Worker:
    """One process of the cluster, with the network loaded."""

    def __init__(self, editor: _Editor):
        # A process for each core; what the backend is told before it begins counts.
        os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
        keep_compiled()
        self._change, self._editor = editor.load_fn(), editor

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        entry = _unpacked(row, self._editor.places)
        edited = edit(entry, self._change, output=self._editor.output, options=self._editor.options)
        return {"number": row["number"], "edited": to_json(edited)}
