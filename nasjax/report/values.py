"""What a run folder says, read without trust: each function accepts anything and returns its type or nothing."""

from collections.abc import Mapping
from typing import Any

# Numbers of a run or of a drawing: whole where they were written so.
Real = int | float

_LARGEST = 1e30


def number(value: object) -> float | None:
    """Return a number, from a number or its text; None for booleans, what is not finite, and beyond ±1e30.

    Figures that large, or below 1e-30 (read as 0), are no quantities of a run, and charts could not scale them.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        read = float(value)
    except (ValueError, OverflowError):
        return None
    if not abs(read) <= _LARGEST:
        return None
    return read if abs(read) >= 1 / _LARGEST else 0.0


def text(value: object) -> str:
    """Return strings and numbers as text, and the empty string for everything else."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def mapping(value: object) -> dict[str, Any]:
    """Return a mapping with text keys, empty where `value` is none."""
    return {str(key): entry for key, entry in value.items()} if isinstance(value, Mapping) else {}


def records(value: object) -> list[dict[str, Any]]:
    """Return the mappings in a list, leaving out entries that are none."""
    return [mapping(entry) for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def strings(value: object) -> list[str]:
    """Return the texts in a list; a single text counts as a list of one."""
    entries = value if isinstance(value, list) else [value]
    return [written for written in map(text, entries) if written]
