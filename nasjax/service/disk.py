"""The disk of a service: what is on it for good, and how one that is full is told from other failures."""

import errno
import os
import sqlite3
from pathlib import Path

FULL = "the disk of the service is full"


def is_full(error: BaseException) -> bool:
    """Whether something failed because there is no room: on the disk, by a quota, or for the table of jobs."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def sync(*paths: Path) -> None:
    """Wait until files, and the names in folders, would be there after a power cut; what is gone is passed over."""
    for path in filter(Path.exists, paths):
        folder = path.is_dir()
        if folder and os.name != "posix":  # others let no folder be opened
            continue
        handle = os.open(path, os.O_RDONLY if folder else os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
