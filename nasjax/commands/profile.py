"""`nasjax profile`: how large a space is, and what is reachable within the budget."""

import argparse

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
    from nasjax.chain.problem import profile_of
    from nasjax.cost.profile import render

    experiment, tell = experiment_of(args, rest), quiet if args.json else say
    found = profile_of(experiment, run_path(args, experiment), latency=args.latency, say=tell)
    parts = {"ranges": [r._asdict() for r in found.ranges], "limits": [limit._asdict() for limit in found.limits]}
    print(to_json(found._asdict() | parts, indent=1) if args.json else render(found))
