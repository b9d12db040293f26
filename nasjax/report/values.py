"""What a run folder says, read without trust: each function accepts anything and returns its type or nothing."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Measure(NamedTuple):
    """How a score or cost is written: label, unit, digits after the point (None: as a count), which way is better."""

    label: str
    unit: str = ""
    digits: int | None = None
    higher: bool = True


_LARGEST = 1e30
_MEASURES = {
    "psnr_y": Measure("Y\u2011PSNR", "dB", 2),
    "psnr": Measure("PSNR", "dB", 2),
    "ssim_y": Measure("Y\u2011SSIM", "", 4),
    "ssim": Measure("SSIM", "", 4),
    "lpips": Measure("LPIPS", "", 4, higher=False),
    "fid": Measure("FID", "", 2, higher=False),
    "kid": Measure("KID", "", 4, higher=False),
    "params": Measure("Parameters", higher=False),
    "macs": Measure("MACs", higher=False),
    "macs_torchprofile": Measure("MACs (torchprofile)", higher=False),
    "activations": Measure("Activations", higher=False),
    "bytes": Measure("Size", "B", higher=False),
    "latency_ms": Measure("Latency", "ms", 1, higher=False),
}


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


def is_cost(name: str) -> bool:
    """Tell whether a column is a cost of the network (less is better) and not a score of its pictures."""
    return name.split("_")[0] in {"params", "macs", "activations", "bytes", "latency"}


def measure(name: str) -> Measure:
    """Return how a quantity is written; an unknown name keeps its name and gets four digits."""
    if name in _MEASURES:
        return _MEASURES[name]
    return Measure(name, "", None if is_cost(name) else 4, higher=not is_cost(name))


def better_is_higher(results: Mapping[str, Any], name: str) -> bool:
    """Return the direction the run declares (one flag, or one a score), else the customary one of that score."""
    declared = results.get("higher_is_better")
    if isinstance(declared, Mapping):
        declared = declared.get(name)
    return declared if isinstance(declared, bool) else measure(name).higher
