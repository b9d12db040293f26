"""What is shipped of a style search: graphs, compared with what `nasjax stylize` makes of photographs."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nasjax.apply.levels import to_floats
from nasjax.apply.stylize import SHIPPED, StyleOptions, stylize
from nasjax.data.embedded import embedded_photos
from nasjax.export.bundle import FORMATS
from nasjax.export.network import host
from nasjax.export.parity import Sample
from nasjax.export.style_function import METHOD
from nasjax.export.style_graphs import write_style_graphs
from nasjax.export.stylist import ARCH
from nasjax.files import read_json

# Content, style and alpha: heights and widths that are no multiples, each image once taller and once wider. Two sizes
# in all, since each costs a compilation.
_SIZES = (((73, 98), (67, 50), 1.0), ((67, 50), (73, 98), 0.6))


def export_style_network(
    folder: str | os.PathLike[str] | None = None,
    output: str | os.PathLike[str] | None = None,
    *,
    smooth: bool = True,
    formats: Sequence[str] = FORMATS,
) -> dict[str, Any]:
    """Write the graphs of a stylising network and return the manifest of its folder.

    `folder` is a network folder, or a run folder that has one; None means the network that
    comes with the package, which needs an `output`: a folder for a copy with the graphs (default: the network's own).
    `smooth` as of `StyleOptions`: it is part of the graph. `formats` are out of `stablehlo` and `onnx`. Each graph must
    agree with `nasjax.stylize` to 1e-4 relative on embedded photographs of several sizes; otherwise ValueError, and
    nothing is written.
    """
    if folder is None and output is None:
        raise ValueError("export: the network of the package stays as it is; name a folder for the copy (--to FOLDER)")
    found = SHIPPED if folder is None else style_folder(Path(folder))
    if found is None:
        raise ValueError(f"{folder} holds no stylising network; a run has one when it is finished")
    with host():
        wanted = list(_samples(found, smooth))
    return write_style_graphs(found, wanted, output=output, smooth=smooth, formats=formats)


def style_folder(folder: Path) -> Path | None:
    """The stylising network that a folder is, or that a run left in `export/` or `network/`; None where none is."""
    for place in (folder, folder / "export", folder / "network"):
        file = place / ARCH
        if file.is_file() and (read_json(file).get("builder") or {}).get("name") == "photonet":
            return place
    return None


def _samples(network: Path, smooth: bool) -> Iterator[Sample]:
    photos = embedded_photos("test")
    for i, (ours, theirs, alpha) in enumerate(_SIZES):
        content, style = (_photo(photos[2 * i + k]["image"], size) for k, size in enumerate((ours, theirs)))
        options = StyleOptions(alpha=alpha, smooth=smooth, method=METHOD, network=network)
        y = stylize(content, style, options)
        yield Sample((content[None], style[None], np.array(alpha, np.float32)), y[None])


def _photo(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    height, width = size
    return to_floats(np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BOX)))
