"""Corrections that searches found, beside networks made by hand, on eight degradations of each test photograph.

    python scripts/compare_filters.py NAME --runs FOLDER/nasjax-0 FOLDER/nasjax-1 ... [--variants 8]

Runs are those of `scripts/bench_arms.py NAME`. Their own tables degrade each of eight photographs once, so one unlucky
haze or cast weighs an eighth; here every network is scored on the same 64 pairs. Prints Markdown: of each measure the
mean over runs and the standard deviation between them; of the differences (found - by hand), which are of the same
run, too.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from evaluate_filters import DIGITS, KINDS, _lpips

from nasjax.chain.configs import load_config
from nasjax.chain.folder import RunFolder
from nasjax.data.degrade import Degraded
from nasjax.data.source import Cached
from nasjax.data.spec import open_source
from nasjax.systems.photo_filter.pictures import floats, likeness

FOUND, BY_HAND = "found", "by hand"
_BYTES = 1 << 28  # of pictures that stay decoded


def main() -> None:
    """A table of one correction."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=list(KINDS))
    parser.add_argument("--runs", type=Path, nargs="+", required=True)
    parser.add_argument("--variants", type=int, default=8)
    args = parser.parse_args()
    pairs, perceptual = degraded(KINDS[args.name], args.variants), _lpips()
    rows = [{who: scores(net, pairs, perceptual) for who, net in networks(run).items()} for run in args.runs]
    print("\n".join(table(args.name, rows)))


def degraded(kind: str, variants: int) -> Degraded:
    """The test photographs, halved, each made worse in so many ways."""
    return Degraded(Cached(open_source("embedded", "test"), _BYTES), kind, variants)


def networks(run: Path) -> dict[str, Callable[[jax.Array], jax.Array]]:
    """The found network of a finished run, with its best weights, and that made by hand."""
    results, folder = json.loads((run / "results.json").read_text()), RunFolder(run)
    net = load_config(run).system.networks().supernet
    weights = {FOUND: results["weights"], BY_HAND: "rival/by-hand-0"}
    made = {}
    for who, phase in weights.items():
        text = next(row["arch"] for row in results["rows"] if row["name"].startswith(who))
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
    """Lines of Markdown: both networks, and how far they are apart."""
    lines = []
    for who in (FOUND, BY_HAND):
        lines.append(
            f"| {name} | {who} | {' | '.join(_cell(key, [row[who][key] for row in rows]) for key in DIGITS)} |"
        )
    apart = (_cell(key, [row[FOUND][key] - row[BY_HAND][key] for row in rows], "+") for key in DIGITS)
    return [*lines, f"| | difference | {' | '.join(apart)} |"]


def _cell(key: str, values: list[float], sign: str = "") -> str:
    spread = f" ± {np.std(values, ddof=1):.{DIGITS[key]}f}" if len(values) > 1 else ""
    return f"{np.mean(values):{sign}.{DIGITS[key]}f}{spread}"


if __name__ == "__main__":
    main()
