"""`nasjax profile`: how large a space is, and what is reachable within the budget."""

import argparse
import contextlib

from nasjax.commands.given import add_config, experiment_of, quiet, run_path, say
from nasjax.files import to_json


def add(command: argparse.ArgumentParser) -> None:
    """Arguments of `nasjax profile`."""
    add_config(command)
    command.add_argument("--latency", action="store_true", help="measure latency on this backend too (minutes)")
    command.add_argument("--run", help="the run folder that keeps what was measured (default: runs/NAME)")
    command.add_argument("--json", action="store_true", help="print JSON, and nothing else")


def run(args: argparse.Namespace, rest: list[str]) -> None:
    """Print how large the space is and what is reachable within the budget."""
    from nasjax.chain.folder import owned
    from nasjax.chain.latency import latency_size
    from nasjax.chain.problem import profile_of
    from nasjax.cost.profile import render

    experiment, tell = experiment_of(args, rest), quiet if args.json else say
    path, measured = run_path(args, experiment), args.latency or latency_size(experiment) is not None
    # Only what is measured is kept in the run folder: without it, none is made.
    with owned(path) if measured else contextlib.nullcontext():
        found = profile_of(experiment, path, measured=measured, say=tell)
    parts = {"ranges": [r._asdict() for r in found.ranges], "limits": [limit._asdict() for limit in found.limits]}
    print(to_json(found._asdict() | parts, indent=1) if args.json else render(found))
