"""The networks of `nasjax upscale` on the usual benchmarks, beside bicubic and published figures.

    python scripts/bench_upscalers.py SR_BENCH [--run runs/upscalers] [--models medium_x4 ...] [--sets set5 ...]
        [--sharpness 0.59 ...] [--degraded] [--json] [--sheet FILE]

SR_BENCH holds set5, set14 and bsd100, each with HR and, for x4, LR (MATLAB's bicubic); other scales are reduced from HR
by the same kernel. Y-PSNR and SSIM by the usual protocol: rounded to 8 bits, luma of 16 to 235, `scale` pixels cut off.
LPIPS v0.1 (AlexNet) of whole pictures, rounded to 8-bit RGB, nothing cut off; needs the extra `perceptual`. Last comes
how much pictures repeat themselves by the scale, which is what a pixel shuffle leaves (`nasjax.losses.repetition`;
real pictures have about 1). Without `--run`, what comes with the package is measured; with it, the last rounds of a
training. `--sharpness`: also what the package has between fidelity (0) and perceptual weights (1). `--degraded`: low
resolution after blur, noise and JPEG, as `medium-real` learns from, drawn from the place of a picture in its set.
`--sheet` draws a detail of each picture of set14: bicubic, the fidelity weights, the perceptual ones, the truth.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image
from train_perceptual import FIDELITY, NAME, sharpest
from train_upscalers import MODELS, Model, trained

from nasjax.apply.levels import to_levels
from nasjax.apply.upscalers import load_upscaler, upscalers
from nasjax.data import folder
from nasjax.data.evaluation import EvalImage, eval_images
from nasjax.losses import repetition
from nasjax.metrics.image import sr_protocol
from nasjax.nets.trunks import load_trunk
from nasjax.shown import squares
from nasjax.systems.perceptual.score import Eye, tested
from nasjax.systems.super_resolution.pictures import bicubic
from nasjax.tasks.degradation import practical
from nasjax.typing import Params

SETS = {"set5": "Set5", "set14": "Set14", "bsd100": "B100"}
NAMES = [*MODELS, NAME]
# x4 as their papers have it, or as their released weights measure by our protocol: parameters, Y-PSNR, LPIPS.
PUBLISHED = {
    "FSRCNN": (12_000, (30.70, 27.59, 26.96), None),
    "TPSR without GAN": (61_100, (31.10, 27.95, 27.16), (0.1986, 0.3118, 0.4078)),
    "TPSR-D2": (61_100, (29.60, 26.88, 26.24), (0.1207, 0.2185, 0.2835)),
    "TPSR, ESRGAN's discriminator": (61_100, (29.51, 26.78, 26.05), (0.1262, 0.2148, 0.2662)),
    "SPAN": (150_700, (31.75, 28.40, 27.45), None),
    "VapSR-S": (155_000, (32.14, 28.64, 27.60), None),
}
DETAIL, ENLARGED, GAP = 112, 2, 6  # of a sheet, pixels

Predict = Callable[[Any], Any]


class Scores(NamedTuple):
    """Means over a set."""

    psnr: float
    ssim: float
    lpips: float
    num: int
    protocol: str
    repetition: float

    def said(self, field: str) -> str:
        """How one of them was measured."""
        how = "v0.1 (AlexNet), 8-bit RGB, not cropped" if field == "lpips" else self.protocol
        return f"{self.num} pictures; {how}"


def images(bench: Path, data: str, scale: int, *, degraded: bool = False) -> list[EvalImage]:
    """A set's pictures; for x4 with the low resolution that comes with it."""
    found = _clean(bench, data, scale)
    return [picture._replace(lr=_spoilt(picture.lr, i)) for i, picture in enumerate(found)] if degraded else found


def _spoilt(low: np.ndarray, seed: int) -> np.ndarray:
    x = jnp.asarray(low, jnp.float32)[None] / 127.5 - 1
    return to_levels(np.asarray(practical(jax.random.key(seed), x))[0], deep=False)


def _clean(bench: Path, data: str, scale: int) -> list[EvalImage]:
    high = folder(bench / data / "HR", "fail")
    if scale != 4 or not (bench / data / "LR").is_dir():
        return eval_images(high, scale)
    low = folder(bench / data / "LR", "fail")
    pairs = [(high.name(i), high[i]["image"], low[i]["image"]) for i in range(len(high))]
    return [EvalImage(name, hr[: scale * lr.shape[0], : scale * lr.shape[1]], lr) for name, hr, lr in pairs]


def score(
    predict: Predict, scale: int, bench: Path, sets: Sequence[str] = tuple(SETS), *, degraded: bool = False
) -> dict[str, Scores]:
    """Means over each set of a function of one low-resolution image `[1, h, w, 3]` in [-1, 1]."""
    found, eye = {}, Eye(*load_trunk("alexnet"))
    for data in sets:
        pictures = images(bench, data, scale, degraded=degraded)
        means = tested(predict, pictures, scale, eye=eye).values
        lows = [jnp.asarray(picture.lr, jnp.float32)[None] / 127.5 - 1 for picture in pictures]
        grid = float(np.mean([repeated(predict(low), scale) for low in lows]))
        num, protocol = len(pictures), str(sr_protocol(scale))
        found[data] = Scores(means["psnr_y"], means["ssim_y"], means["lpips"], num, protocol, grid)
    return found


def repeated(x: Any, scale: int) -> float:
    """The mean over windows of a picture `[1, h, w, 3]`."""
    return float(repetition(jnp.asarray(x), scale).mean())


def truth(scale: int, bench: Path, sets: Sequence[str]) -> str:
    """The line of the pictures themselves."""
    means = []
    for data in sets:
        highs = [jnp.asarray(picture.hr, jnp.float32)[None] / 127.5 - 1 for picture in images(bench, data, scale)]
        means.append(np.mean([repeated(high, scale) for high in highs]))
    return f"| the pictures themselves | x{scale} | - | {' | '.join(f'- / - / - / {mean:.2f}' for mean in means)} |"


def weights_of(name: str, run: Path) -> Params | None:
    """Those of a model's last finished round."""
    return sharpest(run) if name == NAME else trained(run, name)


def model_of(name: str) -> Model:
    """The network that a model's weights are of."""
    return MODELS[FIDELITY if name == NAME else name]


def networks(run: Path | None, names: Sequence[str]) -> dict[str, tuple[int, int, Predict]]:
    """Parameters, scale and function of each network that there is, by name."""
    if run is None:
        there = {f"{name}_x{scale}": (name, scale) for name, scales in upscalers().items() for scale in scales}
        loaded = {name: load_upscaler(*there[name]) for name in names if name in there}
        return {name: (b.card["params"], b.card["scale"], b.apply) for name, b in loaded.items()}
    found = {}
    for name in names:
        if (params := weights_of(name, run)) is not None:
            net, arch = model_of(name).network()
            small = net.deploy_params(params, arch)
            module = net.extract(arch, deployed=True)
            run_fn = jax.jit(lambda x, module=module, small=small: module.apply({"params": small}, x))
            found[name] = sum(p.size for p in jax.tree.leaves(small)), model_of(name).scale, run_fn
    return found


def table(
    scores: Mapping[str, tuple[int, int, dict[str, Scores]]], sets: Sequence[str], *, published: bool = True
) -> str:
    """Markdown: Y-PSNR / SSIM / LPIPS / repetition, networks by scale, published figures behind those of x4."""
    lines = [f"| network | scale | params | {' | '.join(SETS[s] for s in sets)} |", "|---" * (3 + len(sets)) + "|"]
    for name, (params, scale, found) in sorted(scores.items(), key=lambda item: (item[1][1], item[1][0])):
        cells = [f"{s.psnr:.2f} / {s.ssim:.4f} / {s.lpips:.4f} / {s.repetition:.2f}" for s in found.values()]
        lines.append(f"| {name} | x{scale} | {f'{params:,}' if params else '-'} | {' | '.join(cells)} |")
    places = [list(SETS).index(s) for s in sets]
    for name, (params, psnrs, distances) in PUBLISHED.items() if published else ():
        cells = [f"{psnrs[i]:.2f} / - / {f'{distances[i]:.4f}' if distances else '-'}" for i in places]
        lines.append(f"| {name} (published) | x4 | {params:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def sheet(path: Path, bench: Path, found: Mapping[str, tuple[int, int, Predict]]) -> None:
    """Draw set14: two pictures a row, of each the square that bicubic gets most wrong; ValueError if one is missing."""
    if missing := [name for name in (FIDELITY, NAME) if name not in found]:
        raise ValueError(f"--sheet: there is no {missing[0]}; found: {', '.join(found) or 'nothing'}")
    scale, pictures = MODELS[FIDELITY].scale, images(bench, "set14", MODELS[FIDELITY].scale)
    predicts = [bicubic(scale), found[FIDELITY][2], found[NAME][2]]
    side = DETAIL * ENLARGED
    columns = len(predicts) + 1
    width, height = 2 * columns * side + (2 * columns - 1) * GAP, -(-len(pictures) // 2) * (side + GAP) - GAP
    page = Image.new("RGB", (width, height), "white")
    for place, picture in enumerate(pictures):
        for column, detail in enumerate(_details(picture, predicts)):
            left, top = (place % 2 * columns + column) * (side + GAP), place // 2 * (side + GAP)
            page.paste(Image.fromarray(detail).resize((side, side), Image.Resampling.NEAREST), (left, top))
    page.save(path, quality=90)


def _details(picture: EvalImage, predicts: Sequence[Predict]) -> list[np.ndarray]:
    low = jnp.asarray(picture.lr, jnp.float32)[None] / 127.5 - 1
    made = [to_levels(np.asarray(predict(low))[0], deep=False) for predict in predicts]
    error = np.square(picture.hr.astype(np.float32) - made[0]).mean(-1)
    (left, top, *_), *_ = squares(error, DETAIL, 1)
    return [pixels[top : top + DETAIL, left : left + DETAIL] for pixels in (*made, picture.hr)]


def main() -> None:
    """Print the table, draw the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=Path)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--models", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=[*SETS])
    parser.add_argument("--sharpness", nargs="+", type=float, default=[])
    parser.add_argument("--degraded", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    found = networks(args.run, args.models)
    for sharpness in args.sharpness:
        between = load_upscaler("medium", MODELS[FIDELITY].scale, sharpness=sharpness)
        found[f"medium, sharpness {sharpness:g}"] = between.card["params"], between.card["scale"], between.apply
    if args.sheet:
        sheet(args.sheet, args.bench, found)
    found |= {f"bicubic x{scale}": (0, scale, bicubic(scale)) for scale in sorted({s for _, s, _ in found.values()})}
    scores = {
        name: (params, scale, score(fn, scale, args.bench, args.sets, degraded=args.degraded))
        for name, (params, scale, fn) in found.items()
    }
    if args.json:
        print(json.dumps(scores))
        return
    print(table(scores, args.sets, published=not args.degraded))
    print(*(truth(scale, args.bench, args.sets) for scale in sorted({s for _, s, _ in found.values()})), sep="\n")


if __name__ == "__main__":
    main()
