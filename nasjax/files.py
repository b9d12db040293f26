"""How files are written: whole or not at all, readable as the user's umask says, and JSON that every reader accepts."""

import contextlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str], *, durable: bool = True) -> Iterator[Path]:
    """A place beside `path` to write to; it becomes `path` when the block ends well, and vanishes when it does not.

    Readers see the old file or the new one, whole; the folder is made if need be. `durable` waits until it is on the
    disk, so that it is there after a power cut, too. Raises OSError naming `path`.
    """
    path = Path(path)
    beside = path.with_name(f".{path.name}.part")
    with _named(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Some writers make files that only their owner may read; a plain file tells what the umask grants.
            beside.write_bytes(b"")
            mode = beside.stat().st_mode & 0o777
            yield beside
            beside.chmod(mode)
            if durable:
                with beside.open("rb") as file:
                    os.fsync(file.fileno())
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)


def write_whole(path: str | os.PathLike[str], content: bytes, *, durable: bool = True) -> None:
    """Replace a file as a whole by these bytes (see `whole_file`)."""
    with whole_file(path, durable=durable) as beside:
        beside.write_bytes(content)


def write_json(path: str | os.PathLike[str], content: Any, *, indent: int | None = 1, durable: bool = True) -> None:
    """Replace a JSON file as a whole (see `whole_file` and `to_json`)."""
    write_whole(path, (to_json(content, indent=indent) + "\n").encode(), durable=durable)


def read_json(path: str | os.PathLike[str]) -> Any:
    """The content of a JSON file; raises ValueError naming the file when it is damaged, OSError when there is none."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not valid JSON ({error}); it is damaged, or no file of nasjax") from error


def append_json(path: str | os.PathLike[str], row: Mapping[str, Any]) -> None:
    """Add one JSON line in a single write, so that a killed process leaves whole lines (or one torn last line).

    A torn last line is closed first: it costs itself, not the line after it. Raises OSError naming `path`.
    """
    line = to_json(row).encode() + b"\n"
    with _named(Path(path)), open(path, "a+b") as file:
        if file.seek(0, os.SEEK_END) > 0:
            file.seek(-1, os.SEEK_END)
            line = line if file.read(1) == b"\n" else b"\n" + line
        file.write(line)


def to_json(content: Any, *, indent: int | None = None) -> str:
    """Strict JSON: numbers that are not finite are null, since JSON has no word for them.

    Mappings, sequences, numbers, arrays (of NumPy or JAX) and paths are taken; raises ValueError naming the place of
    anything else.
    """
    return json.dumps(_plain(content, ""), indent=indent, ensure_ascii=False, allow_nan=False)


def _plain(value: Any, place: str) -> Any:
    if hasattr(value, "tolist"):  # arrays and scalars of NumPy and JAX, which this module need not import
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item, f"{place}.{key}" if place else str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{place}[{i}]") for i, item in enumerate(value)]
    raise ValueError(f"JSON has no form for {place or 'this'}: {type(value).__name__} {value!r}")


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """A failure to write is told with the file's own name, not that of what is written beside it or none at all."""
    try:
        yield
    except OSError as error:
        if error.errno is None or str(path) in str(error):
            raise
        raise OSError(error.errno, f"{error.strerror} while writing {path}") from error
