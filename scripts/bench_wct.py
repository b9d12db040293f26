"""The whitening and colouring transform: time and exactness of each method, by channels; beside PyTorch.

    python scripts/bench_wct.py [--channels 64 128 256 512] [--pixels 4096] [--condition 1e4] [--gradient] [--torch]
                                [--threads 2] [--repeats 15] [--json]

One row is one transform of `--pixels` pixels of content and as many of style: statistics, roots, map. All rows of a
number of channels are timed in one interleaved run. `torch` is the same mathematics by `torch.linalg.eigh`, eager,
with the same ridge; `map` rows leave statistics and product out, so that they compare the roots alone. "covariance"
is how far the output's covariance is from the style's (relative, in float64); the ridge decides it where the content is
ill-conditioned. `--gradient` times the gradient by content and style instead.
"""

import argparse
import functools
import json
import os
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nasjax.cost.measure import device_key, measure
from nasjax.linalg import METHODS, Moments, covariance, moments, transfer, wct
from nasjax.linalg.affine import relative_ridge

EPS = 1e-5


def features(seed: int, pixels: int, channels: int, condition: float) -> np.ndarray:
    """Pixels `[1, 1, pixels, channels]` like those of a network: mean 1, variances that span `condition`."""
    rng = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(rng.normal(size=(channels, channels)))
    x = rng.normal(size=(pixels, channels)) * np.geomspace(1, condition**-0.5, channels) @ basis.T
    return np.float32(1 + x)[None, None]


def compiled(fn: Callable, *arguments: Any) -> Callable[[], Any]:
    """`fn` of these arguments as a function of none that returns when it is done."""
    program = jax.jit(fn).lower(*arguments).compile()
    placed = jax.device_put(arguments)
    return lambda: jax.block_until_ready(program(*placed))


def jax_rows(args: argparse.Namespace, x: np.ndarray, y: np.ndarray) -> dict[str, Callable[[], Any]]:
    """The whole transform (or its gradient) by each method, and the map alone."""
    rows: dict[str, Callable[[], Any]] = {}
    parts = [jax.jit(moments)(v[0, 0]) for v in (x, y)]
    for method in METHODS:
        whole = functools.partial(wct, method=method, eps=EPS)
        if args.gradient:
            rows[f"jax {method}"] = compiled(gradient_of(whole), x, y)
            continue
        rows[f"jax {method}"] = compiled(whole, x, y)
        rows[f"jax {method}, map"] = compiled(functools.partial(transfer, method=method, eps=EPS), *parts)
    return rows


def gradient_of(fn: Callable) -> Callable:
    """The gradients by content and style of a number in which every pixel counts."""
    return jax.grad(lambda x, y: (jnp.square(fn(x, y)) * x).sum(), (0, 1))


def torch_rows(args: argparse.Namespace, x: np.ndarray, y: np.ndarray) -> dict[str, Callable[[], Any]]:
    """The same in eager PyTorch; the ridge's parts that float32 asks for are computed by nasjax beforehand."""
    import torch

    torch.set_num_threads(args.threads)
    given = [torch.from_numpy(v[0, 0].copy()) for v in (x, y)]
    ridges = [torch.tensor(float(relative_ridge(jax.jit(moments)(v[0, 0]), EPS))) for v in (x, y)]

    def statistics(v):
        mean = v.mean(0)
        centred = v - mean
        return mean, centred, centred.T @ centred / (len(v) - 1)

    def root(matrix, ridge, power: float):
        values, vectors = torch.linalg.eigh(matrix)
        return (vectors * (values.clamp(min=0) + ridge) ** power) @ vectors.T

    def mapping(content, style):
        return root(content, ridges[0], -0.5) @ root(style, ridges[1], 0.5)

    def whole(content, style):
        (_, centred, mine), (mean, _, theirs) = statistics(content), statistics(style)
        return centred @ mapping(mine, theirs) + mean

    def gradient():
        leaves = [v.clone().requires_grad_() for v in given]
        return torch.autograd.grad((whole(*leaves).square() * leaves[0]).sum(), leaves)

    if args.gradient:
        return {"torch eigh": gradient}
    covariances = [statistics(v)[2] for v in given]
    calls = {"torch eigh": lambda: whole(*given), "torch eigh, map": lambda: mapping(*covariances)}
    return {name: functools.partial(inference, call) for name, call in calls.items()}


def inference(call: Callable[[], Any]) -> Any:
    """A call without a record for gradients."""
    import torch

    with torch.inference_mode():
        return call()


def exactness(out: Any, style: np.ndarray) -> float:
    """The output's covariance against the style's, relative."""
    found, wanted = (np.cov(np.asarray(v, np.float64).reshape(-1, style.shape[-1]).T) for v in (out, style))
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


def compare(args: argparse.Namespace, channels: int) -> list[dict[str, Any]]:
    """All rows of one number of channels, timed in turn."""
    x, y = (features(seed, args.pixels, channels, args.condition) for seed in (0, 1))
    rows = jax_rows(args, x, y) | (torch_rows(args, x, y) if args.torch else {})
    times = measure(rows, repeats=args.repeats)
    exact = {n: exactness(fn(), y) for n, fn in rows.items() if not args.gradient and not n.endswith("map")}
    return [
        {"channels": channels, "row": n, "ms": t.median_ms, "spread_ms": t.spread_ms, "covariance": exact.get(n)}
        for n, t in times.items()
    ]


def bound(args: argparse.Namespace, channels: int) -> float:
    """What the ridge alone takes from the output's covariance, relative to it: its share in each direction."""
    x = features(0, args.pixels, channels, args.condition)[0, 0]
    found: Moments = jax.jit(moments)(x)
    values = np.linalg.eigvalsh(np.asarray(covariance(found), np.float64))
    ridge = float(relative_ridge(found, EPS))
    return float((ridge / (values + ridge)).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--channels", type=int, nargs="+", default=[64, 128, 256, 512])
    parser.add_argument("--pixels", type=int, default=4096)
    parser.add_argument("--condition", type=float, default=1e4, help="of both covariances, before the ridge")
    parser.add_argument("--gradient", action="store_true")
    parser.add_argument("--torch", action="store_true")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="of PyTorch")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    tables = {channels: compare(args, channels) for channels in args.channels}
    if args.json:
        print(json.dumps({"device": device_key(), "pixels": args.pixels, "condition": args.condition, "rows": tables}))
        return
    print(f"{device_key()}; {args.pixels} pixels, condition {args.condition:.0e}")
    for channels, rows in tables.items():
        print(f"{channels} channels (the ridge takes up to {bound(args, channels):.1e} of a direction)")
        for r in rows:
            exact = "" if r["covariance"] is None else f"  covariance {r['covariance']:.1e}"
            print(f"  {r['row']:24}{r['ms']:9.2f} ms (spread {r['spread_ms']:.2f}){exact}")


if __name__ == "__main__":
    main()
