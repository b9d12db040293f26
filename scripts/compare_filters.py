"""Corrections that searches found, beside networks made by hand, on eight degradations of each test photograph.

    python scripts/compare_filters.py NAME --runs FOLDER/nasjax-0 FOLDER/nasjax-1 ... [--alone FOLDER/alone-0 ...]
        [--variants 8] [--pictures folder:PHOTOGRAPHS]

Runs are those of `scripts/bench_arms.py NAME`. Their own tables degrade each of eight photographs once, so one unlucky
haze or cast weighs an eighth; here every network is scored on the same 64 pairs, or on those of many other
photographs, which are then not halved. Prints Markdown: of each measure the
mean over runs and the standard deviation between them; of the differences (found - by hand), which are of the same
run, too. `--alone` are runs of random search without shared weights, one for each of the first ones. Runs of the arms
`resnet` and `cyclegan` have one network, which is scored alone.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from evaluate_filters import DIGITS, KINDS, _lpips, degraded

from nasjax.chain.configs import load_config
from nasjax.chain.folder import RunFolder
from nasjax.data.degrade import Degraded
from nasjax.systems.photo_filter.pictures import floats, likeness
from nasjax.systems.photo_filter.rivals import RESNET as RESNET_WIDTHS
from nasjax.systems.photo_filter.rivals import resnet

FOUND, BY_HAND, ALONE, RESNET = "found", "by hand", "random, each trained alone", "ResNet"


def main() -> None:
    """A table of one correction."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=list(KINDS))
    parser.add_argument("--runs", type=Path, nargs="+", required=True)
    parser.add_argument("--alone", type=Path, nargs="+", default=[])
    parser.add_argument("--variants", type=int, default=8)
    parser.add_argument("--pictures", default="embedded", help="of data.source: what is degraded; all of a folder")
    args = parser.parse_args()
    if args.alone and len(args.alone) != len(args.runs):
        parser.error(f"--alone needs one run for each of --runs, got {len(args.alone)} for {len(args.runs)}")
    pairs, perceptual = degraded(KINDS[args.name], args.variants, args.pictures), _lpips()
    found = [networks(run) for run in args.runs]
    for row, run in zip(found, args.alone, strict=False):
        row[ALONE] = networks(run)[FOUND]
    rows = [{who: scores(net, pairs, perceptual) for who, net in row.items()} for row in found]
    print("\n".join(table(args.name, rows)))


def networks(run: Path) -> dict[str, Callable[[jax.Array], jax.Array]]:
    """The networks of a finished run, as far as there are some: the found one with its best weights, and rivals."""
    results, folder = json.loads((run / "results.json").read_text()), RunFolder(run)
    searched, over_pixels = load_config(run).system.networks(), resnet(RESNET_WIDTHS, blocks=3).networks
    assert over_pixels is not None
    weights = {
        FOUND: (searched.supernet, results.get("weights", "")),
        BY_HAND: (searched.supernet, "rival/by-hand-0"),
        RESNET: (over_pixels.supernet, "rival/ResNet-0"),
    }
    made = {}
    for who, (net, phase) in weights.items():
        text = next((row["arch"] for row in results["rows"] if row["name"].startswith(who)), None)
        if text is None:
            continue
        network, params = net.extract(net.space.parse(text)), folder.load_params(phase)
        made[who] = jax.jit(lambda x, network=network, params=params: network.apply({"params": params}, x))
    return made


def scores(network: Callable[[jax.Array], jax.Array], pairs: Degraded, perceptual: Callable[..., float]) -> Any:
    """Means over pairs."""
    rows = []
    for i in range(len(pairs)):
        y, target = network(floats(pairs[i]["input"])), floats(pairs[i]["target"])
        row = {key: float(value[0]) for key, value in likeness(y, target).items()}
        rows.append({**row, "lpips": perceptual(y, target)})
    return {key: float(np.mean([row[key] for row in rows])) for key in DIGITS}


def table(name: str, rows: list[dict[str, dict[str, float]]]) -> list[str]:
    """Lines of Markdown: the networks, and how far the others are from the found one."""
    lines = []
    for who in rows[0]:
        lines.append(
            f"| {name} | {who} | {' | '.join(_cell(key, [row[who][key] for row in rows]) for key in DIGITS)} |"
        )
    for who in [who for who in rows[0] if who != FOUND and FOUND in rows[0]]:
        apart = (_cell(key, [row[FOUND][key] - row[who][key] for row in rows], "+") for key in DIGITS)
        lines.append(f"| | found - {who} | {' | '.join(apart)} |")
    return lines


def _cell(key: str, values: list[float], sign: str = "") -> str:
    spread = f" ± {np.std(values, ddof=1):.{DIGITS[key]}f}" if len(values) > 1 else ""
    return f"{np.mean(values):{sign}.{DIGITS[key]}f}{spread}"


if __name__ == "__main__":
    main()
