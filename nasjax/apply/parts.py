"""The parts that a picture is worked on in: several at once, and whoever listens is told of each that is done with."""

import contextlib
import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from typing import TypeAlias, TypeVar

import jax

# (windows done, of so many) in a pass over a picture; a picture may take several
OnPart: TypeAlias = Callable[[int, int], None]
_P = TypeVar("_P")
_T = TypeVar("_T")
# What listens is not passed on from function to function: a picture's change is any function of pictures.
_listener: ContextVar[OnPart | None] = ContextVar("listener", default=None)


@contextlib.contextmanager
def listening_to_parts(on_part: OnPart) -> Iterator[None]:
    """Tell `on_part` of the windows of pictures that this thread works on inside the block."""
    token = _listener.set(on_part)
    try:
        yield
    finally:
        _listener.reset(token)


def lanes() -> int:
    """How many parts to compute at once: one for each core that this process may use; on an accelerator, one.

    XLA gains next to nothing from a second core within a window that fits into the caches, and one that does not is
    slower still.
    """
    if jax.default_backend() != "cpu":
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_turn(fn: Callable[[_P], _T], parts: Sequence[_P], *, at_once: int = 1) -> Generator[tuple[_P, _T], None, None]:
    """The parts, in their order, each with what `fn` makes of it; `at_once` are computed while the caller has one.

    Each part is done with when the next is asked for. What `fn` raises is raised here.
    """
    waiting: deque[tuple[_P, Future[_T]]] = deque()
    on_part, pool = _listener.get(), ThreadPoolExecutor(at_once)
    left = iter(parts)
    try:
        for done in range(1, len(parts) + 1):
            for part in left:
                waiting.append((part, pool.submit(copy_context().run, fn, part)))
                if len(waiting) > at_once:
                    break
            part, made = waiting.popleft()
            yield part, made.result()
            if on_part is not None:
                on_part(done, len(parts))
    finally:
        pool.shutdown(cancel_futures=True)
