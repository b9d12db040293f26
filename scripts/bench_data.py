"""Patches a second of the training pipeline, alone and beside a busy device.

    python scripts/bench_data.py [--data embedded] [--patch 112] [--batches 32 96] [--seconds 3] [--json]

For each batch size: the rate at which batches come out (two reading threads), what one batch costs a thread, and how
long a training step of `--step-ms` (a sleep: the device computes, the host is free) has to wait for its batch.
"""

import argparse
import json
import statistics
import time

from nasjax.data import open_source, patches


def measure(source, patch: int, batch: int, *, seconds: float, step_ms: float) -> dict[str, float]:
    """Rates and waits of one batch size."""
    pipeline = patches(source, patch=patch, batch=batch, seed=0)
    for _ in range(len(source) // batch + 10):  # until every picture is decoded and the buffer is full
        next(pipeline)
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        next(pipeline)
        count += 1
    elapsed = time.perf_counter() - start
    waits = []
    for _ in range(max(10, int(1000 * seconds / step_ms))):
        time.sleep(step_ms / 1000)
        before = time.perf_counter()
        next(pipeline)
        waits.append(1000 * (time.perf_counter() - before))
    pipeline.close()
    return {
        "batch": batch,
        "patches_per_s": count * batch / elapsed,
        "ms_per_batch": 1000 * elapsed / count,
        "wait_ms_median": statistics.median(waits),
        "wait_ms_p95": sorted(waits)[int(0.95 * len(waits))],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="embedded")
    parser.add_argument("--patch", type=int, default=112)
    parser.add_argument("--batches", type=int, nargs="+", default=[32, 96])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--step-ms", type=float, default=10.0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    start = time.perf_counter()
    source = open_source(args.data, "train")
    first = patches(source, patch=args.patch, batch=args.batches[0], seed=0)
    next(first)
    first.close()
    first_batch = time.perf_counter() - start
    rows = [measure(source, args.patch, batch, seconds=args.seconds, step_ms=args.step_ms) for batch in args.batches]
    if args.json:
        print(json.dumps({"first_batch_s": first_batch, "patch": args.patch, "step_ms": args.step_ms, "rows": rows}))
        return
    size = f"{args.patch}x{args.patch}"
    print(f"{args.data}: {len(source)} pictures, {size} patches, first batch after {first_batch:.2f} s")
    for row in rows:
        rate = f"{row['patches_per_s']:8.0f} patches/s, {row['ms_per_batch']:6.2f} ms a batch"
        wait = f"{row['wait_ms_median']:.2f} ms (median), {row['wait_ms_p95']:.2f} ms (p95)"
        print(f"batch {row['batch']:4d}: {rate}; beside a {args.step_ms:g} ms step it waits {wait}")


if __name__ == "__main__":
    main()
