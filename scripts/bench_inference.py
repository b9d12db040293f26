"""The extracted network at work: one picture through JAX, onnxruntime and PyTorch, time and peak memory.

    python scripts/bench_inference.py [--bundle FOLDER] [--size 480x270] [--threads 2] [--json]

Without a bundle a fresh network of the quick start's space is exported first (its weights do not change the time).
Each runtime has a process of its own; peak memory is the resident set's growth over what was there once the
runtime and the network were loaded (the peak of the process beside it). Outputs are compared with JAX's.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

RUNTIMES = ("jax", "onnxruntime", "torch", "torch-nhwc")


def picture(size: str) -> np.ndarray:
    """A smooth random picture `[1, h, w, 3]` in [-1, 1]."""
    width, height = map(int, size.split("x"))
    return np.random.default_rng(0).uniform(-1, 1, (1, height, width, 3)).astype(np.float32)


def export(folder: Path) -> Path:
    """A bundle of one network of the quick start's space: three residual blocks of 16 channels."""
    import jax

    from nasjax.export.bundle import write_bundle
    from nasjax.export.card import Card
    from nasjax.export.network import deployed
    from nasjax.spaces.sr_cell import sr_cell

    arguments: dict[str, Any] = {"scale": 4, "blocks": 4, "trunk": [16], "inner": [16], "ops": ["res"]}
    net = sr_cell(**arguments)
    arch = net.space.encode({"tail": "conv", "image": "bicubic", "att": "none"})
    params = net.extract_params(net.init(jax.random.key(0)), arch)
    network = deployed(net, params, arch, builder=("sr_cell", arguments))
    write_bundle(folder, network, card=Card("bench", "super-resolution x4", (), ()), formats=("onnx",))
    return folder


def runner(name: str, bundle: Path, x: np.ndarray, threads: int):
    """A function of no arguments that runs the network once and returns its output `[1, H, W, 3]`."""
    if name == "onnxruntime":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(bundle / "model.onnx", options, providers=["CPUExecutionProvider"])
        feed = {session.get_inputs()[0].name: x}
        return lambda: session.run(None, feed)[0]
    from nasjax.export.bundle import load_bundle

    loaded = load_bundle(bundle)
    if name == "jax":
        return lambda: np.asarray(loaded.apply(x))
    import torch
    from torch_sr_cell import forward, image, tensors

    torch.set_num_threads(threads)
    arch, params = decoded(bundle)
    weights, y = tensors(params), image(x, channels_last=name.endswith("nhwc"))

    def call():
        with torch.inference_mode():
            return forward(arch, weights, y, scale=4).permute(0, 2, 3, 1).numpy()

    return call


def decoded(bundle: Path) -> tuple[dict[str, str], Any]:
    """The bundle's arch by name, and its params."""
    from nasjax.export.weights import read_weights
    from nasjax.spaces.sr_cell import sr_cell

    described = json.loads((bundle / "arch.json").read_text())
    net = sr_cell(**described["builder"]["arguments"])
    return net.space.decode(net.space.parse(described["arch"])), read_weights(bundle / "model.safetensors")


def one(name: str, bundle: Path, size: str, threads: int, repeats: int) -> dict[str, Any]:
    """Time and memory of one runtime in this process."""
    x = picture(size)
    call = runner(name, bundle, x, threads)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    y = call()
    first = time.perf_counter() - start
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    low, middle, high = np.quantile(times, [0.25, 0.5, 0.75])
    np.save(bundle / f"{name}.npy", y)
    return {
        "runtime": name,
        "ms": 1000 * middle,
        "spread_ms": 1000 * (high - low),
        "first_ms": 1000 * first,
        "grown_mb": (peak - before) / 1024,
        "peak_mb": peak / 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--size", default="480x270", help="width x height of the input")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=3, help="processes a runtime, interleaved")
    parser.add_argument("--runtimes", nargs="+", choices=RUNTIMES, default=list(RUNTIMES))
    parser.add_argument("--one", choices=RUNTIMES, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.one:
        print(json.dumps(one(args.one, args.bundle, args.size, args.threads, args.repeats)))
        return
    with tempfile.TemporaryDirectory() as folder:
        rows = compare(args, args.bundle or export(Path(folder) / "bundle"))
    if args.json:
        print(json.dumps({"size": args.size, "threads": args.threads, "rows": rows}))
        return
    print(f"{args.size} -> x4, {args.threads} threads")
    for r in rows:
        print(
            f"{r['runtime']:14}{r['ms']:9.1f} ms (spread {r['spread_ms']:.1f}, first {r['first_ms']:.0f})"
            f"{r['to_jax']:7.2f} of jax{r['grown_mb']:8.0f} MB more, peak {r['peak_mb']:.0f} MB,"
            f" differs by {r['difference']:.1e}"
        )


def compare(args: argparse.Namespace, bundle: Path) -> list[dict[str, Any]]:
    """All runtimes, each in its own processes, in turn."""
    command = [sys.executable, __file__, "--bundle", str(bundle), "--size", args.size]
    command += ["--threads", str(args.threads), "--repeats", str(args.repeats)]
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in args.runtimes}
    for _ in range(args.rounds):
        for name, rows in found.items():
            out = subprocess.run([*command, "--one", name], check=True, stdout=subprocess.PIPE)
            rows.append(json.loads(out.stdout))
    rows = [
        {k: v if k == "runtime" else statistics.median(r[k] for r in each) for k, v in each[0].items()}
        for each in found.values()
    ]
    reference = np.load(bundle / f"{args.runtimes[0]}.npy")
    for row in rows:
        row["to_jax"] = row["ms"] / rows[0]["ms"]
        row["difference"] = float(np.abs(np.load(bundle / f"{row['runtime']}.npy") - reference).max())
    return rows


if __name__ == "__main__":
    main()
