"""`nasjax apply`: a bundle on pictures."""

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from nasjax.commands.engine import Network, add_engine, run_network
from nasjax.commands.pictures import add_options

if TYPE_CHECKING:
    from nasjax.apply.files import Change


def add(parser: argparse.ArgumentParser) -> None:
    """The bundle, pictures and the output."""
    parser.add_argument("bundle", help="a bundle folder, or a run folder that has one")
    images = "input pictures or folders of them, then the output: a file for a single picture, or an existing folder"
    parser.add_argument("images", nargs="+", help=images)
    parser.set_defaults(several="images")
    runtime = "what computes: jax (default), or onnx for onnxruntime on the CPU (extra: onnx)"
    parser.add_argument("--runtime", choices=("jax", "onnx"), default="jax", help=runtime)
    add_options(parser)
    add_engine(parser)


def run(args: argparse.Namespace, rest: list[str]) -> int:
    """Run the bundle on every picture."""
    change = partial(_change, runtime=args.runtime, wrap=args.wrap)
    return run_network(args, "apply", Network(partial(_folder, args.bundle), change), example="BUNDLE in.png out.png")


def _folder(bundle: str) -> Path:
    from nasjax.apply.files import bundle_folder

    return bundle_folder(bundle)


def _change(bundle: Path, *, runtime: str, wrap: bool) -> "Change":
    from nasjax.apply.files import bundle_change

    return bundle_change(bundle, runtime=runtime, wrap=wrap)
