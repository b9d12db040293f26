"""Graphs of a stylising network beside its weights: StableHLO and ONNX, for images of any sizes."""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nasjax.export import parity
from nasjax.export.bundle import EXPORTERS, FORMATS
from nasjax.export.manifest import staged, verified, write_manifest
from nasjax.export.network import Function
from nasjax.export.onnx.model import OUTPUT, load_onnx, write_onnx_function
from nasjax.export.parity import Parity, Sample
from nasjax.export.stablehlo import load_stablehlo, write_stablehlo_function
from nasjax.export.style_function import METHOD, least_side, style_function
from nasjax.export.stylist import CARD, load_style_network
from nasjax.files import write_json

# (content [b, h, w, 3], style [b, i, j, 3], alpha []) -> [b, h, w, 3]
StyleFn = Callable[[Any, Any, Any], Any]


class _Format(NamedTuple):
    write: Callable[[Function, Path, Mapping[str, Any]], None]
    load: Callable[[Path], StyleFn]


_FORMATS: Mapping[str, _Format] = {
    "stablehlo": _Format(lambda function, path, card: write_stablehlo_function(function, path), load_stablehlo),
    "onnx": _Format(write_onnx_function, load_onnx),
}


def write_style_graphs(
    folder: str | os.PathLike[str],
    wanted: Sequence[Sample],
    *,
    output: str | os.PathLike[str] | None = None,
    smooth: bool = True,
    match: bool = True,
    formats: Sequence[str] = FORMATS,
) -> dict[str, Any]:
    """Add graphs to a network folder and return its new manifest.

    `wanted` are inputs `(content, style, alpha)` of `style_function` with this `smooth` and `match`, and what they must
    give.
    Every graph is read back and compared: a relative difference of more than 1e-4 raises ValueError and leaves the
    folder as it was. `output` receives the folder's content with the graphs (default: `folder` itself); `formats` are
    out of `stablehlo` and `onnx` (which needs the extra of that name). ValueError too for unknown formats, no samples,
    or what is no stylising network.
    """
    folder, target = Path(folder), Path(output or folder)
    _check(formats, wanted)
    if folder.resolve() in target.resolve().parents:
        raise ValueError(f"the output {target} lies inside of {folder}, which is copied; choose another folder")
    network, known = load_style_network(folder), verified(folder)["files"]
    function = style_function(network, smooth=smooth, match=match)
    with staged(target) as stage:
        # Contents only: a package may be installed read-only, and its copy is written to.
        shutil.copytree(folder, stage, dirs_exist_ok=True, copy_function=shutil.copyfile)
        interface = {**_interface(function, least_side(network)), "smooth": smooth, "match": match}
        card = {**network.card, "graph": interface}
        write_json(stage / CARD, card)
        parities = {name: entry["parity"] and Parity(**entry["parity"]) for name, entry in known.items()}
        for name in formats:
            parities[_file(name)] = _export(_FORMATS[name], function, stage / _file(name), card=card, wanted=wanted)
        return write_manifest(stage, parities)


def load_style_graph(folder: str | os.PathLike[str], format: str = "stablehlo") -> StyleFn:
    """A graph of a network folder as a function `(content, style, alpha) -> output`, as `style_function` describes it.

    StableHLO runs in JAX and compiles once for each pair of sizes; ONNX runs in onnxruntime on the CPU. Raises
    ValueError where the folder has no such graph, or a file is damaged.
    """
    _check([format])
    if _file(format) not in verified(Path(folder))["files"]:
        raise ValueError(f"{folder} has no {_file(format)}; `nasjax export {folder}` writes it")
    return _FORMATS[format].load(Path(folder) / _file(format))


def _export(
    how: _Format, function: Function, path: Path, *, card: Mapping[str, Any], wanted: Sequence[Sample]
) -> Parity:
    path.unlink(missing_ok=True)
    how.write(function, path, card)
    run = how.load(path)
    measured = parity.measure(lambda given: run(*given), wanted)
    parity.check(measured, path.name)
    return measured


def _interface(function: Function, least: int) -> dict[str, Any]:
    """What someone who only has the graph must know."""
    shapes = {name: [d if isinstance(d, int) else str(d) for d in shape] for name, shape in function.inputs.items()}
    return {
        "inputs": shapes,
        "output": {OUTPUT: shapes["content"]},
        "layout": "NHWC",
        "dtype": "float32",
        "value_range": [-1.0, 1.0],
        "colour_order": "RGB",
        "min_size": least,
        "method": METHOD,
        "tiling": {"whole": "statistics of both pictures are taken inside; `nasjax stylize` works on large pictures"},
    }


def _file(name: str) -> str:
    return EXPORTERS[name].file


def _check(formats: Sequence[str], wanted: Sequence[Sample] | None = None) -> None:
    if unknown := sorted(set(formats) - set(FORMATS)):
        raise ValueError(f"unknown export format {unknown[0]!r}; allowed: {', '.join(FORMATS)}")
    if wanted is not None and not wanted:
        raise ValueError("export of a stylising network: wanted needs a sample or more to compare the graphs with")
