"""Settings whose annotation says what may be chosen: checked when they are made, not where they are first used."""

import functools
import types
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


def check_options(settings: Any, where: str) -> None:
    """Look at all `Literal` fields of a dataclass, and of dataclasses in it; `where` is what its user calls it.

    Raises ValueError naming the field, what it is and what is allowed.
    """
    for name, value, allowed in _chosen(settings, where):
        if value not in allowed:
            raise ValueError(f"{name}: unknown {value!r}; allowed: {', '.join(map(str, allowed))}")


def _chosen(value: Any, where: str, hint: Any = None) -> Iterator[tuple[str, Any, tuple[Any, ...]]]:
    """Every value that an annotation lists the options of: what it is called, itself, and the options."""
    if is_dataclass(value):
        hints = _hints(type(value))
        for field in fields(value):
            yield from _chosen(getattr(value, field.name), f"{where}.{field.name}", hints.get(field.name))
    elif isinstance(value, tuple):
        (inner, *_), several = get_args(hint) or (None,), get_origin(hint) is tuple
        for i, item in enumerate(value):
            yield from _chosen(item, f"{where}[{i}]", inner if several else None)
    elif get_origin(hint) is Literal:
        yield where, value, get_args(hint)
    elif get_origin(hint) in (Union, types.UnionType) and value is not None:
        literal = next((one for one in get_args(hint) if get_origin(one) is Literal), None)
        yield from _chosen(value, where, literal)


@functools.lru_cache(maxsize=256)
def _hints(kind: type) -> Mapping[str, Any]:
    try:
        return get_type_hints(kind)
    except NameError:  # a user's class may name what only type checkers import
        return {}
