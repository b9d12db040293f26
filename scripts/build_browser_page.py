"""Puts together the page that runs networks in the browser: `docs/in_browser`, onnxruntime-web, and filters to choose.

    python scripts/build_browser_page.py FOLDER [NAME_OR_FOLDER ...] [--ort node_modules/onnxruntime-web/dist]
    python -m http.server --directory FOLDER

FOLDER is made, and may be served by any web server as it is: nothing is loaded from elsewhere. NAME_OR_FOLDER are
filters that are shipped, bundles or runs; without any, all filters that are shipped. Their ONNX graphs and cards go to
FOLDER/models, their names to FOLDER/models.json, from which the page offers them. onnxruntime-web comes from npm
(`npm install --no-save onnxruntime-web`, which scripts/setup does). With FOLDER = site/in_browser the documentation
that `mkdocs build` wrote has the page.
"""

import argparse
import shutil
from pathlib import Path

from nasjax.apply.filtering import filter_folder, shipped_filters
from nasjax.export.bundle import load_bundle
from nasjax.export.network import Network
from nasjax.export.onnx.model import write_onnx
from nasjax.files import read_json, write_json

ROOT = Path(__file__).parents[1]
PAGE, ORT = ROOT / "docs" / "in_browser", ROOT / "node_modules" / "onnxruntime-web" / "dist"
RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")


def main() -> None:
    """The folder that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("models", nargs="*", default=shipped_filters(), metavar="NAME_OR_FOLDER")
    parser.add_argument(
        "--ort", type=Path, default=ORT, metavar="FOLDER", help="where the files of onnxruntime-web are"
    )
    args = parser.parse_args()
    build(args.folder, args.models, ort=args.ort)


def build(folder: Path, models: list[str], *, ort: Path = ORT) -> None:
    """Write page, runtime and models; ValueError where the runtime is missing or two models have one name."""
    if missing := [name for name in RUNTIME if not (ort / name).is_file()]:
        raise ValueError(f"{ort / missing[0]}: there is no such file; npm install --no-save onnxruntime-web, or --ort")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ort").mkdir(exist_ok=True)
    (folder / "models").mkdir(exist_ok=True)
    for source in PAGE.iterdir():
        shutil.copyfile(source, folder / source.name)
    for name in RUNTIME:
        shutil.copyfile(ort / name, folder / "ort" / name)
    names = [write_model(filter_folder(model), folder / "models") for model in models]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"two models are called {', '.join(sorted(twice))}")
    write_json(folder / "models.json", names)


def write_model(bundle: Path, folder: Path) -> str:
    """The graph of a bundle and what the page needs of its card; returns its name."""
    loaded = load_bundle(bundle)
    name = str(loaded.card["name"])
    if (bundle / "model.onnx").is_file():
        shutil.copyfile(bundle / "model.onnx", folder / f"{name}.onnx")
    elif loaded.forward is None:
        raise ValueError(f"{bundle}: a bundle of another version without model.onnx; export it again")
    else:
        sizes = {"size_multiple": int(loaded.card["size_multiple"]), "min_size": int(loaded.card["min_size"])}
        network = Network(loaded.forward, loaded.params, read_json(bundle / "arch.json"), **sizes)
        write_onnx(network, folder / f"{name}.onnx", {})
    write_json(folder / f"{name}.json", {key: loaded.card[key] for key in ("name", "size_multiple", "min_size")})
    return name


if __name__ == "__main__":
    main()
