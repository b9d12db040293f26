"""Scores the corrections on held-out photographs whose truth is known: the input, classical methods, the filter.

    python scripts/evaluate_filters.py [NAME ...] [--models FOLDER] [--most N] [--sheet sheet.png]
        [--pictures folder:PHOTOGRAPHS]

Pictures: the embedded photographs of the test split, halved, or all of another source's; each is degraded once as its
name decides (`nasjax.data.degrade`). PSNR and SSIM over RGB of 8 bits, CIEDE2000, LPIPS by AlexNet (extra `perceptual`;
left out without it). Classical methods: several a correction (`scripts/classical.py`, extra `bench`), so that the
filter is compared with the best of them, whichever that is; the best of each column is marked. Prints Markdown; a
correction without a bundle in `--models` has its classical methods alone. `--sheet` is a contact sheet, whose classical
method is the one of the highest PSNR.
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
from nasjax.data.degrade import Degraded
from nasjax.data.source import Cached
from nasjax.metrics.lpips import lpips
from nasjax.nets.trunks import alexnet, load_trunk
from nasjax.systems.photo_filter.pictures import floats, likeness

KINDS = {
    "dejpeg": "jpeg", "deblur": "blur", "dehaze": "haze", "exposure": "exposure", "whitebalance": "whitebalance",
}  # fmt: skip
_BYTES = 1 << 28  # of pictures that stay decoded
_SHOWN = (1, 2, 6)
DIGITS = {"psnr": 2, "ssim": 4, "ciede2000": 2, "lpips": 4}


def main() -> None:
    """A table of all corrections."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(KINDS), metavar="NAME", help=", ".join(KINDS))
    parser.add_argument("--models", type=Path, default=SHIPPED, help="a folder with a bundle of each name")
    parser.add_argument("--pictures", default="embedded", help="of data.source: what is degraded; all of a folder")
    parser.add_argument("--most", type=int, default=1000, metavar="N", help="the first N pictures only")
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    perceptual, sheet = _lpips(), []
    print("| correction | method | PSNR, dB | SSIM | CIEDE2000 | LPIPS |\n|---|---|---:|---:|---:|---:|")
    for name in args.names:
        pairs, scores, made = degraded(KINDS[name], 1, args.pictures), {}, {}
        for method, fn in methods_of(name, args.models).items():
            scores[method], made[method] = score(pairs, fn, perceptual, args.most)
        print("\n".join(table_rows(name, scores)), flush=True)
        best = max((m for m in scores if m not in ("input", "filter")), key=lambda m: scores[m]["psnr"])
        sheet.append((pairs, [made[method] for method in ("input", best, "filter") if method in made]))
    if args.sheet:
        write_sheet(args.sheet, sheet)


def degraded(kind: str, variants: int, pictures: str = "embedded") -> Degraded:
    """The test photographs, halved, or all of other pictures, each made worse in so many ways."""
    source = open_source(pictures, "test" if pictures == "embedded" else "all")
    return Degraded(Cached(source, _BYTES), kind, variants)


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


def score(pairs: Degraded, fn: Method, perceptual: Callable[..., float], most: int):
    """Means over the first pairs, and what became of those that a sheet shows."""
    values, made = [], {}
    for i in range(min(most, len(pairs))):
        pair = pairs[i]
        changed = fn(pair["input"])
        if i in _SHOWN:
            made[i] = changed
        y, target = floats(changed), floats(pair["target"])
        row = {key: float(value[0]) for key, value in likeness(y, target).items()}
        values.append({**row, "lpips": perceptual(y, target)})
    return {key: float(np.mean([row[key] for row in values])) for key in DIGITS}, made


def write_sheet(path: Path, rows: Sequence[tuple[Degraded, list[dict[int, np.ndarray]]]]) -> None:
    """Up to three pictures a correction: input, classical method, filter and truth side by side."""
    lines = []
    for pairs, columns in rows:
        for i in columns[0]:
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
