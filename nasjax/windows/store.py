"""Traced programs on disk: a process that finds one there need not trace the function again.

JAX's own cache keeps what the compiler made, and asks for the traced program to find it by; for large functions the
tracing takes longer than the rest. A program is kept under what it was made of: the function's identity, the shapes it
was traced for, the code of this package, and the version of JAX.
"""

import contextlib
import functools
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
from jax import export

_CODE = ("apply", "export", "linalg", "nets", "ops", "spaces", "supernet", "windows")


def kept_programs() -> Path | None:
    """Where traced programs are kept: beside the compiled ones, in the folder that JAX was told; None without one."""
    config: Any = jax.config  # its flags are attributes made at run time
    return Path(folder) if (folder := config.jax_compilation_cache_dir) else None


class Store(NamedTuple):
    """A folder of programs, and what a function is known by in it: texts that differ where the function does."""

    folder: Path
    identity: str

    def path(self, kind: str, given: Any) -> Path:
        """Where the program for arguments of these shapes is kept."""
        leaves, tree = jax.tree.flatten(given)
        shapes = [(tuple(leaf.shape), str(leaf.dtype)) for leaf in leaves]
        parts = (self.identity, kind, str(tree), str(shapes), jax.__version__, jax.default_backend(), _code_digest())
        return self.folder / f"{hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()}.program"

    def read(self, path: Path) -> export.Exported | None:
        """A program that was kept; None where there is none that this JAX can read."""
        try:
            content = path.read_bytes()
            os.utime(path)  # what was used longest ago is removed first
            return export.deserialize(bytearray(content))
        except Exception:  # flatbuffers and MLIR raise nearly every type there is on broken bytes
            return None

    def write(self, path: Path, content: bytes) -> None:
        """Keeps something, all or nothing; where that fails it is not kept."""
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(content)
            temporary.replace(path)


@functools.cache
def _code_digest() -> str:
    """Of the code that programs are made by."""
    package, total = Path(__file__).parents[1], hashlib.blake2b(digest_size=16)
    for path in _sources(package, _CODE):
        total.update(path.read_bytes())
    return total.hexdigest()


def _sources(package: Path, areas: Sequence[str]) -> list[Path]:
    return sorted(path for area in areas for path in (package / area).rglob("*.py"))
