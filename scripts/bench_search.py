"""Speed and quality of the search algorithms on a space of 26 choices; no network is involved.

    python scripts/bench_search.py [--populations 64 128] [--evaluations 2048] [--seeds 3] [--json]

First table: the seconds until the first generation is through (tracing and compiling), then proposals a second of a
whole generation (`ask` and `tell`; median and quartiles). Second table: hypervolume reached between an epistatic
objective and a cost after so many evaluations, mean and standard deviation over seeds. Single-objective searchers
minimise the sum of the two; random search is the line to beat.
"""

import argparse
import dataclasses
import json
import statistics
import time
from collections.abc import Callable

import jax
import numpy as np

from nasjax.search.aging_evolution import aging_evolution
from nasjax.search.archive import Archive
from nasjax.search.base import Searcher
from nasjax.search.nsga2 import nsga2
from nasjax.search.pareto import hypervolume
from nasjax.search.problems import block_space, trade_off
from nasjax.search.random import random_search
from nasjax.search.reinforce import reinforce
from nasjax.search.run import run_search
from nasjax.space import Choice, SearchSpace

REFERENCE = (1.0, 1.0)
MEMBERS: dict[str, Callable[[SearchSpace, int], Searcher]] = {
    "random": lambda space, n: random_search(space, batch=n),
    "aging_evolution": lambda space, n: aging_evolution(space, population=n, batch=n // 4, weights=(1.0, 1.0)),
    "nsga2": lambda space, n: nsga2(space, num_objectives=2, population=n),
    "reinforce": lambda space, n: reinforce(space, batch=n // 4, weights=(1.0, 1.0)),
}


def space_of_26() -> SearchSpace:
    """Eight conditional blocks of three choices, a trunk width and an attention."""
    blocks = block_space(8, ops=12)
    head = (
        Choice("trunk", ("16", "24", "32", "48"), "channel", default=3),
        Choice("att", ("none", "ca", "sa", "both"), "path"),
    )
    return dataclasses.replace(blocks, name="bench", choices=head + blocks.choices, allowed=())


def speed(name: str, space: SearchSpace, population: int, *, repeats: int = 40) -> dict[str, float | str]:
    """Compile time and proposals a second of one member."""
    start = time.perf_counter()
    searcher = MEMBERS[name](space, population)
    state, seconds = searcher.init(jax.random.key(0)), []
    archs = np.asarray(searcher.ask(jax.random.key(0), state))
    told = np.random.default_rng(0).normal(size=(len(archs), 2)).astype(np.float32)
    violation = np.zeros(len(archs), np.float32)
    for generation in range(repeats):
        begin = start if generation == 0 else time.perf_counter()
        archs = np.asarray(searcher.ask(jax.random.key(generation), state))
        state = jax.block_until_ready(searcher.tell(state, archs, told, violation))
        seconds.append(time.perf_counter() - begin)
    rates = sorted(len(archs) / s for s in seconds[1:])
    quarter = len(rates) // 4
    return {
        "member": name,
        "population": population,
        "proposals": len(archs),
        "first_s": seconds[0],
        "per_s": statistics.median(rates),
        "per_s_q1": rates[quarter],
        "per_s_q3": rates[-1 - quarter],
    }


def quality(name: str, space: SearchSpace, population: int, *, evaluations: int, seeds: int) -> list[dict]:
    """Hypervolume after a growing number of evaluations."""
    marks = [evaluations // 8, evaluations // 4, evaluations // 2, evaluations]
    reached = {mark: [] for mark in marks}
    for seed in range(seeds):
        searcher, key = MEMBERS[name](space, population), jax.random.key(seed)
        batch = len(np.asarray(searcher.ask(key, searcher.init(key))))
        # A policy that has settled proposes known archs, which cost nothing: give it generations until the budget ends.
        archive = run_search(
            searcher, trade_off(space, seed), key=key, generations=2 * evaluations // batch, archive=Archive(space)
        )
        points = np.array([row.objectives for row in archive.rows])
        for mark in marks:
            reached[mark].append(hypervolume(points[:mark], REFERENCE))
    return [
        {"member": name, "evaluations": m, "mean": float(np.mean(v)), "sd": float(np.std(v))}
        for m, v in reached.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--populations", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--evaluations", type=int, default=2048)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    space = space_of_26()
    speeds = [speed(name, space, n) for n in args.populations for name in MEMBERS]
    limits = {"evaluations": args.evaluations, "seeds": args.seeds}
    qualities = [row for name in MEMBERS for row in quality(name, space, args.populations[0], **limits)]
    if args.json:
        print(
            json.dumps({"choices": space.num_choices, "size": str(space.size()), "speed": speeds, "quality": qualities})
        )
        return
    print(f"{space.num_choices} choices, {space.size():.1e} archs, {jax.default_backend()}")
    for row in speeds:
        rate = f"{row['per_s']:9.0f} proposals/s (quartiles {row['per_s_q1']:.0f} .. {row['per_s_q3']:.0f})"
        print(f"{row['member']:16} population {row['population']:4}: first generation {row['first_s']:5.2f} s, {rate}")
    for name in MEMBERS:
        line = [f"{r['evaluations']}: {r['mean']:.3f} +- {r['sd']:.3f}" for r in qualities if r["member"] == name]
        print(f"{name:16} hypervolume after  " + "   ".join(line))


if __name__ == "__main__":
    main()
