"""How a library tells a person what it does: by lines, to a function that the caller may choose."""

import sys
from collections.abc import Callable, Sequence
from typing import TypeAlias

Say: TypeAlias = Callable[[str], None]


def to_stderr(text: str) -> None:
    """Print a line beside a program's own output."""
    print(text, file=sys.stderr, flush=True)


def sizes(shape: Sequence[int]) -> str:
    """A shape in words: (3, 3, 16) -> `3x3x16`."""
    return "x".join(map(str, shape)) or "one number"


def clock(seconds: float) -> str:
    """A length of time as a clock shows it: 65 -> 1:05, 3665 -> 1:01:05."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def silent(text: str) -> None:
    """Say nothing."""


def told(say: Say | None) -> Say:
    """The function itself; for None `silent`."""
    return silent if say is None else say
