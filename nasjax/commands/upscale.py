"""`nasjax upscale`: larger pictures by the networks that come with the package."""

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from nasjax.commands.engine import Network, add_engine, run_network
from nasjax.commands.pictures import add_options

if TYPE_CHECKING:
    from nasjax.apply.files import Change


def add(parser: argparse.ArgumentParser) -> None:
    """The network, the scale, how sharp, pictures and the output."""
    images = "input pictures or folders of them, then the output: a file for a single picture, or an existing folder"
    parser.add_argument("images", nargs="+", help=images)
    model = "small, medium (default), or medium-real, for pictures with blur, noise or JPEG's blocks"
    parser.add_argument("--model", default="medium", help=model)
    parser.add_argument("--scale", type=int, default=4, help="how many times as wide and high: 2, 3 or 4 (default 4)")
    perceptual = "weights that look sharp rather than stay close to the truth, as --sharpness 1 (medium, x4)"
    parser.add_argument("--perceptual", action="store_true", help=perceptual)
    sharpness = "between both kinds of weights: 0, as without it, to 1, as --perceptual"
    parser.add_argument("--sharpness", type=float, metavar="0..1", help=sharpness)
    add_options(parser)
    add_engine(parser)


def run(args: argparse.Namespace, rest: list[str]) -> int:
    """Enlarge every picture."""
    sharpness = float(args.perceptual) if args.sharpness is None else args.sharpness
    given = {"model": args.model, "scale": args.scale}
    change = partial(_change, **given, sharpness=sharpness, wrap=args.wrap)
    return run_network(args, "upscale", Network(partial(_folder, **given), change), example="in.jpg out.png")


def _folder(model: str, scale: int) -> Path:
    from nasjax.apply.upscalers import upscaler_folder

    return upscaler_folder(model, scale)


def _change(bundle: Path, *, model: str, scale: int, sharpness: float, wrap: bool) -> "Change":
    from nasjax.apply.files import bundle_change
    from nasjax.apply.upscalers import load_upscaler

    # What a folder's manifest tells networks apart by are their weights, so by their sharpness too.
    return bundle_change(load_upscaler(model, scale, sharpness=sharpness) if sharpness else bundle, wrap=wrap)
