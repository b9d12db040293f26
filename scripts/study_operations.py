"""Which operation is worth its cost: each alone in an otherwise plain x4 network, at equal params and at equal latency.

    python scripts/study_operations.py [--run runs/operations] [--steps 20000] [--seeds 0 1] [--ops res vap ...]
        [--equal params latency] [--params 26000] [--bench shared/data/sr_bench] [--table]

A network has `--blocks` blocks of one operation and one width, 3x3 stem, 1x1 fusion, separable tail, the image by
bicubic. Equal params: the width whose deployed network is nearest to `--params`. Equal latency: the width whose network
takes nearest to the time of the residual pairs of that size, one 80x60 input, interleaved medians; measured once a run
(`widths.json`), on a machine that is idle, or pinned to one core, whose CPU time is then what counts. Training: L1,
Adam, cosine, averaged weights, batch 16, embedded photographs. Scores: Y-PSNR of the centre 512x288 of the validation
photographs, and of Set14 with `--bench`. A stopped run goes on; `--table` prints what is there, without training.

What it costs on one CPU core (Xeon with AVX-512, CPU time on a busy machine): a step at 26K params takes 0.04 s with
`res`, `ecb` and `rep`, 0.05 to 0.1 s with `spab`, `pconv`, `rlfb`, `group` and `rfdb`, 0.14 to 0.18 s with `sep3`,
`sep5` and inverted residuals, 0.22 to 0.28 s with `sep7`, `smfa`, `vap` and `esdb`: 2.45 s for one step of each of the
18, so 82 minutes for 2,000 steps of one seed at equal params. At equal latency networks are narrower, and steps about
those of `res`: some 25 to 45 minutes, the search for widths included (an estimate). Measured before gradients were made
faster and `smfa`, `rfdb` and `esdb` were given all that their papers have. An hour is enough for

    taskset -c 1 python scripts/study_operations.py --equal params --steps 1200 --seeds 0

or for 2,000 steps at equal latency; called again with as many steps and more seeds, it adds to the same table.
"""

import argparse
import bisect
import functools
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from bench_upscalers import images

from nasjax.cost.measure import measure, runner
from nasjax.data.evaluation import EvalImage, eval_images
from nasjax.data.pipeline import patches
from nasjax.data.spec import open_source
from nasjax.files import append_json, read_json, write_json
from nasjax.ops.blocks import GROUP
from nasjax.ops.candidates import CANDIDATES
from nasjax.sampling import single
from nasjax.spaces.sr_cell import sr_cell
from nasjax.supernet.base import Supernet
from nasjax.systems.super_resolution.pictures import tested
from nasjax.tasks.base import extracted_model
from nasjax.tasks.super_resolution import SuperResolutionTask, super_resolution
from nasjax.train.config import TrainConfig
from nasjax.train.log import RunLog
from nasjax.train.loop import Interrupted, fit
from nasjax.train.parallel import data_mesh, host_spec
from nasjax.typing import Arch

SCALE, GENERATOR, REFERENCE = 4, "generator", "res"
WIDTHS = range(4, 97, 2)
CROP = (72, 128)  # low-resolution pixels of a validation photograph
LATENCY_AT = (1, 60, 80, 3)


class Entry(NamedTuple):
    """An operation at a width, and what its deployed network costs."""

    op: str
    width: int
    params: int
    latency_ms: float


def network(op: str, width: int, blocks: int) -> tuple[Supernet, Arch]:
    """The space of one plain network, and its arch."""
    net = sr_cell(SCALE, blocks=blocks, trunk=(width,), inner=(width,), ops=(op,))
    return net, net.space.encode({"att": "none", "tail": "sep", "image": "bicubic"})


def entries(args: argparse.Namespace) -> dict[str, list[Entry]]:
    """The networks that are compared, by what is equal; measured once a run, for the operations that are new in it."""
    file = Path(args.run) / "widths.json"
    known = read_json(file) if file.is_file() else {}
    for equal, sized in (("params", _as_large), ("latency", _as_fast)):
        there = [row[0] for row in known.get(equal, [])]
        if equal in args.equal and (new := [op for op in args.ops if op not in there]):
            known[equal] = [*known.get(equal, []), *sized(new, args)]
            write_json(file, known)
    return {equal: [e for e in map(Entry._make, rows) if e.op in args.ops] for equal, rows in known.items()}


def _as_large(ops: Sequence[str], args: argparse.Namespace) -> list[Entry]:
    """Of each operation the width whose deployed network is nearest to the wanted size."""
    return _timed([(op, _of_size(op, args.params, args.blocks)) for op in ops], args.blocks)


def _of_size(op: str, wanted: int, blocks: int) -> int:
    widths = _widths(op)
    place = bisect.bisect_left(widths, wanted, key=lambda w: _params(op, w, blocks))
    return min(widths[max(place - 1, 0) : place + 1], key=lambda w: abs(_params(op, w, blocks) - wanted))


def _widths(op: str) -> list[int]:
    return [w for w in WIDTHS if op != "group" or w % GROUP == 0]


@functools.cache
def _params(op: str, width: int, blocks: int) -> int:
    net, arch = network(op, width, blocks)
    module = net.extract(arch, deployed=True)
    shapes = jax.eval_shape(module.init, jax.random.key(0), jax.ShapeDtypeStruct(net.probe, jnp.float32))["params"]
    return sum(leaf.size for leaf in jax.tree.leaves(shapes))


def _timed(rows: Sequence[tuple[str, int]], blocks: int) -> list[Entry]:
    # Alone on a core, its time on the clock is that of the work and of whoever else was on the core.
    clock = time.process_time if len(_cores()) == 1 else time.perf_counter
    times = measure({row: _runner(*row, blocks) for row in rows}, repeats=7, sample_ms=20, clock=clock)
    return [Entry(*row, _params(*row, blocks), round(times[row].median_ms, 2)) for row in rows]


def _cores() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


@functools.cache
def _runner(op: str, width: int, blocks: int) -> Any:
    net, arch = network(op, width, blocks)
    module, x = net.extract(arch, deployed=True), jax.ShapeDtypeStruct(LATENCY_AT, jnp.float32)
    params = jax.eval_shape(module.init, jax.random.key(0), x)["params"]
    return runner(lambda params, x: module.apply({"params": params}, x), params, x)


def _as_fast(ops: Sequence[str], args: argparse.Namespace) -> list[Entry]:
    """Of each operation the width nearest to the reference's time, by halving the range of widths."""
    width = _of_size(REFERENCE, args.params, args.blocks)
    (reference,) = _timed([(REFERENCE, width)], args.blocks)
    return [_nearest(op, reference, args.blocks) for op in ops]


def _nearest(op: str, reference: Entry, blocks: int) -> Entry:
    if op == REFERENCE:
        return reference
    widths, tried = _widths(op), []
    low, high = 0, len(widths) - 1
    while low <= high:
        middle = (low + high) // 2
        # Together with the reference, which a slow minute makes slow as well.
        entry, again = _timed([(op, widths[middle]), (REFERENCE, reference.width)], blocks)
        ratio = entry.latency_ms / again.latency_ms
        tried.append((abs(np.log(ratio)), entry._replace(latency_ms=round(ratio * reference.latency_ms, 2))))
        low, high = (middle + 1, high) if ratio < 1 else (low, middle - 1)
    return min(tried)[1]


def train(args: argparse.Namespace, entry: Entry, seed: int, pictures: dict[str, list[EvalImage]]) -> dict[str, float]:
    """Y-PSNR on each set of one training."""
    net, arch = network(entry.op, entry.width, args.blocks)
    settings = SuperResolutionTask(SCALE, args.patch, args.batch)
    task = super_resolution(settings, extracted_model(net, arch), single(arch))
    spec = host_spec(task.batch_spec, data_mesh())["image"].shape
    data = patches(open_source("embedded", "train"), patch=spec[1], batch=spec[0], seed=seed)
    config = TrainConfig(steps=args.steps, seed=seed, lr=args.lr, log_every=100)
    folder = Path(args.run) / f"{entry.op}-{entry.width}"
    with RunLog(folder, f"seed{seed}", args.steps) as log:
        state = fit(task, net.space, single(arch), data=data, config=config, log=log)
    params = net.deploy_params(state.ema[GENERATOR], arch)
    module = net.extract(arch, deployed=True)
    predict = jax.jit(lambda x: module.apply({"params": params}, x))
    return {name: tested(predict, found, SCALE).values["psnr_y"] for name, found in pictures.items()}


def judged(args: argparse.Namespace) -> dict[str, list[EvalImage]]:
    """The pictures that scores are of."""
    validation = [_centre(image) for image in eval_images(open_source("embedded", "val"), SCALE)]
    return {"val": validation} | ({"set14": images(args.bench, "set14", SCALE)} if args.bench else {})


def _centre(image: EvalImage) -> EvalImage:
    (height, width), (h, w) = CROP, image.lr.shape[:2]
    top, left = (h - height) // 2, (w - width) // 2
    high = image.hr[SCALE * top : SCALE * (top + height), SCALE * left : SCALE * (left + width)]
    return EvalImage(image.name, high, image.lr[top : top + height, left : left + width])


def results(args: argparse.Namespace) -> dict[tuple[str, int, int, int], dict[str, float]]:
    """What is there, by operation, width, steps and seed."""
    file = Path(args.run) / "results.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
    return {(r["op"], r["width"], r["steps"], r["seed"]): r["psnr_y"] for r in rows}


def table(args: argparse.Namespace, equal: str) -> str:
    """Markdown: the best operation first; what it gains is over the residual pairs of the same seeds."""
    found, rows = results(args), []
    for entry in entries(args).get(equal, []):
        scores = [found.get((entry.op, entry.width, args.steps, seed)) for seed in args.seeds]
        if all(scores):
            rows.append((entry, {name: [s[name] for s in scores] for name in scores[0]}))
    if not rows:
        return f"equal {equal}: nothing is trained yet"
    sets = [*rows[0][1]]
    plain = next((values["val"] for entry, values in rows if entry.op == REFERENCE), None)
    lines = [
        f"| operation | width | params | ms | {' | '.join(sets)} | over {REFERENCE} |",
        "|---" * (5 + len(sets)) + "|",
    ]
    for entry, values in sorted(rows, key=lambda row: -statistics.mean(row[1]["val"])):
        gain = "" if plain is None else _spread([a - b for a, b in zip(values["val"], plain, strict=True)], "+")
        cells = " | ".join(_spread(v) for v in values.values())
        lines.append(f"| `{entry.op}` | {entry.width} | {entry.params:,} | {entry.latency_ms:.1f} | {cells} | {gain} |")
    return "\n".join(lines)


def _spread(values: list[float], sign: str = "") -> str:
    deviation = statistics.stdev(values) if len(values) > 1 else 0
    return f"{statistics.mean(values):{sign}.3f} ± {deviation:.3f}"


def main() -> int:
    """Train what is missing and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="runs/operations")
    parser.add_argument("--ops", nargs="+", choices=CANDIDATES, default=[*CANDIDATES])
    parser.add_argument("--equal", nargs="+", choices=("params", "latency"), default=["params", "latency"])
    parser.add_argument("--params", type=int, default=26_000)
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--patch", type=int, default=24)
    parser.add_argument("--bench", type=Path)
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args()
    try:
        todo = [] if args.table else [(e, s) for s in args.seeds for q in args.equal for e in entries(args)[q]]
        pictures = judged(args) if todo else {}
        for entry, seed in todo:
            if (entry.op, entry.width, args.steps, seed) not in results(args):
                psnr = train(args, entry, seed, pictures)
                row = {"op": entry.op, "width": entry.width, "steps": args.steps, "seed": seed, "psnr_y": psnr}
                append_json(Path(args.run) / "results.jsonl", row)
    except Interrupted as stop:
        print(stop, file=sys.stderr)
        return 128 + stop.signum
    for equal in args.equal:
        print(f"Equal {equal}, {args.steps} steps, seeds {args.seeds}\n\n{table(args, equal)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
