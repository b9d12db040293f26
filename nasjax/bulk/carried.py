"""Files and folders that travel with the work: what one machine has on its disk is there on all others."""

import atexit
import functools
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def carried(given: Path) -> Callable[[], Path]:
    """A file, or a folder of small files such as a bundle, read now; the function gives one like it on any machine."""
    paths = [given] if given.is_file() else [path for path in given.rglob("*") if path.is_file()]
    files = {path.relative_to(given).as_posix(): path.read_bytes() for path in paths}
    return functools.partial(_unpacked, given.name, files)


def _unpacked(name: str, files: dict[str, bytes]) -> Path:
    """There until this process ends."""
    above = tempfile.mkdtemp(prefix="nasjax-")
    atexit.register(shutil.rmtree, above, ignore_errors=True)
    for path, content in files.items():
        file = Path(above, name, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return Path(above, name)
