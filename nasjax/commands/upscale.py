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
    """The network, the scale, pictures and the output."""
    images = "input pictures or folders of them, then the output: a file for a single picture, or an existing folder"
    parser.add_argument("images", nargs="+", help=images)
    model = "small, medium (default), or medium-real, for pictures with blur, noise or JPEG's blocks"
    parser.add_argument("--model", default="medium", help=model)
    parser.add_argument("--scale", type=int, default=4, help="how many times as wide and high: 2, 3 or 4 (default 4)")
    add_options(parser)
    add_engine(parser)


def run(args: argparse.Namespace, rest: list[str]) -> int:
    """Enlarge every picture."""
    folder = partial(_folder, args.model, args.scale)
    return run_network(args, "upscale", Network(folder, _change), example="in.jpg out.png")


def _folder(model: str, scale: int) -> Path:
    from nasjax.apply.upscalers import upscaler_folder

    return upscaler_folder(model, scale)


def _change(bundle: Path) -> "Change":
    from nasjax.apply.files import bundle_change

    return bundle_change(bundle)
