"""Compiled functions that do not grow with every shape they have seen."""

from collections.abc import Callable
from typing import Any

_MOST = 16  # programs


def forgetful(fn: Any, most: int = _MOST) -> Callable[..., Any]:
    """A jitted function that drops its programs when there are `most` of them, and compiles again what is needed."""

    def call(*arrays: Any) -> Any:
        if fn._cache_size() >= most:
            fn.clear_cache()
        return fn(*arrays)

    return call
