"""How to use the exported network: commands, Python, and how exactly each exported form agrees with the trained one."""

from typing import Any

from nasjax.report.html import Column, Html, join, note, table, tag
from nasjax.report.run import Run
from nasjax.report.units import count
from nasjax.report.values import mapping, number

_ONNX = """\
import numpy as np, onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession("{export}/model.onnx")
image = np.asarray(Image.open("in.png").convert("RGB"), np.float32)
x = image[None] / 127.5 - 1  # [1, height, width, 3] in [-1, 1]
(y,) = session.run(None, {{session.get_inputs()[0].name: x}})
out = ((y[0].clip(-1, 1) + 1) * 127.5).round().astype(np.uint8)
Image.fromarray(out).save("out.png")"""

_NASJAX = """\
import nasjax
from PIL import Image

model = nasjax.load_bundle("{export}")
nasjax.upscale(model, Image.open("in.png")).save("out.png")"""

_SHELL = """\
nasjax apply {export} in.png out.png"""

_STYLIZE_SHELL = """\
nasjax stylize content.jpg style.jpg out.jpg --network {network}"""

_STYLIZE = """\
import numpy as np
from PIL import Image

from nasjax.apply.stylize import StyleOptions, stylize

content, style = (np.asarray(Image.open(name).convert("RGB")) for name in ("content.jpg", "style.jpg"))
Image.fromarray(stylize(content, style, StyleOptions(network="{network}"))).save("out.jpg")"""


def usage_section(run: Run) -> Html:
    """Return commands and snippets; empty until the run folder has `export/` with something in it."""
    if run.manifest is None or not _present(run):
        return Html("")
    export = run.bundle.name
    if export == "network":
        named = [("In a shell, in the run folder", _STYLIZE_SHELL), ("Python", _STYLIZE)]
        return join([*(_code(name, source.format(network=export)) for name, source in named), _files(run)])
    files = set(_present(run))
    parts = [_code("In a shell, in the run folder", _SHELL.format(export=export))]
    if "model.onnx" in files:
        parts.append(_code("Python, with onnxruntime alone", _ONNX.format(export=export)))
    parts.append(_code("Python, with nasjax", _NASJAX.format(export=export)))
    return join([*parts, _files(run)])


def _present(run: Run) -> list[str]:
    return sorted(path.name for path in run.bundle.glob("*") if path.is_file())


def _code(name: str, source: str) -> Html:
    return tag(
        "div", {"class": "code named"}, tag("p", None, name), tag("pre", {"tabindex": "0"}, tag("code", None, source))
    )


def _files(run: Run) -> Html:
    manifest = run.manifest or {}
    entries = mapping(manifest.get("files"))
    rows = [[name, _size(run, name), *_parity(mapping(entries.get(name)))] for name in _present(run)]
    allowed = number(mapping(manifest.get("parity")).get("tolerance"))
    words = "Difference: the largest one between the output of a file and that of the network it was written from"
    limit = f"; allowed is {_scientific(allowed)} relative." if allowed is not None else "."
    head = [Column("File"), Column("Size", True), Column("Difference", True), Column("Relative", True)]
    return join([table("files", head, rows), note(words, limit)])


def _size(run: Run, name: str) -> str:
    try:
        return count((run.bundle / name).stat().st_size, "B")
    except OSError:
        return "–"


def _parity(entry: dict[str, Any]) -> list[str]:
    measured = mapping(entry.get("parity"))
    return [_scientific(number(measured.get(key))) for key in ("max_abs", "max_relative")]


def _scientific(value: float | None) -> str:
    if value is None:
        return "–"
    return "0" if value == 0 else f"{value:.1e}".replace("e-0", "e-").replace("-", "−")
