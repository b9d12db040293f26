"""What the quantities of a run are called, how they are written, and which way is better."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Measure(NamedTuple):
    """How a score or cost is written: label, unit, digits after the point (None: as a count), which way is better.

    Differences below `noise` say nothing: so much the same training varies with its seed (0: not known).
    """

    label: str
    unit: str = ""
    digits: int | None = None
    higher: bool = True
    noise: float = 0.0


# A rule of thumb for short trainings of small networks; larger and longer ones vary less.
_NOISE_DB = 0.05
_MEASURES = {
    "psnr_y": Measure("Y\u2011PSNR", "dB", 2, noise=_NOISE_DB),
    "psnr": Measure("PSNR", "dB", 2, noise=_NOISE_DB),
    "ssim_y": Measure("Y\u2011SSIM", "", 4),
    "ssim": Measure("SSIM", "", 4),
    "lpips": Measure("LPIPS", "", 4, higher=False),
    "fid": Measure("FID", "", 2, higher=False),
    "kid": Measure("KID", "", 4, higher=False),
    "edge": Measure("Edge error", "", 4, higher=False),
    "style": Measure("Style distance", "", 4, higher=False),
    "edge+style": Measure("Edge + style", "", 4, higher=False),
    "teacher": Measure("To the teacher", "", 4, higher=False),
    "total": Measure("Total", "", 4, higher=False),
    "params": Measure("Parameters", higher=False),
    "macs": Measure("MACs", higher=False),
    "macs_torchprofile": Measure("MACs (torchprofile)", higher=False),
    "activations": Measure("Activations", higher=False),
    "bytes": Measure("Size", "B", higher=False),
    "hypervolume": Measure("hypervolume (last = 1)"),
    "best": Measure("best score"),
    "latency_ms": Measure("Latency", "ms", 1, higher=False),
}


def is_cost(name: str) -> bool:
    """Tell whether a column is a cost of the network (less is better) and not a score of its pictures."""
    return name.split("_")[0] in {"params", "macs", "activations", "bytes", "latency"}


def measure(name: str) -> Measure:
    """Return how a quantity is written; an unknown name keeps its name and gets four digits."""
    if name in _MEASURES:
        return _MEASURES[name]
    if name.startswith("val/"):
        shown = measure(name.removeprefix("val/"))
        return shown._replace(label=f"validation, {shown.label}")
    return Measure(name, "", None if is_cost(name) else 4, higher=not is_cost(name))


def better_is_higher(results: Mapping[str, Any], name: str) -> bool:
    """Return the direction the run declares (one flag, or one a score), else the customary one of that score."""
    declared = results.get("higher_is_better")
    if isinstance(declared, Mapping):
        declared = declared.get(name)
    return declared if isinstance(declared, bool) else measure(name).higher
