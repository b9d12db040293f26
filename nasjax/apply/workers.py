"""Many pictures, one after the other: reading and writing beside the network, and what fails alone fails alone."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from nasjax.apply.plan import Item

_PIXELS_AHEAD = 50_000_000  # of pictures that are read, and of those that are written, beside the one in work


class Work(NamedTuple):
    """What a command does with one item: three functions, of which `compute` alone runs in the calling thread."""

    read: Callable[[Item], Any]
    compute: Callable[[Item, Any], Any]
    write: Callable[[Item, Any], Any] = lambda item, result: result


class Events(NamedTuple):
    """Who is told what, always in the calling thread: an item is done, with what `write` returned; or it failed."""

    on_done: Callable[[Item, Any], None] = lambda item, result: None
    on_failed: Callable[[Item, Exception], None] = lambda item, error: None


def run_items(items: Sequence[Item], work: Work, events: Events = Events(), *, jobs: int = 2) -> None:  # noqa: B008
    """Do the work of all items, in their order; of each at least one event tells the end.

    Up to `jobs` items are read and as many written at a time, as far as together they have less than 50 megapixels.
    An exception of one item is its own; one that is none of an item (an interrupt) is raised after what is being
    written is written, and told.
    """
    readers, writers = ThreadPoolExecutor(jobs, "read"), ThreadPoolExecutor(jobs, "write")
    writing: deque[tuple[Item, Future]] = deque()
    try:
        for item, read in _ahead(items, work.read, readers, jobs):
            _settle(writing, events, until=lambda item=item: _fits(writing, item, jobs + 1))
            try:
                result = work.compute(item, read.result())
            except Exception as error:
                events.on_failed(item, error)
                continue
            writing.append((item, writers.submit(work.write, item, result)))
    finally:
        readers.shutdown(wait=False, cancel_futures=True)
        _settle(writing, events, until=lambda: not writing)
        writers.shutdown()


def _ahead(
    items: Sequence[Item], read: Callable[[Item], Any], readers: ThreadPoolExecutor, jobs: int
) -> Iterator[tuple[Item, Future]]:
    """Each item with its reading, begun before its turn as far as there is room."""
    waiting, begun = deque(items), deque[tuple[Item, Future]]()
    while waiting or begun:
        while waiting and _fits(begun, waiting[0], jobs + 1):
            item = waiting.popleft()
            begun.append((item, readers.submit(read, item)))
        yield begun.popleft()


def _fits(others: Sequence[tuple[Item, Any]], item: Item, most: int) -> bool:
    pixels = sum(other.size[0] * other.size[1] for other, _ in others)
    return not others or (len(others) < most and pixels + item.size[0] * item.size[1] <= _PIXELS_AHEAD)


def _settle(writing: deque[tuple[Item, Future]], events: Events, *, until: Callable[[], bool]) -> None:
    """Tell of what is written, and wait for the oldest as long as it takes."""
    while writing and (writing[0][1].done() or not until()):
        item, written = writing[0]
        error = written.exception()
        writing.popleft()
        if isinstance(error, Exception):
            events.on_failed(item, error)
        else:
            events.on_done(item, written.result())
