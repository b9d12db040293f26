"""Pictures through the commands, from file to file: seconds, peak memory and pictures a second.

    python scripts/bench_apply.py [--megapixels 1 6 12 24 48] [--folder 200] [--bundle FOLDER]
        [--what apply attention stylize onnxruntime pillow small medium large] [--jpeg 90] [--work FOLDER] [--json]

apply        `nasjax apply` of a x4 network of the quick start's space: three residual blocks of 16 channels
attention    the same with channel attention, which takes the mean of the whole picture first
stylize      `nasjax stylize` with the shipped network
onnxruntime  the network of `apply` in onnxruntime, the picture as a whole; Pillow reads and writes
small, medium, large  `nasjax upscale --model`, with what is shipped
pillow       the picture is decoded and, enlarged without any arithmetic, encoded: the floor

Every row is a process of its own, a command that the user would type, starting of Python included; programs compiled by
earlier ones are kept, as they are for a user, so each command runs twice on a small picture first. Peak memory is the
largest resident set of the process. Pictures are embedded photographs, resized to 4:3 with the grain that photographs
have, as JPEG; the folder's have sides of 160 to 720 pixels. Without `--bundle` networks have random weights, which
does not change the time. Ratios to the time of `pillow` are of one run on one machine; times alone say little.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

UPSCALERS = ("small", "medium", "large")
WHAT = ("apply", "attention", "stylize", "onnxruntime", "pillow", *UPSCALERS)
SCALE = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, nargs="*", default=[1, 6, 12, 24, 48])
    parser.add_argument("--folder", type=int, default=200, help="pictures of mixed sizes; 0: no folder")
    parser.add_argument("--what", nargs="+", choices=WHAT, default=list(WHAT))
    parser.add_argument("--bundle", help="a x4 bundle with ONNX in place of random weights, for all but `attention`")
    parser.add_argument("--jpeg", type=int, default=90, help="quality of the inputs")
    parser.add_argument("--work", help="a folder for pictures, which are made once")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        plain(*args.child)
        return
    with tempfile.TemporaryDirectory() as temporary:
        rows = list(measure(args, Path(args.work or temporary)))
    if args.json:
        print(json.dumps(rows))


def measure(args: argparse.Namespace, work: Path) -> Iterator[dict[str, Any]]:
    """Every row of the table, told as it is measured; the floor first."""
    if not args.json:
        print("pictures        what          seconds   to pillow   pictures/s   peak MB", flush=True)
    for source in inputs(args, work):
        floor = float("nan")
        for what in sorted(args.what, key=lambda what: what != "pillow"):
            found = row(args, work, what, source)
            floor = found["seconds"] if what == "pillow" else floor
            if not args.json:
                print(told(found, floor), flush=True)
            yield found


def told(found: dict[str, Any], floor: float) -> str:
    """A line of the table."""
    speed, head = found["pictures"] / found["seconds"], f"{found['input']:<15} {found['what']:<12}"
    figures = f"{found['seconds']:9.1f} {found['seconds'] / floor:11.1f} {speed:12.2f} {found['mb']:9.0f}"
    return f"{head} {figures}" + (f" failed ({found['code']})" if found["code"] else "")


def inputs(args: argparse.Namespace, work: Path) -> list[Path]:
    """The pictures, or folders of them, that are not there yet are made."""
    rng, found = np.random.default_rng(0), []
    work.mkdir(parents=True, exist_ok=True)
    for megapixels in args.megapixels:
        path = work / f"{megapixels:g}MP.jpg"
        if not path.is_file():
            height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
            photograph((height, round(height * 4 / 3)), rng).save(path, quality=args.jpeg)
        found.append(path)
    folder = work / f"folder of {args.folder}"
    if args.folder and not folder.is_dir():
        folder.mkdir(parents=True)
        for i, (height, width) in enumerate(rng.integers(160, 721, (args.folder, 2)).tolist()):
            photograph((height, width), rng).save(folder / f"{i:03d}.jpg", quality=args.jpeg)
    return [*found, *([folder] if args.folder else [])]


def photograph(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """An embedded photograph of a (height, width), with grain of three levels."""
    from nasjax.data.embedded import embedded_photos

    photos = embedded_photos("test")
    image = Image.fromarray(photos[int(rng.integers(len(photos)))]["image"])
    pixels = np.array(image.resize((size[1], size[0]), Image.Resampling.BICUBIC))
    for row in pixels:  # one at a time: noise of a whole picture would be gigabytes
        row[...] = (row + rng.normal(0, 3, row.shape).astype(np.float32)).clip(0, 255)
    return Image.fromarray(pixels)


def row(args: argparse.Namespace, work: Path, what: str, source: Path) -> dict[str, Any]:
    """One command on one input, measured."""
    command = commands(args, work)[what]
    small = work / "small.jpg"
    if not small.is_file():
        photograph((96, 128), np.random.default_rng(1)).save(small, quality=args.jpeg)
    with tempfile.TemporaryDirectory(dir=work) as out:
        measured(command(small, Path(out) / "small.jpg"))
        measured(command(small, Path(out) / "again.jpg"))
        target = Path(out) / "out.jpg"
        if source.is_dir():
            target = Path(out) / "folder"
            target.mkdir()
        found = measured(command(source, target))
    number = len(list(source.iterdir())) if source.is_dir() else 1
    return {"input": source.stem, "what": what, "pictures": number, **found}


def commands(args: argparse.Namespace, work: Path) -> dict[str, Any]:
    """What is typed for an input and an output."""
    nasjax = [sys.executable, "-m", "nasjax.cli"]
    bundles = {name: work / f"bundle {name}" for name in ("none", "ca")}
    for name, folder in bundles.items():
        if not folder.is_dir():
            export(folder, name)
    bundle, style = str(args.bundle or bundles["none"]), work / "style.jpg"
    if not style.is_file():
        photograph((768, 1024), np.random.default_rng(2)).save(style, quality=args.jpeg)
    child = [sys.executable, __file__, "--child"]
    upscale = {
        name: lambda a, b, name=name: [*nasjax, "upscale", str(a), str(b), "--model", name] for name in UPSCALERS
    }
    return {
        "apply": lambda a, b: [*nasjax, "apply", bundle, str(a), str(b)],
        "attention": lambda a, b: [*nasjax, "apply", str(bundles["ca"]), str(a), str(b)],
        "stylize": lambda a, b: [*nasjax, "stylize", str(a), str(style), str(b)],
        "onnxruntime": lambda a, b: [*child, "onnxruntime", f"{bundle}/model.onnx", str(a), str(b)],
        "pillow": lambda a, b: [*child, "pillow", "", str(a), str(b)],
        **upscale,
    }


def export(folder: Path, attention: str) -> None:
    """A bundle of the quick start's space with random weights."""
    import jax

    from nasjax.export.bundle import write_bundle
    from nasjax.export.card import Card
    from nasjax.export.network import deployed
    from nasjax.spaces.sr_cell import sr_cell

    arguments = {"scale": SCALE, "blocks": 3, "trunk": [16], "inner": [16]}
    net = sr_cell(**arguments)
    arch = net.space.encode({f"b{i}": "res" for i in (1, 2, 3)} | {"att": attention, "image": "bicubic"})
    params = net.extract_params(net.init(jax.random.key(0)), arch)
    network = deployed(net, params, arch, builder=("sr_cell", arguments))
    write_bundle(folder, network, card=Card("bench"), formats=("onnx",))


# Between this process and the command: the memory that a process is said to have had begins with its parent's.
_SMALL = """import json, os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(json.dumps([usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)]))"""


def measured(command: list[str]) -> dict[str, Any]:
    """Seconds and the largest resident set of a command, and its exit code."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", _SMALL, *command], stdout=subprocess.PIPE, text=True, check=True)
    megabytes, code = json.loads(done.stdout)
    return {"seconds": time.perf_counter() - start, "mb": megabytes, "code": code}


def plain(kind: str, graph: str, source: str, target: str) -> None:
    """What a short script of a user's own does, in this process."""
    Image.MAX_IMAGE_PIXELS = None
    session = None
    if kind == "onnxruntime":
        import onnxruntime

        session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    folder = Path(source).is_dir()
    for path in sorted(Path(source).iterdir()) if folder else [Path(source)]:
        with Image.open(path) as file:
            image = file.convert("RGB")
        if session is None:
            image = image.resize((SCALE * image.width, SCALE * image.height), Image.Resampling.NEAREST)
        else:
            x = np.asarray(image, np.float32)[None] / 127.5 - 1
            y = np.asarray(session.run(None, {"image": x})[0])[0]
            image = Image.fromarray(np.round((y.clip(-1, 1) + 1) * 127.5).astype(np.uint8))
        image.save(Path(target) / path.name if folder else target, quality=95)


if __name__ == "__main__":
    main()
