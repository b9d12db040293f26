"""How fast pictures are enlarged in windows of several sides, one or several of them at once.

    python scripts/bench_windows.py [--models small medium large] [--sides 128 256 512] [--at-once 1 2]
        [--size 2000x1500] [--repeats 3]

Seconds from levels in to floats out, without files, of shipped networks (x4) on random pixels; each combination in
turn, again and again, in one process, after a first call that compiles: medians, and how many times as fast as windows
of the last side, one at a time. Wants an idle machine.
"""

import argparse
import itertools
import statistics
import time

import numpy as np

from nasjax.apply import engine
from nasjax.apply.upscalers import load_upscaler


def main() -> None:
    """A table a network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["small", "medium", "large"])
    parser.add_argument("--sides", type=int, nargs="+", default=[128, 256, 512])
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--size", default="2000x1500")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    width, height = map(int, args.size.split("x"))
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
    for model in args.models:
        bundle, times = load_upscaler(model), {}
        for _ in range(args.repeats + 1):
            for side, at_once in itertools.product(args.sides, args.at_once):
                times.setdefault((side, at_once), []).append(seconds(bundle, pixels, side, at_once))
        found = {key: statistics.median(each[1:]) for key, each in times.items()}
        base = found[args.sides[-1], args.at_once[0]]
        print(f"\n{model}, {args.size}\n\n| side | at once | s | times as fast |\n|---|---|---|---|")
        for (side, at_once), value in found.items():
            print(f"| {side} | {at_once} | {value:.2f} | {base / value:.2f} |", flush=True)


def seconds(bundle: engine.Bundle, pixels: np.ndarray, side: int, at_once: int) -> float:
    """One picture, in windows of at most that side."""
    way = engine._way(bundle)
    assert way.passes is not None
    passes = way.passes._replace(sides=tuple(s for s in engine.SIDES if s <= side), lanes=at_once)
    source = engine._Source(pixels, pixels.shape[:2], 3)
    start = time.perf_counter()
    for _, y, _ in passes.outputs(source, {}):
        np.asarray(y)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
