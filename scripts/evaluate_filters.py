"""Scores the corrections on held-out photographs whose truth is known: the input, classical methods, the filter.

    python scripts/evaluate_filters.py [NAME ...] [--models FOLDER] [--pictures N] [--sheet sheet.png]

Pictures: the embedded photographs of the test split, halved, each degraded once as its name decides
(`nasjax.data.degrade`). PSNR and SSIM over RGB of 8 bits, CIEDE2000, LPIPS by AlexNet (extra `perceptual`; left out
without it). Classical methods: several a correction (`scripts/classical.py`, extra `bench`), so that the filter is
compared with the best of them, whichever that is; the best of each column is marked. Prints Markdown; a correction
without a bundle in `--models` has its classical methods alone. `--sheet` is a contact sheet, whose classical method is
the one of the highest PSNR.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from classical import Method, methods
from PIL import Image

import nasjax
from nasjax.apply.filtering import SHIPPED, load_filter
from nasjax.data import open_source
from nasjax.metrics.lpips import lpips
from nasjax.nets.trunks import alexnet, load_trunk
from nasjax.systems.photo_filter.pictures import floats, likeness

KINDS = {
    "dejpeg": "jpeg", "deblur": "blur", "dehaze": "haze", "exposure": "exposure", "whitebalance": "whitebalance",
}  # fmt: skip
DIGITS = {"psnr": 2, "ssim": 4, "ciede2000": 2, "lpips": 4}


def main() -> None:
    """A table of all corrections."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(KINDS), metavar="NAME", help=", ".join(KINDS))
    parser.add_argument("--models", type=Path, default=SHIPPED, help="a folder with a bundle of each name")
    parser.add_argument("--pictures", type=int, default=1000, metavar="N", help="the first N pictures only")
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    perceptual, sheet = _lpips(), []
    print("| correction | method | PSNR, dB | SSIM | CIEDE2000 | LPIPS |\n|---|---|---:|---:|---:|---:|")
    for name in args.names:
        scores, made = {}, {}
        for method, fn in methods_of(name, args.models).items():
            scores[method], made[method] = score(name, fn, perceptual, args.pictures)
        print("\n".join(table_rows(name, scores)), flush=True)
        best = max((m for m in scores if m not in ("input", "filter")), key=lambda m: scores[m]["psnr"])
        sheet.append([made[method] for method in ("input", best, "filter") if method in made])
    if args.sheet:
        write_sheet(args.sheet, args.names, sheet)


def methods_of(name: str, models: Path) -> dict[str, Method]:
    """What is compared: the input, classical methods, and the filter where there is a bundle of it."""
    found: dict[str, Method] = {"input": lambda x: x, **methods()[name]}
    if (models / name).is_dir():
        loaded = load_filter(models / name)
        found["filter"] = lambda x: nasjax.filter_image(x, loaded)
    else:
        print(f"{models / name}: there is no such bundle; only classical methods are scored", file=sys.stderr)
    return found


def table_rows(name: str, scores: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Lines of Markdown; the best of each column in bold."""
    best = {key: (max if key in ("psnr", "ssim") else min)(row[key] for row in scores.values()) for key in DIGITS}
    lines = []
    for method, row in scores.items():
        cells = (f"{row[key]:.{digits}f}" for key, digits in DIGITS.items())
        marked = (f"**{c}**" if row[k] == best[k] else c for k, c in zip(DIGITS, cells, strict=True))
        lines.append(f"| {name} | {method} | {' | '.join(marked)} |")
    return lines


def score(name: str, fn: Method, perceptual: Callable[..., float], most: int):
    """Means over the first pictures of the test split, and what became of each."""
    pairs, values, made = open_source(f"degraded:{KINDS[name]}:embedded", "test"), [], []
    for i in range(min(most, len(pairs))):
        pair = pairs[i]
        made.append(fn(pair["input"]))
        y, target = floats(made[-1]), floats(pair["target"])
        row = {key: float(value[0]) for key, value in likeness(y, target).items()}
        values.append({**row, "lpips": perceptual(y, target)})
    return {key: float(np.mean([row[key] for row in values])) for key in DIGITS}, made


def write_sheet(path: Path, names: Sequence[str], rows: Sequence[list[list[np.ndarray]]]) -> None:
    """Up to three pictures a correction: input, classical method, filter and truth side by side."""
    lines = []
    for name, columns in zip(names, rows, strict=True):
        pairs = open_source(f"degraded:{KINDS[name]}:embedded", "test")
        for i in [i for i in (1, 2, 6) if i < len(columns[0])]:
            without = (3 - len(columns)) * [columns[0][i]]  # where there is no filter
            pictures = [*(column[i] for column in columns), *without, pairs[i]["target"]]
            lines.append(np.concatenate([picture[:320, :400] for picture in pictures], 1))
    Image.fromarray(np.concatenate(lines)).save(path)


def _lpips() -> Callable[..., float]:
    try:
        _, params = load_trunk("alexnet")
    except ImportError as error:
        print(f"LPIPS is left out: {error}")
        return lambda y, target: float("nan")
    return lambda y, target: float(jnp.mean(lpips(alexnet().apply, params, y, target=target)))


if __name__ == "__main__":
    main()
