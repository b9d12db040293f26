"""Reference sets: features that are computed once and kept in a file, with the protocol that they were made by."""

import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nasjax.metrics.features import Moments, Rows, moments


class Statistics(NamedTuple):
    """What is known of a set of pictures: its features [n, d], their moments, and the protocol they were made by."""

    protocol: str
    features: Rows
    moments: Moments


def cached_statistics(path: str | Path, protocol: str, features_fn: Callable[[], Rows]) -> Statistics:
    """The statistics in the file `path`, made by `features_fn` and written there the first time.

    ValueError if the file is damaged or another kind of file, or was made by another protocol: say in `protocol` all
    that changes the features (network, resizing, which pictures, how many).
    """
    path = Path(path)
    if not path.is_file():
        features = features_fn()
        path.parent.mkdir(parents=True, exist_ok=True)
        # Beside it, then renamed: an interrupted run leaves no half of a reference that later runs would trust.
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
            np.savez(part, protocol=np.array(protocol), features=features)
        os.replace(part.name, path)
    made, features = _read(path)
    if made != protocol:
        raise ValueError(f"{path} holds statistics of {made!r}, not of {protocol!r}; remove it")
    return Statistics(protocol, features, moments(features))


def _read(path: Path) -> tuple[str, np.ndarray]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
            return str(saved["protocol"]), saved["features"]
    # Of a file that is cut short, an array alone, other arrays, something else altogether.
    except (zipfile.BadZipFile, EOFError, TypeError, AttributeError, KeyError, ValueError, OSError) as error:
        raise ValueError(f"{path} is damaged, or holds no statistics: remove it, or keep them elsewhere") from error
