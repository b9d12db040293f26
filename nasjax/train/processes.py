"""What several processes tell each other; one process alone exchanges nothing.

All processes must call `gather` at the same point of training: each waits for the others.
"""

import json
from typing import Any

import jax
import numpy as np


def is_first() -> bool:
    """Whether this process is the one that writes what all share."""
    return jax.process_index() == 0


def gather(value: Any) -> list[Any]:
    """The JSON values of all processes, in their order."""
    if jax.process_count() == 1:
        return [json.loads(json.dumps(value))]
    from jax.experimental import multihost_utils

    text = np.frombuffer(json.dumps(value).encode(), np.uint8)
    sizes = multihost_utils.process_allgather(np.array(text.size, np.int32))
    # Every width is a program: rounded up, a position that grows by a digit compiles nothing.
    rows = np.zeros(-(-int(sizes.max()) // 1024) * 1024, np.uint8)
    rows[: text.size] = text
    rows = multihost_utils.process_allgather(rows)
    return [json.loads(bytes(row[:size])) for row, size in zip(rows, sizes, strict=True)]
