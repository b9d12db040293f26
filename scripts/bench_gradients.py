"""Loss and gradient of dense convolutions, alone and in a whole generator: in one piece and as nasjax writes them.

    python scripts/bench_gradients.py [--repeats 7] [--json]

"native" is one primitive a convolution, with JAX's own gradients; "whole" has gradients that are ordinary convolutions,
each over all pixels of a batch at once; "nasjax" is what trainings take on this backend: sums in pieces
(`ops/by_kernel.py`), few channels apart (`ops/dense.py`), repeating in phases (`ops/strided.py`). A 1x1 convolution is
the same in the last two, and so is repeating inside a generator. Ratios are of medians of calls that take turns.
"""

import argparse
import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nasjax.cost.measure import device_key, measure
from nasjax.ops import by_kernel, dense
from nasjax.ops.base import formulation
from nasjax.ops.conv import conv, conv_params
from nasjax.ops.params import draw
from nasjax.ops.reflect import reflect_conv, upsample2
from nasjax.ops.strided import double_nearest
from nasjax.systems.translation.rivals import hand_scaled

FORMS: tuple[str, ...] = ("native", "whole", "nasjax")
# Images and their side; the kernel's; channels.
LAYERS = {
    "3x3, a few large images": ((4, 64), 3, (64, 64)),
    "3x3, a fair round of them": ((24, 64), 3, (48, 48)),
    "3x3, a fair round of small ones": ((48, 24), 3, (24, 24)),
    "1x1, small images": ((16, 24), 1, (24, 48)),
    "7x7, colours to features": ((4, 64), 7, (3, 12)),
    "7x7, features to colours": ((4, 64), 7, (28, 3)),
    "5x5, features to colours": ((4, 64), 5, (32, 3)),
}
MACS = (20_000_000, 80_000_000)


@contextlib.contextmanager
def written(form: str) -> Iterator[None]:
    """Programs that are traced inside are of that form."""
    kept = by_kernel._PIXELS, dense._PIXELS
    if form == "whole":
        by_kernel._PIXELS = dense._PIXELS = 2**40
    try:
        with formulation("native" if form == "native" else "auto"):
            yield
    finally:
        by_kernel._PIXELS, dense._PIXELS = kept


def layers() -> Iterator[tuple[str, dict[str, Callable[..., Any]], Any, jax.Array]]:
    """Names, the function of each form, params and images."""
    for name, ((count, side), kernel, (channels, out)) in LAYERS.items():
        params = draw(jax.random.key(0), conv_params(kernel, channels, out))
        yield name, dict.fromkeys(FORMS, lambda p, x, out=out: conv(p, x, out)), params, images(count, side, channels)
    params = draw(jax.random.key(0), conv_params(3, 56, 28))
    plain = dict.fromkeys(FORMS, lambda p, x: reflect_conv(p, upsample2(x), 28))
    ours = {"nasjax": lambda p, x: double_nearest(p, x, 28)}
    yield "pixels repeated, then 3x3", plain | ours, params, images(4, 32, 56)


def generators() -> Iterator[tuple[str, dict[str, Callable[..., Any]], Any, jax.Array]]:
    """The usual generator of four blocks, scaled down."""
    for macs in MACS:
        (rival,) = hand_scaled(
            macs, ways=("narrower",), space="resnet", blocks=4, norm="instance", up="nearest", size=(64, 64)
        )
        assert rival.networks is not None and rival.arch is not None
        net, x = rival.networks.supernet, images(4, 64, 3)
        module = net.extract(np.asarray(rival.arch))
        params = net.extract_params(net.init(jax.random.key(0)), np.asarray(rival.arch))
        apply = dict.fromkeys(FORMS, lambda p, x, module=module: module.apply({"params": p}, x))
        yield f"a generator of {macs // 10**6}M MACs", apply, params, x


def images(count: int, side: int, channels: int) -> jax.Array:
    """Noise."""
    return jax.random.normal(jax.random.key(1), (count, side, side, channels))


def timed(forms: dict[str, Callable[..., Any]], params: Any, x: jax.Array, repeats: int) -> dict[str, float]:
    """Milliseconds of loss and gradient, by params and images, in every form."""
    members = {}
    for form, fn in forms.items():
        with written(form):
            program = jax.jit(jax.value_and_grad(lambda p, x, fn=fn: jnp.square(fn(p, x)).mean(), (0, 1)))
            compiled = program.lower(params, x).compile()
        members[form] = lambda compiled=compiled: jax.block_until_ready(compiled(params, x))
    return {form: t.median_ms for form, t in measure(members, repeats=repeats).items()}


def main() -> None:
    """Print a row a layer and a generator."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = [
        {"what": name, **timed(forms, params, x, args.repeats)} for name, forms, params, x in (*layers(), *generators())
    ]
    if args.json:
        print(json.dumps({"device": device_key(), "rows": rows}))
        return
    print(device_key())
    print(f"| loss and gradient | {', '.join(FORMS)}, ms | whole / nasjax |\n|---|---|---|")
    for row in rows:
        times = ", ".join(f"{row[form]:.1f}" for form in FORMS)
        print(f"| {row['what']} | {times} | {row['whole'] / row['nasjax']:.1f} |")


if __name__ == "__main__":
    main()
