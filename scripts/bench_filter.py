"""How fast photo filters are on large pictures and on folders, by JAX and by onnxruntime.

    python scripts/bench_filter.py [--parts sizes folder] [--model NAME_OR_FOLDER ...] [--made "cube and grid" ...]
        [--sizes "1 MP" 2400x2400 ...] [--repeats 5] [--photos FOLDER] [--count 200]

Sizes: seconds and peak memory of one picture, levels in and levels out, without its file: by `nasjax` (in strips, as
every command does it) and by onnxruntime (the graph over the whole picture, as anybody would run it). "seconds" is the
median after a first call, which compiles ("first"). Folder: pictures a second over photographs, from JPEG to JPEG of
quality 95, by what `nasjax filter` runs, by a plain loop over onnxruntime, and by Pillow's decoding and encoding alone,
which is the floor; "start" is what imports and loading took before. Each figure has a process of its own, and its peak
is that process's (VmHWM, all libraries included). Pictures are enlarged embedded photographs; those of the folder are
the embedded ones too, over and over, unless `--photos` has a folder of larger ones, whose first `--count` are taken.

`--made` are networks of the space with random weights, whose values do not matter for their speed; without `--model`
and `--made` it is all filters that are shipped. Prints a line of JSON a figure; wants an idle machine.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import nasjax

SIZES = {"1 MP": (1000, 1000), "2400x2400": (2400, 2400), "6 MP": (2000, 3000), "2048x4096": (2048, 4096),
         "12 MP": (3000, 4000), "24 MP": (4000, 6000)}  # height, width  # fmt: skip
MADE = {
    "curves": {"colour": "curves"},
    "cube": {"colour": "mix9x8"},
    "cube and grid": {"colour": "mix9x8", "grid": "a16x8", "grid.guide": "mlp"},
    "bands": {"bands": "3"},
    "half-resolution branch": {"restore": "half4conv", "restore.w": "32"},
    "full-resolution branch": {"restore": "full2conv", "restore.w": "16"},
}
PHOTOS = Path(nasjax.__file__).parent / "data" / "photos"
RUNTIMES = ("nasjax", "onnxruntime")
JPEG: dict[str, Any] = {"quality": 95, "subsampling": 0}  # as nasjax.apply.formats has it


def main() -> None:
    """The parts that are asked for, each figure by a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=("sizes", "folder"), default=["sizes", "folder"])
    parser.add_argument("--model", nargs="*", default=[], metavar="NAME_OR_FOLDER")
    parser.add_argument("--made", nargs="*", choices=list(MADE), default=[])
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--photos", type=Path, help="a folder of photographs (default: the embedded ones)")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        task = json.loads(args.child)
        say({**task["row"], **CHILDREN[task["what"]](*task["with"])})
        return
    with tempfile.TemporaryDirectory() as place:
        models = bundles(args.model, args.made, Path(place))
        if "sizes" in args.parts:
            for name, folder, graph in models:
                for size in args.sizes:
                    for runtime, file in zip(RUNTIMES, (folder, graph), strict=True):
                        row = {"model": name, "size": size, "runtime": runtime}
                        in_a_process(row, f"size by {runtime}", str(file), SIZES[size], args.repeats)
        if "folder" in args.parts:
            photos = photographs(args.photos, args.count, Path(place, "photos"))
            in_a_process({"folder": args.count, "by": "decoding and encoding"}, "folder", "", str(photos), place)
            for name, folder, graph in models:
                for runtime, file in zip(RUNTIMES, (folder, graph), strict=True):
                    row = {"model": name, "folder": args.count, "by": runtime}
                    what = "folder by nasjax" if runtime == "nasjax" else "folder"
                    in_a_process(row, what, str(file), str(photos), place)


def say(row: dict[str, Any]) -> None:
    """One figure."""
    print(json.dumps(row), flush=True)


def in_a_process(row: dict[str, Any], what: str, *given: Any) -> None:
    """One of `CHILDREN`, whose figures are printed with the row."""
    task = json.dumps({"row": row, "what": what, "with": given})
    done = subprocess.run([sys.executable, __file__, "--child", task], stdout=subprocess.PIPE, text=True)
    print(done.stdout.strip() if done.returncode == 0 else json.dumps({**row, "failed": done.returncode}), flush=True)


def bundles(models: list[str], made: list[str], place: Path) -> list[tuple[str, Path, Path]]:
    """Name, bundle and ONNX graph of every network that is measured."""
    from build_browser_page import write_model

    from nasjax.apply.filtering import filter_folder, shipped_filters

    folders = [filter_folder(model) for model in models or ([] if made else shipped_filters())]
    folders += [make_bundle(name, place / name) for name in made]
    if not folders:
        raise SystemExit("no filter is shipped: name some by --model or --made")
    (place / "graphs").mkdir()
    named = {write_model(folder, place / "graphs"): folder for folder in folders}
    return [(name, folder, place / "graphs" / f"{name}.onnx") for name, folder in named.items()]


def make_bundle(name: str, folder: Path) -> Path:
    """A network of the space with random weights, as a bundle."""
    import jax

    from nasjax import Card, deployed, write_bundle
    from nasjax.spaces.photo_filter import photo_filter

    net = photo_filter()
    arch = net.space.encode(MADE[name])
    params = net.extract_params(net.init(jax.random.key(0)), arch)
    write_bundle(folder, deployed(net, params, arch, builder=("photo_filter", {})), card=Card(name), formats=())
    return folder


def photographs(given: Path | None, count: int, folder: Path) -> Path:
    """A folder of so many JPEGs: the first of those given, as they are, or the embedded ones again and again."""
    folder.mkdir()
    if given is None:
        sources = sorted(PHOTOS.glob("*.webp"))
    else:
        sources = sorted(path for path in given.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))[:count]
    if not sources or (given is not None and len(sources) < count):
        raise SystemExit(f"{given or PHOTOS}: {len(sources)} photographs, and {count} are needed")
    for i in range(count):
        source, target = sources[i % len(sources)], folder / f"{i:04d}.jpg"
        if given is None:
            Image.open(source).convert("RGB").save(target, **JPEG)
        else:
            target.symlink_to(source.absolute())
    return folder


def picture(height: int, width: int) -> np.ndarray:
    """An embedded photograph, enlarged."""
    with Image.open(sorted(PHOTOS.glob("*.webp"))[1]) as photo:
        return np.asarray(photo.convert("RGB").resize((width, height), Image.Resampling.BICUBIC))


def seconds(run: Callable[[], object], repeats: int) -> tuple[float, list[float]]:
    """The time of a first call, which compiles, and of `repeats` further ones, ascending."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return times[0], sorted(times[1:])


def size_by_nasjax(bundle: str, size: tuple[int, int], repeats: int) -> dict[str, Any]:
    """Strips, by JAX."""
    from nasjax.apply.filtering import load_filter

    found, pixels = load_filter(bundle), picture(*size)
    return timed(lambda: found.change(pixels, 1.0), repeats)


def size_by_onnxruntime(graph: str, size: tuple[int, int], repeats: int) -> dict[str, Any]:
    """The picture as a whole."""
    change, pixels = by_graph(graph), picture(*size)
    return timed(lambda: change(pixels), repeats)


def timed(run: Callable[[], object], repeats: int) -> dict[str, Any]:
    """Seconds, and the most memory that this process ever had."""
    before = peak_mb()
    first, times = seconds(run, repeats)
    row = {"seconds": round(times[len(times) // 2], 3), "best": round(times[0], 3), "first": round(first, 3)}
    return {**row, "peak_MB": peak_mb(), "before_MB": before}


def peak_mb() -> int:
    """Of this process since it began; what `getrusage` says may be its parent's, from before `exec`."""
    status = Path("/proc/self/status")
    if status.is_file():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def by_graph(graph: str) -> Callable[[np.ndarray], np.ndarray]:
    """Levels through an ONNX graph, as anybody would write it."""
    import onnxruntime

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def change(pixels: np.ndarray) -> np.ndarray:
        x = pixels[None].astype(np.float32) / np.float32(127.5) - np.float32(1)
        y = session.run(None, {name: x})[0][0]
        return ((y + 1) * 127.5).round().clip(0, 255).astype(np.uint8)

    return change


def folder_by_loop(graph: str, photos: str, place: str) -> dict[str, Any]:
    """One picture after the other through a graph; without one, through nothing."""
    begun = time.perf_counter()
    change = by_graph(graph) if graph else (lambda pixels: pixels)
    out, loaded = Path(tempfile.mkdtemp(dir=place)), time.perf_counter()
    paths = sorted(Path(photos).iterdir())
    for path in paths:
        with Image.open(path) as image:
            Image.fromarray(change(np.asarray(image.convert("RGB")))).save(out / path.name, **JPEG)
    return rate(len(paths), begun, loaded)


def folder_by_nasjax(bundle: str, photos: str, place: str) -> dict[str, Any]:
    """What `nasjax filter` runs."""
    begun = time.perf_counter()
    from nasjax.apply.files import picture_job
    from nasjax.apply.filter_files import filter_change
    from nasjax.apply.job import all_or_error, run_job
    from nasjax.apply.plan import FileOptions
    from nasjax.compiled import keep_compiled

    keep_compiled()
    change, loaded = filter_change(bundle, strength=1.0, wrap=False), time.perf_counter()
    job = picture_job(photos, tempfile.mkdtemp(dir=place), change, options=FileOptions())
    return rate(len(all_or_error(run_job(job))), begun, loaded)


def rate(count: int, begun: float, loaded: float) -> dict[str, Any]:
    """Pictures a second, from the moment at which the network was loaded."""
    took = time.perf_counter() - loaded
    row = {"pictures_per_s": round(count / took, 2), "seconds": round(took, 2), "start": round(loaded - begun, 2)}
    return {**row, "peak_MB": peak_mb()}


CHILDREN: dict[str, Callable[..., dict[str, Any]]] = {
    "size by nasjax": size_by_nasjax,
    "size by onnxruntime": size_by_onnxruntime,
    "folder": folder_by_loop,
    "folder by nasjax": folder_by_nasjax,
}


if __name__ == "__main__":
    main()
