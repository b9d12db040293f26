"""Scores the corrections on held-out photographs whose truth is known: the input, a classical method, the filter.

    python scripts/evaluate_filters.py [NAME ...] [--models FOLDER] [--sheet sheet.png]

Pictures: the embedded photographs of the test split, halved, each degraded once as its name decides
(`nasjax.data.degrade`). PSNR and SSIM over RGB of 8 bits, CIEDE2000, LPIPS by AlexNet (extra `perceptual`; left out
without it). Classical methods: Pillow's autocontrast (exposure, haze), 3x3 median (JPEG) and unsharp mask (blur); grey
world in linear light (white balance). Prints Markdown; `--sheet` is a contact sheet of all of them.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from PIL import Image, ImageFilter, ImageOps

import nasjax
from nasjax.apply.filtering import SHIPPED, load_filter
from nasjax.data import open_source
from nasjax.data.degrade import from_light, to_light
from nasjax.metrics.lpips import lpips
from nasjax.nets.trunks import alexnet, load_trunk
from nasjax.systems.photo_filter.pictures import floats, likeness

KINDS = {
    "dejpeg": "jpeg", "deblur": "blur", "dehaze": "haze", "exposure": "exposure", "whitebalance": "whitebalance",
}  # fmt: skip
NAMES = ("psnr", "ssim", "ciede2000", "lpips")


def grey_world(pixels: np.ndarray) -> np.ndarray:
    """Gains of linear light that make its mean grey."""
    light = to_light(pixels.astype(np.float32) / 255)
    mean = light.mean((0, 1))
    return np.round(from_light(light * (mean.mean() / mean)) * 255).astype(np.uint8)


def by_pillow(change: Callable[[Image.Image], Image.Image]) -> Callable[[np.ndarray], np.ndarray]:
    """A change of Pillow pictures, of arrays."""
    return lambda pixels: np.asarray(change(Image.fromarray(pixels)))


CLASSICAL = {
    "dejpeg": ("3x3 median", by_pillow(lambda image: image.filter(ImageFilter.MedianFilter(3)))),
    "deblur": ("unsharp mask", by_pillow(lambda image: image.filter(ImageFilter.UnsharpMask(2, 150, 0)))),
    "dehaze": ("autocontrast", by_pillow(lambda image: ImageOps.autocontrast(image, cutoff=0.5))),
    "exposure": ("autocontrast", by_pillow(lambda image: ImageOps.autocontrast(image, cutoff=0.5))),
    "whitebalance": ("grey world", grey_world),
}


def main() -> None:
    """A table of all corrections."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(KINDS), metavar="NAME", help=", ".join(KINDS))
    parser.add_argument("--models", type=Path, default=SHIPPED, help="a folder with a bundle of each name")
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    perceptual, rows = _lpips(), []
    print("| correction | method | PSNR, dB | SSIM | CIEDE2000 | LPIPS |\n|---|---|---:|---:|---:|---:|")
    for name in args.names:
        found = load_filter(args.models / name)
        label, classical = CLASSICAL[name]
        methods = {"input": lambda x: x, label: classical, "filter": lambda x, f=found: nasjax.filter_image(x, f)}
        made = {}
        for method, fn in methods.items():
            scores, made[method] = score(name, fn, perceptual)
            psnr, ssim, colour, far = (scores[n] for n in NAMES)
            print(f"| {name} | {method} | {psnr:.2f} | {ssim:.4f} | {colour:.2f} | {far:.4f} |", flush=True)
        rows.append(made)
    if args.sheet:
        write_sheet(args.sheet, args.names, rows)


def score(name: str, fn: Callable[[np.ndarray], np.ndarray], perceptual) -> tuple[dict[str, float], list[np.ndarray]]:
    """Means over the test split, and the pictures."""
    pairs, values, made = open_source(f"degraded:{KINDS[name]}:embedded", "test"), [], []
    for i in range(len(pairs)):
        pair = pairs[i]
        made.append(fn(pair["input"]))
        y, target = floats(made[-1]), floats(pair["target"])
        row = {key: float(value[0]) for key, value in likeness(y, target).items()}
        values.append({**row, "lpips": perceptual(y, target)})
    return {key: float(np.mean([row[key] for row in values])) for key in NAMES}, made


def write_sheet(path: Path, names: list[str], rows: list[dict[str, list[np.ndarray]]]) -> None:
    """Three pictures a correction: input, classical method, filter and truth below one another."""
    blocks = []
    for name, made in zip(names, rows, strict=True):
        pairs = open_source(f"degraded:{KINDS[name]}:embedded", "test")
        columns = [*made.values(), [pairs[i]["target"] for i in range(len(pairs))]]
        lines = [np.concatenate([column[i][:320, :400] for column in columns], 1) for i in (1, 2, 6)]
        blocks += lines
    Image.fromarray(np.concatenate(blocks)).save(path)


def _lpips() -> Callable[..., float]:
    try:
        _, params = load_trunk("alexnet")
    except ImportError as error:
        print(f"LPIPS is left out: {error}")
        return lambda y, target: float("nan")
    return lambda y, target: float(jnp.mean(lpips(alexnet().apply, params, y, target=target)))


if __name__ == "__main__":
    main()
