"""`nasjax export`: bundles of a run, graphs of a stylising network."""

import argparse
from pathlib import Path
from typing import Any

from nasjax.commands.given import quiet
from nasjax.files import to_json


def add(command: argparse.ArgumentParser) -> None:
    """Arguments of `nasjax export`."""
    command.add_argument("folder", nargs="?", help="a run folder, or a stylising network (default: the shipped one)")
    command.add_argument("--arch", help="of a run: another arch than the found one, as text")
    command.add_argument("--to", help="the bundle to write (default: RUN/export; of a network: in place)")
    text = "graphs beside the weights: stablehlo, onnx (default: those of the run's config; of a network: both)"
    command.add_argument("--formats", nargs="*", metavar="FORMAT", choices=("stablehlo", "onnx"), help=text)
    text = "of a run: with the weights to train on from, or without (default: as its config says)"
    command.add_argument("--trainable", action=argparse.BooleanOptionalAction, help=text)
    command.add_argument("--no-smooth", dest="smooth", action="store_false", help="of networks: as of nasjax stylize")


def run(args: argparse.Namespace, rest: list[str]) -> None:
    """Write a bundle of a run, or the graphs of a stylising network; print its manifest."""
    from nasjax.compiled import keep_compiled

    keep_compiled()
    is_run = args.folder is not None and (Path(args.folder) / "config.json").is_file()
    print(to_json(_bundle(args) if is_run else _graphs(args), indent=1))


def _bundle(args: argparse.Namespace) -> dict[str, Any]:
    from nasjax.chain.steps import export_arch

    if not args.smooth:
        raise ValueError(
            f"export: {args.folder} is a run, whose graphs are as its config says; --no-smooth is for a network: "
            f"nasjax export {Path(args.folder) / 'export'} --no-smooth"
        )
    return export_arch(args.folder, args.arch, args.to, formats=args.formats, trainable=args.trainable, say=quiet)


def _graphs(args: argparse.Namespace) -> dict[str, Any]:
    from nasjax.export.bundle import FORMATS
    from nasjax.systems.style_transfer.ship import export_style_network, style_folder

    if args.folder is not None and style_folder(Path(args.folder)) is None:
        raise ValueError(f"export: {args.folder} is neither a run folder nor a stylising network")
    for flag, given in (("--arch", args.arch), ("--trainable", args.trainable)):
        if given is not None:
            raise ValueError(f"export: {flag} is for a run folder, not for a network")
    formats = FORMATS if args.formats is None else args.formats
    return export_style_network(args.folder, args.to, smooth=args.smooth, formats=formats)
