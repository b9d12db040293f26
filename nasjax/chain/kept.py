"""What is made once for all the phases of a run: tasks with their compiled steps, and programs that score."""

import collections
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, final

T = TypeVar("T")


@final
class Kept:
    """Calls `make` for a new key and keeps what it gave; of more than `most`, the one used longest ago goes.

    A key holds all that `make` depends on beside what never changes in a run (its `Problem`).
    """

    def __init__(self, most: int = 32):
        self._most = most
        self._made: collections.OrderedDict[Hashable, Any] = collections.OrderedDict()

    def __call__(self, key: Hashable, make: Callable[[], T]) -> T:
        if key not in self._made:
            self._made[key] = make()
            if len(self._made) > self._most:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return self._made[key]
