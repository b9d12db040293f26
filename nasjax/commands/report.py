"""`nasjax report`: the page of a run folder."""

import argparse
from pathlib import Path


def add(command: argparse.ArgumentParser) -> None:
    """Arguments of `nasjax report`."""
    command.add_argument("folder", help="a run folder")


def run(args: argparse.Namespace, rest: list[str]) -> None:
    """Write `report.html` and print where it is."""
    from nasjax.report import write_report

    print(write_report(Path(args.folder)))
