"""`nasjax export`: bundles of a run, graphs of a stylising network."""

import argparse
from pathlib import Path

from nasjax.commands.given import quiet
from nasjax.files import to_json


def add(command: argparse.ArgumentParser) -> None:
    """Arguments of `nasjax export`."""
    command.add_argument("folder", nargs="?", help="a run folder, or a stylising network (default: the shipped one)")
    command.add_argument("--arch", help="of a run: another arch than the found one, as text")
    command.add_argument("--to", help="the bundle to write (default: RUN/export; of a network: in place)")
    command.add_argument("--no-smooth", dest="smooth", action="store_false", help="of networks: as of nasjax stylize")


def run(args: argparse.Namespace, rest: list[str]) -> None:
    """Write a bundle of a run, or the graphs of a stylising network; print its manifest."""
    from nasjax.compiled import keep_compiled

    keep_compiled()
    if args.folder is not None and (Path(args.folder) / "config.json").is_file():
        from nasjax.chain.steps import export_arch

        print(to_json(export_arch(args.folder, args.arch, args.to, say=quiet), indent=1))
        return
    from nasjax.systems.style_transfer.ship import export_style_network

    print(to_json(export_style_network(args.folder, args.to, smooth=args.smooth), indent=1))
