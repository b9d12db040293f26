"""Parameters as safetensors: a flat file of named arrays, nothing executable."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from nasjax.files import whole_file
from nasjax.typing import Params

_JOIN = "/"
_METADATA = "__metadata__"  # of a file's header, as the format calls it


def flatten(params: Params) -> dict[str, np.ndarray]:
    """Nested params as `{"b1/res/a/w": array}`; raises ValueError for a name that contains the separator."""
    flat: dict[str, np.ndarray] = {}
    for name, value in params.items():
        if _JOIN in name:
            raise ValueError(f"the parameter name {name!r} contains {_JOIN!r}, which separates names in files")
        inner = flatten(value) if isinstance(value, Mapping) else {"": np.asarray(value)}
        flat |= {f"{name}{_JOIN}{rest}" if rest else name: array for rest, array in inner.items()}
    return flat


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `flatten`."""
    params: dict[str, Any] = {}
    for path, array in flat.items():
        *parents, name = path.split(_JOIN)
        inner = params
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[name] = array
    return params


def write_weights(params: Params, path: Path, metadata: Mapping[str, str]) -> None:
    """Write nested params under their flat names, in their own types, as a whole; `metadata` are strings."""
    # safetensors writes the memory as it lies: a transposed view would be stored in the wrong order.
    arrays = {name: np.ascontiguousarray(a).reshape(a.shape) for name, a in flatten(params).items()}
    with whole_file(path) as beside:
        save_file(arrays, beside, dict(metadata))
        _sort_metadata(beside)


def read_weights(path: Path) -> dict[str, Any]:
    """The nested params of a file, as JAX arrays. Raises ValueError naming a file that is broken."""
    try:
        found = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is broken, as a copy that was cut off is ({error})") from error
    # `jnp.asarray` would compile a program for each shape.
    return nest(jax.device_put(found))


def _sort_metadata(path: Path) -> None:
    """Put the metadata of a file in order: the library's differs from run to run, and checksums of files with it."""
    with path.open("r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        if _METADATA not in header:
            return
        header[_METADATA] = dict(sorted(header[_METADATA].items()))
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode().ljust(length)
        if len(text) == length:  # else the library words something otherwise, and its own order has to do
            file.seek(8)
            file.write(text)
