"""Compiled programs are kept from one command to the next: XLA takes seconds for what is then read in a moment."""

import os
import time
from pathlib import Path

_MOST_BYTES = 1 << 30
_LEAST_SECONDS = 0.1  # what compiles faster is not worth a file
_SECONDS = "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"
_OFF = ("0", "off", "no")
_LOOKED = ".looked"  # its time says when the folder was last brought down to its size
_LOOK_EVERY = 3600.0  # seconds: looking at thousands of files takes longer than many a command


def cache_folder() -> Path | None:
    """Where commands keep compiled programs; None where NASJAX_CACHE is "off".

    JAX_COMPILATION_CACHE_DIR decides if it is set, else it is in the user's cache folder (XDG_CACHE_HOME).
    """
    if os.environ.get("NASJAX_CACHE", "").lower() in _OFF:
        return None
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("JAX_COMPILATION_CACHE_DIR") or base / "nasjax" / "compiled")


def keep_compiled() -> Path | None:
    """Keep compiled programs on disk from here on, and return where; None where they are not kept.

    What was used longest ago is removed first, here and at most once an hour, down to 1 GiB: jax would look at every
    file whenever it writes one. A folder that cannot be written costs time, not the command. What compiles in a tenth
    of a second is not kept, unless JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS says otherwise.
    """
    import jax

    folder = cache_folder()
    if folder is None:
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _prune(folder)
    except OSError:
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    if _SECONDS not in os.environ:
        jax.config.update(_SECONDS.lower(), _LEAST_SECONDS)
    return folder


def _prune(folder: Path) -> None:
    looked = folder / _LOOKED
    if looked.is_file() and time.time() - looked.stat().st_mtime < _LOOK_EVERY:
        return
    looked.touch()
    stats = [(f.stat(), f) for f in folder.iterdir() if f != looked and f.is_file()]
    files = sorted((max(stat.st_atime, stat.st_mtime), stat.st_size, f) for stat, f in stats)  # reading is using
    over = sum(size for _, size, _ in files) - _MOST_BYTES
    for _, size, file in files:
        if over <= 0:
            break
        file.unlink(missing_ok=True)
        over -= size
