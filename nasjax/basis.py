"""What a result depends on, as JSON values: kept beside the result, compared before it is used again."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zlib import crc32

import jax
import numpy as np

_DIGEST = "#"
_ADDRESS = re.compile(r"0x[0-9a-f]+")  # where an object lies in memory is told by some of a program's lines


def fingerprint(tree: Any) -> str:
    """`#` and eight hexadecimal digits over paths, shapes, types and values of a tree of arrays, such as params."""
    crc = 0
    for path, leaf in sorted((jax.tree_util.keystr(p), x) for p, x in jax.tree.leaves_with_path(tree)):
        array = np.asarray(leaf)
        crc = crc32(array.tobytes(), crc32(f"{path} {array.dtype} {array.shape}".encode(), crc))
    return f"{_DIGEST}{crc:08x}"


def program_fingerprint(fn: Callable[..., Any], *args: Any, axes: Sequence[str] = ()) -> str:
    """The digest of what `fn(*args)` computes: of the traced program and of the arrays that it closes over.

    `args` may be shapes; `axes` are mesh axes that it may reduce over. Code that is written otherwise but traces to the
    same has the same digest. Versions of JAX and backends word programs differently, so compare what one of each said.
    """
    closed = jax.make_jaxpr(fn, axis_env=[(axis, 1) for axis in axes])(*args)
    text = _ADDRESS.sub("", str(closed)).encode()
    return fingerprint({"program": np.frombuffer(text, np.uint8), "constants": list(closed.consts)})


def differences(found: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, str]:
    """What both name and say otherwise, `{name: "was A, now B"}`, in the order of `now`.

    Of mappings, the entries that differ are told; of digests (`fingerprint`), only that they do. A name that only one
    of the two has says nothing: a record of an earlier version lacks what later ones keep.
    """
    said = {name: _said(found[name], value) for name, value in now.items() if name in found}
    return {name: text for name, text in said.items() if text}


def in_words(differ: Mapping[str, str]) -> str:
    """Differences in one line; of more than three, the first ones."""
    parts = [f"{name} {text}" for name, text in differ.items()]
    return "; ".join(parts[:3]) + (f"; and {len(parts) - 3} more" if len(parts) > 3 else "")


def _said(found: Any, now: Any) -> str:
    """How two JSON values differ; empty when they do not."""
    if isinstance(found, Mapping) and isinstance(now, Mapping):
        keys = dict.fromkeys([*now, *found])
        told = {key: _said(found.get(key), now.get(key)) for key in keys}
        return in_words({key: text for key, text in told.items() if text})
    found, now = _listed(found), _listed(now)
    if found == now:
        return ""
    digests = all(isinstance(value, str) and value.startswith(_DIGEST) for value in (found, now))
    return "differs" if digests else f"was {_short(found)}, now {_short(now)}"


def _listed(value: Any) -> Any:
    """Tuples as the lists that JSON makes of them."""
    return [_listed(item) for item in value] if isinstance(value, list | tuple) else value


def _short(value: Any) -> str:
    if value is None:
        return "absent"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value) or "nothing"
    return repr(value) if isinstance(value, str) else str(value)
