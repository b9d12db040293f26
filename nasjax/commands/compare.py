"""`nasjax compare RUN RUN...`: what several runs found, and what differs between them."""

import argparse

from nasjax.files import to_json


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("folders", nargs="+", metavar="RUN", help="run folders; each is compared with the first")
    parser.set_defaults(several="folders")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def run(args: argparse.Namespace, rest: list[str]) -> None:
    """Print the comparison; a run without a found network, and fewer than two runs, are ValueErrors."""
    from nasjax.report import load_run
    from nasjax.report.compare import compare_runs, comparison_json, comparison_text

    found = compare_runs([load_run(folder, partial=True) for folder in args.folders])
    print(to_json(comparison_json(found), indent=1) if args.json else comparison_text(found))
