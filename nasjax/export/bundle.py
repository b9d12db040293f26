"""Bundles: one folder with a network's weights, its graphs, a card, and a manifest with checksums and parities."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax

import nasjax
from nasjax.export import parity
from nasjax.export.card import Card, describe
from nasjax.export.filled import CARD, filled_in, refilled
from nasjax.export.forgetful import forgetful
from nasjax.export.manifest import staged, verified, write_manifest
from nasjax.export.network import Network, rebuild
from nasjax.export.onnx.model import load_onnx, write_onnx
from nasjax.export.onnx.split import SplitGraph, split_graph
from nasjax.export.stablehlo import load_stablehlo, write_stablehlo
from nasjax.export.trainable import write_trainable
from nasjax.export.weights import read_weights, write_weights
from nasjax.files import read_json, to_json, write_json
from nasjax.typing import Params

ARCH = "arch.json"


class Exporter(NamedTuple):
    """One file of a bundle: how it is written, and how it is read back as a function of an image batch."""

    file: str
    write: Callable[[Network, Path, Mapping[str, Any]], None]
    load: Callable[[Path, Network], Callable[[Any], Any]]
    num_samples: int | None = None  # how many inputs to compare on; None: all


def _write_weights(network: Network, path: Path, card: Mapping[str, Any]) -> None:
    write_weights(network.params, path, {"name": card["name"], "arch": str(network.description["arch"])})


def _load_weights(path: Path, network: Network) -> Callable[[Any], Any]:
    """The network as a loaded bundle builds it, so that its description is checked with its weights."""
    known = network.description["builder"] is not None
    fn, params = jax.jit(rebuild(network.description) if known else network.apply), read_weights(path)
    return lambda x: fn(params, x)


EXPORTERS: Mapping[str, Exporter] = {
    "safetensors": Exporter(
        # The same code with weights from the file: one input tells, and each costs a compilation.
        "model.safetensors",
        _write_weights,
        _load_weights,
        num_samples=1,
    ),
    "stablehlo": Exporter(
        "model.stablehlo",
        lambda network, path, card: write_stablehlo(network, path),
        lambda path, network: load_stablehlo(path),
    ),
    "onnx": Exporter("model.onnx", write_onnx, lambda path, network: load_onnx(path)),
}
FORMATS = ("stablehlo", "onnx")
_RUNTIMES = ("jax", "onnx")


class Bundle(NamedTuple):
    """A loaded bundle: `apply(x)` maps float32 `[b, h, w, c]` in [-1, 1] to the network's output.

    `card` is the content of `card.json`, `arch` the arch's text form. `apply` compiles once for each distinct shape, of
    which it keeps the last few. `forward(params, x)` is the same as code, where there is code for it: what is run in
    windows (`nasjax.upscale`); `identity` tells one such function from another. `split` is an ONNX graph in parts,
    where it takes statistics of the whole picture.
    """

    apply: Callable[[Any], Any]
    card: Mapping[str, Any]
    arch: str
    params: Params
    forward: Callable[[Params, Any], Any] | None = None
    identity: str = ""
    split: SplitGraph | None = None

    def __repr__(self) -> str:
        params = sum(x.size for x in jax.tree.leaves(self.params))
        return f"Bundle({self.card.get('name')}: {self.arch}, {params:,} params)"


def write_bundle(
    folder: str | os.PathLike[str], network: Network, *, card: Card, formats: Sequence[str] = FORMATS
) -> dict[str, Any]:
    """Write the network as a bundle and return its manifest.

    The weights are always written; `formats` are graphs beside them, out of `stablehlo` and `onnx` (which needs the
    extra of that name). Every file is read back and compared with the network at several sizes: a difference of more
    than 1e-4 relative raises ValueError and leaves no file behind. A bundle that was at `folder` is replaced; what was
    filled in on its card (`fill_in`) stays.
    """
    _check_formats(network, formats)
    with staged(Path(folder)) as stage:
        content = refilled(describe(card, network), filled_in(Path(folder)))
        write_json(stage / CARD, content)
        write_json(stage / ARCH, network.description)
        wanted = parity.samples(network)
        measured = {
            EXPORTERS[name].file: _export(EXPORTERS[name], network, stage, content, wanted)
            for name in ("safetensors", *formats)
        }
        files = {CARD: None, ARCH: None, **measured, **write_trainable(network, stage)}
        return write_manifest(stage, files, parity.Probe.of(wanted[0]))


def load_bundle(folder: str | os.PathLike[str], *, runtime: str = "jax") -> Bundle:
    """Load a bundle after checking all its files.

    `runtime` is what computes: "jax", or "onnx" for onnxruntime on the CPU, which needs the extra of that name. Raises
    ValueError when the folder is no bundle, a file is missing or damaged, or the runtime is unknown or has no graph
    there. With "jax" neither the ONNX packages nor any training code are needed.
    """
    if runtime not in _RUNTIMES:
        raise ValueError(f"unknown runtime {runtime!r}; allowed: {', '.join(_RUNTIMES)}")
    folder = Path(folder)
    manifest = verified(folder)
    card, description = read_json(folder / CARD), read_json(folder / ARCH)
    params = read_weights(folder / EXPORTERS["safetensors"].file)
    if runtime == "onnx":
        if (onnx := EXPORTERS["onnx"].file) not in manifest["files"]:
            raise ValueError(f"bundle {folder} has no {onnx}: export it again with the format onnx")
        split = split_graph(folder / onnx, card.get("tiling", {}).get("passes"))
        return Bundle(load_onnx(folder / onnx), card, description["arch"], params, split=split)
    if description["builder"] is not None and (forward := _rebuilt(description, card, manifest, params)) is not None:
        run = forgetful(jax.jit(forward))
        return Bundle(lambda x: run(params, x), card, description["arch"], params, forward, to_json(description))
    graph = EXPORTERS["stablehlo"].file
    if graph not in manifest["files"]:
        raise ValueError(
            f"bundle {folder} was made by nasjax {card['nasjax']} without {graph}, and this is {nasjax.__version__}: "
            "load it with that version, or export it again"
        )
    return Bundle(load_stablehlo(folder / graph), card, description["arch"], params)


def _rebuilt(
    description: Mapping[str, Any], card: Mapping[str, Any], manifest: Mapping[str, Any], params: Params
) -> Callable[[Params, Any], Any] | None:
    """The network as code, if that builds what was exported: code of another version must show it by the probe."""
    if card["nasjax"] == nasjax.__version__:
        return rebuild(description)
    if "probe" not in manifest:
        return None
    try:
        forward = rebuild(description)
        same = parity.Probe(**manifest["probe"]).known_by(lambda x: jax.jit(forward)(params, x))
    except Exception:  # whatever other code of that name makes of these params: the graph is what was checked
        return None
    return forward if same else None


def _export(
    exporter: Exporter, network: Network, stage: Path, card: Mapping[str, Any], wanted: list[parity.Sample]
) -> parity.Parity:
    path = stage / exporter.file
    exporter.write(network, path, card)
    measured = parity.measure(exporter.load(path, network), wanted[: exporter.num_samples])
    parity.check(measured, exporter.file)
    return measured


def _check_formats(network: Network, formats: Sequence[str]) -> None:
    if unknown := sorted(set(formats) - set(FORMATS)):
        raise ValueError(f"unknown export format {unknown[0]!r}; allowed: {', '.join(FORMATS)}")
    if "stablehlo" not in formats and network.description["builder"] is None:
        raise ValueError("a network of a space without a builder is served from its graph: formats needs 'stablehlo'")
