"""Compiled programs are kept from one command to the next: XLA takes seconds for what is then read in a moment."""

import os
from pathlib import Path

_MOST_BYTES = 1 << 30
_LEAST_SECONDS = 0.1  # what compiles faster is not worth a file
_OFF = ("0", "off", "no")


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

    What was used longest ago is removed first, here and once, down to 1 GiB: jax would look at every file whenever it
    writes one. A folder that cannot be written costs time, not the command.
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
    jax.config.update("jax_persistent_cache_min_compile_time_secs", _LEAST_SECONDS)
    return folder


def _prune(folder: Path) -> None:
    files = sorted((f.stat().st_mtime, f.stat().st_size, f) for f in folder.iterdir() if f.is_file())
    over = sum(size for _, size, _ in files) - _MOST_BYTES
    for _, size, file in files:
        if over <= 0:
            break
        file.unlink(missing_ok=True)
        over -= size
