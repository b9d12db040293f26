"""Photorealistic stylising against its baselines: seconds and memory of a picture, by its size.

    python scripts/bench_stylize.py [--sizes 256 512 1024 2048] [--methods ours cascade]
        [--baselines runs/style_baselines] [--seconds 10] [--limit 600] [--json]

Content and style are photographs of the given longest side (an embedded one, resized). Every method and size runs in a
process of its own: the first call (it compiles), then the median of as many calls as fit into `--seconds`, statistics
of both pictures included, and what the process's peak memory grew by. GFLOP of the baselines as XLA counts the program
before it is optimised (decompositions of matrices are not in it), both pictures included. Methods as in
`evaluate_style.py`, which also says how good they are.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from typing import Any

METHODS = ("ours", "ours, unmatched", "ours, bare", "cascade", "WCT2-like", "Monge-Kantorovich", "Reinhard")


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """One method at one size, in this process."""
    import jax
    import jax.numpy as jnp
    import numpy as np
    from evaluate_style import methods
    from PIL import Image

    from nasjax.data.embedded import embedded_photos

    def photo(index: int) -> Any:
        image = Image.fromarray(embedded_photos("test")[index]["image"])
        scale = args.sizes[0] / max(image.size)
        size = [8 * round(n * scale / 8) for n in image.size]
        return jnp.asarray(np.asarray(image.resize(size, Image.Resampling.LANCZOS)), jnp.float32) / 127.5 - 1

    run = methods(args)[args.one]
    content, style = photo(0), photo(1)
    # Ours is several programs, in windows.
    ours = args.one.startswith("ours")
    flops = float("nan") if ours else jax.jit(run).lower(content, style).cost_analysis()["flops"]
    before, start = peak(), time.perf_counter()
    jax.block_until_ready(run(content, style))
    first, took = time.perf_counter() - start, []
    while not took or sum(took) < args.seconds:
        start = time.perf_counter()
        jax.block_until_ready(run(content, style))
        took.append(time.perf_counter() - start)
    spread = statistics.quantiles(took, n=4)[2] - statistics.quantiles(took, n=4)[0] if len(took) > 1 else 0.0
    found = {"ms": 1000 * statistics.median(took), "spread": 1000 * spread, "calls": len(took), "first_s": first}
    return found | {"mb": peak() - before, "pixels": content.shape[0] * content.shape[1], "flops": flops}


def peak() -> float:
    """The most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def child(args: argparse.Namespace, method: str, size: int) -> dict[str, Any] | str:
    """The measurement of another process, or why there is none."""
    where = (
        ["--baselines", args.baselines, "--network", args.network] if args.network else ["--baselines", args.baselines]
    )
    command = [sys.executable, __file__, "--one", method, "--sizes", str(size), "--seconds", str(args.seconds), *where]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=args.limit)
    except subprocess.TimeoutExpired:
        return f"over {args.limit} s"
    return json.loads(done.stdout) if done.returncode == 0 else (done.stderr.strip().splitlines() or ["killed"])[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024, 2048])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--baselines", default="runs/style_baselines")
    parser.add_argument("--network", default="")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--limit", type=float, default=600.0, help="seconds that one process may take")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args)))
        return
    rows = [{"method": m, "size": s, "found": child(args, m, s)} for s in args.sizes for m in args.methods]
    if args.json:
        print(json.dumps(rows))
        return
    ours = {
        row["size"]: row["found"]["ms"] for row in rows if row["method"] == "ours" and isinstance(row["found"], dict)
    }
    print("size   method                  ms   spread   to ours   first s   memory MB   GFLOP")
    for row in rows:
        found, head = row["found"], f"{row['size']:<6} {row['method']:<18}"
        if isinstance(found, str):
            print(head, found)
            continue
        ratio = found["ms"] / ours[row["size"]] if row["size"] in ours else float("nan")
        figures = (found["ms"], found["spread"], ratio, found["first_s"], found["mb"], found["flops"] / 1e9)
        print(head, "{:8.1f} {:8.1f} {:9.2f} {:9.1f} {:11.0f} {:7.1f}".format(*figures))


if __name__ == "__main__":
    main()
