"""How far the work on one picture is: whoever listens is told of each window that is done with."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import TypeAlias, TypeVar

# (windows done, of so many) in a pass over a picture; a picture may take several
OnPart: TypeAlias = Callable[[int, int], None]
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


def told(parts: Sequence[_T]) -> Iterator[_T]:
    """The parts, each of which is done with when the next is asked for."""
    on_part = _listener.get()
    for done, part in enumerate(parts, 1):
        yield part
        if on_part is not None:
            on_part(done, len(parts))
