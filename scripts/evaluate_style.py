"""Style transfer against its baselines: a table over pairs of photographs, and a contact sheet.

    python scripts/evaluate_style.py --pairs FOLDER [--take odd] [--size 512] [--network FOLDER]
        [--baselines runs/style_baselines] [--methods ours cascade] [--filters 16:3e-4:4 4:1e-2:1] [--crop 304 208]
        [--sheet docs/images/style_sheet.jpg] [--rows 12] [--json]

Pairs are NAME_content.* and NAME_style.*, of which nothing but this script has seen the odd-numbered ones. Contents are
reduced to `--size` pixels on the longest side, styles too. Columns: edge SSIM of output and content (1 keeps every
edge); style distance relative to that of the untouched content (0 has reached the style; VGG16 relu1_1 .. relu4_1, for
which the extra `nasjax[perceptual]` is needed); sliced Wasserstein distance of output and style in CIELAB; mean chroma
over the style's (of styles that have any); per cent of pixels cut off; median milliseconds of a picture, programs
compiled, statistics of both pictures included. "ours" is what `nasjax stylize` writes, "ours, unmatched" without its
match of colours (`--no-match`), "ours, bare" without the filter, too (`--no-smooth`).
Baselines: global colour transfer (Monge-Kantorovich, Reinhard), and with trained decoders at `--baselines`
(`scripts/train_style_baselines.py`) the PhotoWCT-like cascade, with its own smoothing and with ours, and the WCT2-like
network. "ours, cascade's filter" smooths the output as the cascade's is; each of `--filters`, RADIUS:EPSILON:STRIDE of
`ops.guided.keep_detail`, is a method "ours RADIUS:EPSILON:STRIDE".
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image, ImageDraw

from nasjax.apply.photo import limit_size, read_photo
from nasjax.apply.stylist import Stylist
from nasjax.apply.stylize import SHIPPED
from nasjax.cost.measure import device_key
from nasjax.data.style_pairs import pair_paths
from nasjax.export.stylist import load_style_network
from nasjax.export.weights import read_weights
from nasjax.metrics.palette import clipped_share, mean_chroma, sliced_wasserstein
from nasjax.metrics.style import edge_ssim, style_distance
from nasjax.nets.cascade import Smoothing, cascade
from nasjax.nets.colour import monge_kantorovich, reinhard
from nasjax.nets.vgg import load_vgg16, vgg
from nasjax.nets.wct2 import wct2
from nasjax.ops.guided import guided_filter, keep_detail

Method = Callable[[Any, Any], Any]
CONVS = (2, 2, 3, 3, 1)
GREY = 3.0  # chroma in CIELAB up to which a style is taken for black and white


def methods(args: argparse.Namespace) -> dict[str, Method]:
    """Every method that can be run, as `(content, style) -> output`, images [h, w, 3]."""
    network = load_style_network(args.network or SHIPPED)
    stylist = Stylist(network, method="eigh", smooth=False, match=False)
    keep = jax.jit(lambda c, y: keep_detail(c, y).clip(-1, 1))
    found: dict[str, Method] = {
        "ours": _stylised(Stylist(network, method="eigh")),
        "ours, unmatched": _stylised(Stylist(network, method="eigh", match=False)),
        "ours, bare": _stylised(stylist),
        "Monge-Kantorovich": jax.jit(lambda c, s: monge_kantorovich(c, s)),
        "Reinhard": jax.jit(lambda c, s: reinhard(c, s)),
    }
    window = Smoothing()
    own = jax.jit(lambda c, y: guided_filter(c, y, radius=window.radius, epsilon=window.epsilon).clip(-1, 1))
    found["ours, cascade's filter"] = lambda c, s: own(c, _stylised(stylist)(c, s))
    found |= {f"ours {text}": _filtered(stylist, text) for text in getattr(args, "filters", ())}
    folder = Path(args.baselines)
    levels = [level for level in (4, 3, 2, 1) if (folder / f"cascade{level}.safetensors").is_file()]
    if levels:
        bare = _cascade(folder, levels)
        found["cascade"] = lambda c, s: own(c, bare(c, s))
        found["cascade, our filter"] = lambda c, s: keep(c, bare(c, s))
    if (folder / "wct2.safetensors").is_file():
        found["WCT2-like"] = _wct2(folder)
    return found


def _stylised(stylist: Stylist) -> Method:
    return lambda c, s: stylist(np.asarray(c), stylist.style(np.asarray(s)))


def _filtered(stylist: Stylist, text: str) -> Method:
    """The found network with another filter, RADIUS:EPSILON:STRIDE."""
    radius, epsilon, stride = (kind(part) for kind, part in zip((int, float, int), text.split(":"), strict=True))
    keep = jax.jit(lambda c, y: keep_detail(c, y, radius=radius, epsilon=epsilon, stride=stride).clip(-1, 1))
    return lambda c, s: keep(c, _stylised(stylist)(c, s))


def _cascade(folder: Path, levels: list[int]) -> Method:
    """The cascade without its smoothing, so that several filters share its program."""
    top = levels[0]
    net = cascade((64, 128, 256, 512)[:top], (*CONVS[: top - 1], 1), levels=tuple(levels), smoothing=None)
    params = {"encoder": load_vgg16(top)}
    params |= {f"decoder{level}": read_weights(folder / f"cascade{level}.safetensors") for level in levels}
    run = jax.jit(lambda p, c, s: net.apply(p, c[None], s[None])[0])
    return lambda c, s: run(params, c, s)


def _wct2(folder: Path) -> Method:
    decoder = read_weights(folder / "wct2.safetensors")
    top = 1 + sum(name.endswith("_1") for name in decoder)
    net = wct2((64, 128, 256, 512)[:top], (*CONVS[: top - 1], 1))
    params = {"encoder": load_vgg16(top), "decoder": decoder}
    run = jax.jit(lambda p, c, s: net.apply(p, c[None], s[None])[0])
    return lambda c, s: run(params, c, s)


def photo(path: Path, size: int) -> jax.Array:
    """A picture in [-1, 1] whose longest side is `size`."""
    return jnp.asarray(limit_size(read_photo(path), size).rgb)


def middle(image: jax.Array, crop: list[int]) -> jax.Array | None:
    """What is `crop` (width, height) large in the middle of a picture, or None where it is smaller."""
    width, height = crop
    y, x = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[y : y + height, x : x + width] if min(x, y) >= 0 else None


def judge() -> Callable[[Any, Any, Any], dict[str, float]]:
    """The scores of an output, by the names of the columns."""
    encode, weights = vgg((64, 128, 256, 512)).apply, load_vgg16(4)
    distance = jax.jit(lambda y, s: style_distance(encode, weights, y, style=s))
    edges = jax.jit(edge_ssim)

    def score(y: Any, c: Any, s: Any) -> dict[str, float]:
        y, colour = jnp.asarray(y), float(mean_chroma(s))
        return {
            "edge SSIM": float(edges(y, c)),
            "style": float(distance(y, s) / distance(c, s)),
            "colours": float(sliced_wasserstein(y, s)),
            "chroma": float(mean_chroma(y)) / colour if colour > GREY else float("nan"),
            "clipped %": 100 * float(clipped_share(y)),
        }

    return score


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", required=True)
    parser.add_argument("--take", default="odd", choices=("all", "even", "odd"))
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument(
        "--crop",
        type=int,
        nargs=2,
        default=[],
        help="width, height of the middle that is used; smaller pairs are left out",
    )
    parser.add_argument("--number", type=int, help="only the first so many pairs")
    parser.add_argument("--skip", type=int, default=0, help="leave out the first so many of them")
    parser.add_argument("--network", default=str(SHIPPED))
    parser.add_argument("--baselines", default="runs/style_baselines")
    parser.add_argument("--methods", nargs="+", help="only these, by the names of the table")
    parser.add_argument("--filters", nargs="+", default=[], metavar="RADIUS:EPSILON:STRIDE")
    parser.add_argument("--sheet")
    parser.add_argument("--columns", nargs="+", help="the methods on the sheet, in this order (default: all)")
    parser.add_argument("--rows", type=int, default=12)
    parser.add_argument("--no-scores", action="store_true", help="only the contact sheet")
    parser.add_argument("--no-times", action="store_true", help="run each method once; milliseconds mean nothing then")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    runs, score = methods(args), None if args.no_scores else judge()
    if unknown := set(args.methods or ()) - set(runs):
        parser.error(f"no method {sorted(unknown)[0]!r}; there are: {', '.join(runs)}")
    runs = {name: runs[name] for name in args.methods or runs}
    if unknown := set(args.columns or ()) - set(runs):
        parser.error(f"no column {sorted(unknown)[0]!r}; methods that run: {', '.join(runs)}")
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in runs}
    shown: list[list[Any]] = []
    for pair in pair_paths(args.pairs, args.take)[args.skip :][: args.number]:
        content, style = photo(pair.content, args.size), photo(pair.style, args.size)
        if args.crop:
            content, style = middle(content, args.crop), middle(style, args.crop)
        if content is None or style is None:
            continue
        outputs = []
        for name, run in runs.items():
            if not args.no_times:
                jax.block_until_ready(run(content, style))  # compiles, where the size is new
            start = time.perf_counter()
            outputs.append(jax.block_until_ready(run(content, style)))
            took = 1000 * (time.perf_counter() - start)
            rows[name].append((score(outputs[-1], content, style) if score else {}) | {"ms": took})
        by_name = dict(zip(runs, outputs, strict=True))
        shown.append([content, style, *[by_name[name] for name in args.columns or runs]])
    if args.sheet:
        sheet(shown[: args.rows], ["content", "style", *(args.columns or runs)], Path(args.sheet))
    means = {name: _means(found) for name, found in rows.items()}
    if args.json:
        print(json.dumps({"device": device_key(), "size": args.size, "pairs": len(shown), "rows": means}))
        return
    print(f"{device_key()}; {len(shown)} pairs, longest side {args.size}")
    for name, found in means.items():
        print(f"{name:<20} " + "   ".join(f"{what} {value:.3f}" for what, value in found.items()))


def _means(found: list[dict[str, float]]) -> dict[str, float]:
    """The mean over pairs, of milliseconds the median; what is not a number is left out."""
    columns = {what: [row[what] for row in found if row[what] == row[what]] for what in found[0]}
    return {what: (statistics.median if what == "ms" else statistics.mean)(each) for what, each in columns.items()}


def sheet(rows: list[list[Any]], names: list[str], path: Path, *, width: int = 240) -> None:
    """One row a pair, one column a method."""
    heights = [round(width * row[0].shape[0] / row[0].shape[1]) for row in rows]
    page = Image.new("RGB", (width * len(names) + 4 * (len(names) - 1), sum(heights) + 4 * len(rows) + 18), "white")
    pen = ImageDraw.Draw(page)
    for k, name in enumerate(names):
        pen.text((k * (width + 4) + 4, 3), name, fill="black")
    top = 18
    for row, height in zip(rows, heights, strict=True):
        for k, image in enumerate(row):
            pixels = np.round((np.asarray(image).clip(-1, 1) + 1) * 127.5).astype(np.uint8)
            page.paste(
                Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS), (k * (width + 4), top)
            )
        top += height + 4
    page.save(path, quality=85)


if __name__ == "__main__":
    main()
