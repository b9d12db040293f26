"""How to use the exported network: commands, Python, and how exactly each exported form agrees with the trained one."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nasjax.report.files import read_object
from nasjax.report.old import OLD_BUNDLE, OLD_USAGE
from nasjax.report.run import Run
from nasjax.report.tables import Cell, Column, Table
from nasjax.report.units import count
from nasjax.report.values import mapping, number, text

_ONNX = """\
import numpy as np, onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession("{bundle}/model.onnx")
image = np.asarray(Image.open("in.png").convert("{mode}"), np.float32)
x = image{index} / 127.5 - 1  # [1, height, width, {channels}] in [-1, 1]
(y,) = session.run(None, {{session.get_inputs()[0].name: x}})
out = ((y[0].clip(-1, 1) + 1) * 127.5).round().astype(np.uint8)
Image.fromarray(out.squeeze()).save("out.png")"""

_NASJAX = """\
import nasjax
from PIL import Image

model = nasjax.load_bundle("{bundle}")
nasjax.upscale(model, Image.open("in.png")).save("out.png")"""

_SHELL = "nasjax apply export in.png out.png"


class Usage(NamedTuple):
    """Snippets with their titles, the exported files, and the difference that is allowed between them."""

    snippets: Sequence[tuple[str, str]]
    files: Table
    allowed: str


def usage_view(run: Run) -> Usage | None:
    """Return commands and snippets; None until there is a bundle with something in it."""
    present = sorted(path.name for path in run.bundle.glob("*") if path.is_file())
    if run.manifest is None or not present:
        return None
    allowed = number(mapping(run.manifest.get("parity")).get("tolerance"))
    return Usage(_snippets(run, present), _files(run, present), "" if allowed is None else _scientific(allowed))


def _snippets(run: Run, present: Sequence[str]) -> list[tuple[str, str]]:
    """Return the command that the run itself names, and Python where the network maps one image to another."""
    if run.bundle.name == OLD_BUNDLE:
        return list(OLD_USAGE)
    said = text(run.results.get("use")) or _SHELL
    if not said.startswith("nasjax apply"):
        return [("In a shell", said)]
    channels = 1 if text(read_object(run.bundle / "card.json")[0].get("colour_order")).startswith("1 ") else 3
    index, mode = ("[None]", "RGB") if channels == 3 else ("[None, ..., None]", "L")
    named = {"bundle": run.bundle.name, "channels": channels, "index": index, "mode": mode}
    python = [("Python, with nasjax", _NASJAX)]
    python += [("Python, with onnxruntime alone", _ONNX)] if "model.onnx" in present else []
    return [("In a shell", said), *((title, source.format(**named)) for title, source in python)]


def _files(run: Run, present: Sequence[str]) -> Table:
    entries = mapping(mapping(run.manifest).get("files"))
    head = [Column("File"), Column("Size", True), Column("Difference", True), Column("Relative", True)]
    rows = [[name, _size(run, name), *_parity(mapping(entries.get(name)))] for name in present]
    return Table("files", head, [[Cell(each) for each in row] for row in rows])


def _size(run: Run, name: str) -> str:
    try:
        return count((run.bundle / name).stat().st_size, "B")
    except OSError:
        return "–"


def _parity(entry: Mapping[str, Any]) -> list[str]:
    measured = mapping(entry.get("parity"))
    return [_scientific(number(measured.get(key))) for key in ("max_abs", "max_relative")]


def _scientific(value: float | None) -> str:
    if value is None:
        return "–"
    return "0" if value == 0 else f"{value:.1e}".replace("e-0", "e-").replace("-", "−")
