"""Memory that is free, and why a picture that would not fit into it is refused, before any work."""

from pathlib import Path

import psutil

_CGROUP = Path("/sys/fs/cgroup")
_HELD = 12  # bytes a pixel of a picture that is being decoded: Pillow's four, and what is made of them


def refusal(size: tuple[int, ...], needed: int | None = 0, why: str = "") -> str:
    """Why a picture of (height, width) cannot be done: it and `needed` bytes are more than are free; else nothing.

    `why` says what makes them necessary. Where it is not known what is needed (None), nothing is refused.
    """
    if needed is None:
        return ""
    needed, free = needed + _HELD * size[0] * size[1], free_memory()
    if needed <= free:
        return ""
    because = f": the network must see it as a whole ({why})" if why else ""
    return (
        f"a picture of {size[1]}x{size[0]} pixels needs about {needed / 1e9:.1f} GB at once, {free / 1e9:.1f} GB are "
        f"free{because}"
    )


def free_memory() -> int:
    """Bytes that this process may still use, of the machine and of its control group."""
    free = psutil.virtual_memory().available
    limit, used = (_bytes_in(_CGROUP / name) for name in ("memory.max", "memory.current"))
    return free if limit is None or used is None else min(free, max(limit - used + _cached(), 0))


def _cached() -> int:
    """Bytes of files that the group's memory only holds for speed, and gives up when asked."""
    try:
        lines = (_CGROUP / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    names = ("active_file", "inactive_file")
    return sum(int(number) for name, number in map(str.split, lines) if name in names)


def _bytes_in(file: Path) -> int | None:
    """The number that a control file holds; None where there is no file or no limit ("max")."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None
