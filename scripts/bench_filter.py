"""How fast photo filters are: formulations of look-ups against each other, then whole filters on large pictures.

    python scripts/bench_filter.py [--parts lookups sizes runtimes] [--repeats 5] [--model NAME_OR_FOLDER ...]

Lookups: nanoseconds a pixel of one megapixel, each formulation jitted alone. Sizes: seconds and peak memory of
`nasjax.filter_image` on pictures of 1 to 24 megapixels, among them 2400x2400 and 2048x4096 (levels of 8 bits, after
one call that compiles), each in a process of its own. Runtimes: the same network by JAX as one program and by
onnxruntime, 2400x2400. Pictures are enlarged embedded photographs. Prints a line of JSON a figure; wants an idle
machine.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from nasjax.apply.filtering import load_filter, shipped_filters
from nasjax.data import open_source
from nasjax.export.network import Network, deployed
from nasjax.export.onnx.model import load_onnx, write_onnx
from nasjax.ops.lookup import polyline, sliced, trilinear
from nasjax.spaces.photo_filter import photo_filter

SIZES = {"1 MP": (1000, 1000), "2400x2400": (2400, 2400), "6 MP": (2000, 3000), "2048x4096": (2048, 4096),
         "12 MP": (3000, 4000), "24 MP": (4000, 6000)}  # height, width  # fmt: skip
NODES, CELLS, DEPTH = 9, 16, 8
# Unshipped networks of the space, whose weights do not matter for their speed.
MADE = {
    "curves": {"colour": "curves"},
    "cube": {"colour": "mix9x8"},
    "cube and grid": {"colour": "mix9x8", "grid": "a16x8", "grid.guide": "mlp"},
    "bands": {"bands": "3"},
    "half-resolution branch": {"restore": "half4conv", "restore.w": "32"},
}


def main() -> None:
    """The parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", default=["lookups", "sizes", "runtimes"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--model", nargs="*", default=shipped_filters())
    parser.add_argument("--one", nargs=2, metavar=("MODEL", "SIZE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        say(one_size(*args.one, repeats=args.repeats))
        return
    if "lookups" in args.parts:
        lookups(args.repeats)
    if "sizes" in args.parts:
        for model in args.model:
            for size in SIZES:
                command = [sys.executable, __file__, "--repeats", str(args.repeats), "--one", model, size]
                print(subprocess.run(command, check=True, capture_output=True, text=True).stdout, end="", flush=True)
    if "runtimes" in args.parts:
        for name, options in MADE.items():
            runtimes(name, options, repeats=args.repeats)


def say(row: dict) -> None:
    """One figure."""
    print(json.dumps(row), flush=True)


def seconds(run: Callable[[], object], repeats: int) -> list[float]:
    """After one call that compiles, the times of `repeats` calls, ascending."""
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return sorted(times)


def picture(height: int, width: int) -> np.ndarray:
    """An embedded photograph, enlarged."""
    photo = Image.fromarray(open_source("embedded", "test")[1]["image"])
    return np.asarray(photo.resize((width, height), Image.Resampling.BICUBIC))


def lookups(repeats: int) -> None:
    """Formulations of one three-dimensional table and of one grid, on a megapixel; they agree to 1e-4."""
    x = jnp.asarray(picture(1000, 1000), jnp.float32)[None] / 127.5 - 1
    rng = np.random.default_rng(0)
    table = jnp.asarray(rng.normal(size=(1, NODES**3, 3)), jnp.float32)
    grid = jnp.asarray(rng.normal(size=(1, CELLS, CELLS, DEPTH * 12)), jnp.float32)
    curves = jnp.asarray(rng.normal(size=(1, 16, 3)), jnp.float32)
    forms = {
        "curves: bent lines": (lambda: polyline(x, curves), None),
        "cube: gathered corners": (jax.jit(lambda: trilinear(table, x)), "cube"),
        "cube: packed cells": (jax.jit(lambda: packed(table, x)), "cube"),
        "cube: products of hats": (jax.jit(lambda: hats(table, x)), "cube"),
        "grid: gathered corners": (jax.jit(lambda: gathered(grid, x)), "grid"),
        "grid: interpolated planes": (jax.jit(lambda: planes(grid, x)), "grid"),
    }
    wanted: dict[str, np.ndarray] = {}
    for name, (fn, group) in forms.items():
        y = np.asarray(fn())
        if group is not None:
            np.testing.assert_allclose(y, wanted.setdefault(group, y), atol=1e-4)
        best = seconds(lambda fn=fn: jax.block_until_ready(fn()), repeats)
        say({"lookup": name, "ns_per_pixel": round(best[len(best) // 2] * 1e3, 1)})


def packed(table: jax.Array, x: jax.Array) -> jax.Array:
    """All eight corners of a cell in one row."""
    m, cube = NODES - 1, table.reshape(NODES, NODES, NODES, 3)
    corners = [cube[a : a + m, b : b + m, c : c + m] for a in (0, 1) for b in (0, 1) for c in (0, 1)]
    cells = jnp.stack(corners, -2).reshape(m**3, 8, 3)
    place = jnp.clip((x + 1) * (m / 2), 0, m)
    index = jnp.minimum(place.astype(jnp.int32), m - 1)
    f = place - index
    weights = [
        (f[..., 0] if a else 1 - f[..., 0]) * (f[..., 1] if b else 1 - f[..., 1]) * (f[..., 2] if c else 1 - f[..., 2])
        for a in (0, 1)
        for b in (0, 1)
        for c in (0, 1)
    ]
    rows = cells[(index[..., 0] * m + index[..., 1]) * m + index[..., 2]]
    return (rows * jnp.stack(weights, -1)[..., None]).sum(-2)


def hat(v: jax.Array, nodes: int) -> jax.Array:
    """How much each node weighs."""
    return jnp.maximum(1 - jnp.abs((v[..., None] + 1) * ((nodes - 1) / 2) - jnp.arange(nodes)), 0)


def hats(table: jax.Array, x: jax.Array) -> jax.Array:
    """A product of matrices over two colours, and a sum over the third."""
    red, green, blue = (hat(x[..., k], NODES) for k in range(3))
    pairs = (red[..., :, None] * green[..., None, :]).reshape(*x.shape[:-1], NODES**2)
    mixed = pairs @ table.reshape(NODES**2, NODES * 3)
    return (mixed.reshape(*x.shape[:-1], NODES, 3) * blue[..., None]).sum(-2)


def _places(n: int) -> jax.Array:
    return (jnp.arange(n) + 0.5) / n


def gathered(grid: jax.Array, x: jax.Array) -> jax.Array:
    """As the library does it."""
    _, h, w, _ = x.shape
    inputs = [*(x[..., k] for k in range(3)), jnp.ones(())]
    rows, columns = _places(h).reshape(1, h, 1, 1), _places(w).reshape(1, 1, w, 1)
    return sliced(grid, x.mean(-1, keepdims=True), inputs, rows=rows, columns=columns, depth=DEPTH)


def planes(grid: jax.Array, x: jax.Array) -> jax.Array:
    """Maps of every pixel by products of matrices, one step of brightness after the other."""
    _, h, w, _ = x.shape

    def near(n: int) -> jax.Array:
        place = jnp.clip(_places(n) * CELLS - 0.5, 0, CELLS - 1)
        return jnp.maximum(1 - jnp.abs(place[:, None] - jnp.arange(CELLS)), 0)

    rows = jnp.einsum("yi,bijc->byjc", near(h), grid).reshape(1, h, CELLS, DEPTH, 12)
    guide = jnp.clip((x.mean(-1) + 1) * (DEPTH / 2) - 0.5, 0, DEPTH - 1)
    maps = sum(
        jnp.einsum("xj,byjc->byxc", near(w), rows[:, :, :, z]) * jnp.maximum(1 - jnp.abs(guide - z), 0)[..., None]
        for z in range(DEPTH)
    )
    padded = jnp.concatenate([x, jnp.ones_like(x[..., :1])], -1)
    return jnp.einsum("byxnc,byxn->byxc", maps.reshape(1, h, w, 4, 3), padded)


def one_size(model: str, size: str, *, repeats: int) -> dict:
    """Seconds and the process's peak memory, with JAX and everything else in it."""
    found, pixels = load_filter(model), picture(*SIZES[size])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times = seconds(lambda: found.change(pixels, 1.0), repeats)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    row = {"model": model, "size": size, "seconds": round(times[len(times) // 2], 3), "best": round(times[0], 3)}
    return {**row, "peak_MB": peak // 1024, "before_MB": before // 1024}


def runtimes(name: str, options: dict[str, str], *, repeats: int) -> None:
    """One network at 2400x2400 by JAX and by onnxruntime."""
    network, (height, width) = made(options), SIZES["2400x2400"]
    x = picture(height, width).astype(np.float32)[None] / 127.5 - 1
    fn = jax.jit(network.apply)
    times = {"jax": seconds(lambda: jax.block_until_ready(fn(network.params, x)), repeats)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        write_onnx(network, path, {})
        run = load_onnx(path)
        times["onnxruntime"] = seconds(lambda: run(x), repeats)
    say({"network": name, **{runtime: round(t[len(t) // 2], 3) for runtime, t in times.items()}})


def made(options: dict[str, str]) -> Network:
    """A network of the space with random weights."""
    net = photo_filter()
    arch = net.space.encode(options)
    return deployed(net, net.extract_params(net.init(jax.random.key(0)), arch), arch)


if __name__ == "__main__":
    main()
