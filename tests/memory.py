"""Programs are forgotten where they have become many: they live until the process ends, and would take gigabytes."""

from pathlib import Path

import jax

_MOST_MIB = 800  # with what is imported, about 400


def forget_programs() -> None:
    """Forget all programs if memory is short; what files share need not be made again for each."""
    if resident_mib() > _MOST_MIB:
        jax.clear_caches()


def resident_mib() -> int:
    """The memory that this process has now; more than enough where nobody says."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:  # no Linux
        return _MOST_MIB + 1
    return next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmRSS"))
