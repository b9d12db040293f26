"""The networks of `nasjax upscale` on the usual benchmarks, beside bicubic and published figures.

    python scripts/bench_upscalers.py SR_BENCH [--run runs/upscalers] [--crop N] [--json]

SR_BENCH holds set5, set14 and bsd100, each with HR and, for x4, LR (MATLAB's bicubic); other scales are reduced from HR
by the same kernel. Y-PSNR and SSIM by the usual protocol: rounded to 8 bits, luma of 16 to 235, `scale` pixels cut off.
Without `--run`, what comes with the package is measured; with it, the last rounds of a training.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
from train_upscalers import MODELS, trained

from nasjax.apply.upscalers import load_upscaler, upscalers
from nasjax.data import folder
from nasjax.data.evaluation import EvalImage, eval_images
from nasjax.metrics.image import sr_protocol
from nasjax.systems.super_resolution.pictures import bicubic, tested

SETS = ("set5", "set14", "bsd100")
# Y-PSNR x4 as their papers or released weights have it, with parameters.
PUBLISHED = {
    "FSRCNN": (12_000, (30.70, 27.59, 26.96)),
    "TPSR without GAN": (61_100, (31.10, 27.95, 27.16)),
    "SPAN": (150_700, (31.75, 28.40, 27.45)),
    "VapSR-S": (155_000, (32.14, 28.64, 27.60)),
}


class Scores(NamedTuple):
    """Means over a set."""

    psnr: float
    ssim: float
    protocol: str


def images(bench: Path, data: str, scale: int) -> list[EvalImage]:
    """A set's pictures; for x4 with the low resolution that comes with it."""
    high = folder(bench / data / "HR", "fail")
    if scale != 4 or not (bench / data / "LR").is_dir():
        return eval_images(high, scale)
    low = folder(bench / data / "LR", "fail")
    pairs = [(high.name(i), high[i]["image"], low[i]["image"]) for i in range(len(high))]
    return [EvalImage(name, hr[: scale * lr.shape[0], : scale * lr.shape[1]], lr) for name, hr, lr in pairs]


def score(predict: Callable[[Any], Any], scale: int, bench: Path) -> dict[str, Scores]:
    """Means over each set of a function of one low-resolution image `[1, h, w, 3]` in [-1, 1]."""
    found = {}
    for data in SETS:
        pictures = images(bench, data, scale)
        means = tested(predict, pictures, scale).values
        found[data] = Scores(means["psnr_y"], means["ssim_y"], f"{len(pictures)} pictures; {sr_protocol(scale)}")
    return found


def networks(run: Path | None) -> dict[str, tuple[int, int, Callable[[Any], Any]]]:
    """Parameters, scale and function of each network by name."""
    if run is None:
        pairs = [(name, scale) for name, scales in upscalers().items() for scale in scales]
        loaded = {f"{name}_x{scale}": load_upscaler(name, scale) for name, scale in pairs}
        return {name: (b.card["params"], b.card["scale"], b.apply) for name, b in loaded.items()}
    found = {}
    for name, model in MODELS.items():
        if (params := trained(run, name)) is not None:
            net, arch = model.network()
            small = net.deploy_params(params, arch)
            module = net.extract(arch, deployed=True)
            run_fn = jax.jit(lambda x, module=module, small=small: module.apply({"params": small}, x))
            found[name] = sum(p.size for p in jax.tree.leaves(small)), model.scale, run_fn
    return found


def table(scores: dict[str, tuple[int, int, dict[str, Scores]]]) -> str:
    """Markdown: networks of one scale together, published figures behind those of x4."""
    lines = ["| network | scale | params | Set5 | Set14 | B100 |", "|---|---|---|---|---|---|"]
    for name, (params, scale, found) in sorted(scores.items(), key=lambda item: (item[1][1], item[1][0])):
        cells = [f"{s.psnr:.2f} / {s.ssim:.4f}" for s in found.values()]
        lines.append(f"| {name} | x{scale} | {f'{params:,}' if params else '-'} | {' | '.join(cells)} |")
    for name, (params, values) in PUBLISHED.items():
        lines.append(f"| {name} (published) | x4 | {params:,} | {' | '.join(f'{v:.2f}' for v in values)} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=Path)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = networks(args.run)
    scores = {name: (p, scale, score(fn, scale, args.bench)) for name, (p, scale, fn) in found.items()}
    for scale in sorted({scale for _, scale, _ in found.values()}):
        scores[f"bicubic x{scale}"] = (0, scale, score(bicubic(scale), scale, args.bench))
    print(json.dumps(scores) if args.json else table(scores))


if __name__ == "__main__":
    main()
