"""Memory that is free, and a refusal of what would not fit, before any work."""

from pathlib import Path

import psutil

_CGROUP = Path("/sys/fs/cgroup")


def check_memory(size: tuple[int, ...], needed: int | None, why: str) -> None:
    """Raises ValueError where `needed` bytes for a picture of (height, width) are more than are free.

    `why` says what makes them necessary. Where it is not known what is needed (None), nothing is refused.
    """
    free = free_memory()
    if needed is not None and needed > free:
        raise ValueError(
            f"a picture of {size[1]}x{size[0]} pixels needs about {needed / 1e9:.1f} GB at once, {free / 1e9:.1f} GB "
            f"are free: the network must see it as a whole ({why})"
        )


def free_memory() -> int:
    """Bytes that this process may still use, of the machine and of its control group."""
    free = psutil.virtual_memory().available
    limit, used = (_bytes_in(_CGROUP / name) for name in ("memory.max", "memory.current"))
    return free if limit is None or used is None else min(free, max(limit - used, 0))


def _bytes_in(file: Path) -> int | None:
    """The number that a control file holds; None where there is no file or no limit ("max")."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None
