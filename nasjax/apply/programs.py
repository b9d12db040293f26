"""Compiled programs kept on disk between processes, so that a command waits for the compiler once."""

import hashlib
import os
import platform
from pathlib import Path
from typing import Any

_VARIABLE = "NASJAX_PROGRAMS"  # a folder, or "off"
_MOST_BYTES = 512 << 20
_LEAST_SECONDS = 0.1  # what compiles faster is not worth a file


def keep_programs(folder: str | os.PathLike[str] | None = None) -> Path | None:
    """Keep the programs that this process compiles from now on, and use those of earlier ones; returns the folder.

    The folder is `folder`, or what the environment variable NASJAX_PROGRAMS names ("off": none), or one in the user's
    cache folder for this version of JAX and this processor; half a gigabyte at most is kept there. Where JAX was told
    a folder already (JAX_COMPILATION_CACHE_DIR), that is it. None where nothing is kept: it is off, or the folder
    cannot be written to, which only costs time. Source: the persistent compilation cache of JAX.
    """
    import jax

    config: Any = jax.config  # its flags are attributes made at run time
    named = os.environ.get(_VARIABLE, "") if folder is None else os.fspath(folder)
    if named == "off":
        return None
    path = Path(named or config.jax_compilation_cache_dir or _default_folder())
    try:
        path.mkdir(parents=True, exist_ok=True)
        _prune(path)
    except OSError:
        return None
    if not os.access(path, os.W_OK):
        return None
    _kept.append(path)
    if not config.jax_compilation_cache_dir:
        config.update("jax_compilation_cache_dir", str(path))
        config.update("jax_persistent_cache_min_compile_time_secs", _LEAST_SECONDS)
    return path


def kept_programs() -> Path | None:
    """The folder of `keep_programs`, where that was called and found one."""
    return _kept[-1] if _kept else None


_kept: list[Path] = []


def _default_folder() -> Path:
    import jaxlib

    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    machine = hashlib.blake2b(_processor().encode(), digest_size=4).hexdigest()
    return Path(base) / "nasjax" / "programs" / f"jaxlib-{jaxlib.__version__}-{machine}"


def _processor() -> str:
    """What a program may rely on: home folders are shared by machines that differ in it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.machine())


def _prune(folder: Path) -> None:
    """Removes the programs that were made first where there are too many."""
    found = [(path.stat(), path) for path in folder.iterdir() if path.is_file()]
    files = sorted((stat.st_mtime, stat.st_size, path) for stat, path in found)
    total = sum(size for _, size, _ in files)
    for _, size, path in files:
        if total <= _MOST_BYTES:
            return
        path.unlink(missing_ok=True)
        total -= size
