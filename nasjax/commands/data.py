"""`nasjax data`: what is in a data set, and what is wrong with it."""

import argparse

from nasjax.files import to_json

TEXT = "look at a data set: sizes, modes, unreadable files, unmatched names, near-duplicates between splits"


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("action", choices=("check",), help="check: report what is in it and what would go wrong")
    parser.add_argument("data", help="embedded, furniture, a folder, pairs:PATH, side-by-side:PATH, unpaired:PATH, ...")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument("--patch", type=int, help="also name the pictures that are smaller than a patch of so many")


def run(args: argparse.Namespace, rest: list[str]) -> int:
    """Print the report; 1 where something would stop a training."""
    from nasjax.data.check import check_data

    report = check_data(args.data, patch=args.patch)
    print(to_json(report.as_dict(), indent=1) if args.json else report.text())
    return 1 if report.problems else 0
