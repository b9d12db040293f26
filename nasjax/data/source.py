"""What a data set is, and the wrappers that every data set can have: halved, cached, without its small images.

A source is a finite sequence of pictures under random access. `source[i]` is a dict of uint8 arrays [h, w, 3] under
"image", or under "input" and "target" for pairs, and the picture's "name".
"""

import dataclasses
import logging
import threading
from collections.abc import Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from nasjax.data.decode import halve

OnError = Literal["fail", "skip"]
_log = logging.getLogger(__name__)


@runtime_checkable
class Source(Protocol):
    """A sequence of pictures; `name` and `size` answer without decoding where the format allows."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> dict[str, Any]: ...

    def name(self, index: int) -> str:
        """What to call the picture in messages and tables."""
        ...

    def size(self, index: int) -> tuple[int, int]:
        """(height, width) of the picture, or of a pair's target."""
        ...


@dataclasses.dataclass(frozen=True)
class Subset:
    """The pictures of a source at some indices, in that order."""

    source: Source
    indices: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.source[self.indices[index]]

    def name(self, index: int) -> str:
        return self.source.name(self.indices[index])

    def size(self, index: int) -> tuple[int, int]:
        return self.source.size(self.indices[index])


@dataclasses.dataclass(frozen=True)
class Halved:
    """A source whose pictures are reduced to half their size (`nasjax.data.decode.halve`)."""

    source: Source

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {key: halve(x) if isinstance(x, np.ndarray) else x for key, x in self.source[index].items()}

    def name(self, index: int) -> str:
        return self.source.name(index)

    def size(self, index: int) -> tuple[int, int]:
        height, width = self.source.size(index)
        return height // 2, width // 2


@dataclasses.dataclass(frozen=True)
class Cached:
    """A source that keeps decoded pictures in memory until `max_bytes` are used, and the rest decodes each time.

    Nothing is ever evicted: under the uniform access of training every picture is as likely to be next, so that
    evicting would only trade one miss for another (and in epoch order, miss always).
    """

    source: Source
    max_bytes: int
    _kept: dict[int, dict[str, Any]] = dataclasses.field(default_factory=dict, repr=False)
    _used: list[int] = dataclasses.field(default_factory=lambda: [0], repr=False)
    _lock: threading.Lock = dataclasses.field(default_factory=threading.Lock, repr=False)

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> dict[str, Any]:
        if index in self._kept:
            return self._kept[index]
        element = self.source[index]
        with self._lock:
            # Two threads may have decoded the same picture: only the first of them counts.
            if index not in self._kept and self._used[0] + _num_bytes(element) <= self.max_bytes:
                self._used[0] += _num_bytes(element)
                self._kept[index] = element
        return element

    def name(self, index: int) -> str:
        return self.source.name(index)

    def size(self, index: int) -> tuple[int, int]:
        return self.source.size(index)

    @property
    def num_bytes(self) -> int:
        """Bytes of the pictures kept."""
        return self._used[0]


def at_least(source: Source, patch: int, on_small: OnError) -> Source:
    """The pictures of a source that hold a patch of `patch` x `patch` pixels.

    "fail": ValueError naming the smaller ones; "skip": leaves them out and logs how many. ValueError if none is left.
    """
    sizes = [source.size(i) for i in range(len(source))]
    small = [i for i, size in enumerate(sizes) if min(size) < patch]
    if not small:
        return source
    named = listed([f"{source.name(i)} ({sizes[i][0]}x{sizes[i][1]})" for i in small])
    if on_small == "fail" or len(small) == len(sizes):
        raise ValueError(
            f"{len(small)} of {len(sizes)} pictures are smaller than the patch of {patch}x{patch} pixels: {named}; "
            "use a smaller patch, or leave such pictures out: data.on_bad = 'skip' in a config, on_small='skip' here"
        )
    _log.warning("skipped %d of %d pictures smaller than %dx%d: %s", len(small), len(sizes), patch, patch, named)
    dropped = set(small)
    return Subset(source, tuple(i for i in range(len(sizes)) if i not in dropped))


def image_keys(element: dict[str, Any]) -> tuple[str, ...]:
    """The keys of an element that hold pictures."""
    return tuple(key for key, value in element.items() if isinstance(value, np.ndarray))


def listed(names: Sequence[str], most: int = 5) -> str:
    """Names for a message: the first few, and how many more."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _num_bytes(element: dict[str, Any]) -> int:
    return sum(value.nbytes for value in element.values() if isinstance(value, np.ndarray))
