"""`nasjax profile`: how large a space is, and what is reachable within the budget."""

import argparse

from nasjax.commands.given import add_config, experiment_of, run_path, say


def add(command: argparse.ArgumentParser) -> None:
    """Arguments of `nasjax profile`."""
    add_config(command)
    command.add_argument("--latency", action="store_true", help="measure latency on this backend too (minutes)")
    command.add_argument("--run", help="the run folder that keeps what was measured (default: runs/NAME)")


def run(args: argparse.Namespace, rest: list[str]) -> None:
    """Print how large the space is and what is reachable within the budget."""
    from nasjax.chain.problem import profile_text

    experiment = experiment_of(args, rest)
    print(profile_text(experiment, run_path(args, experiment), latency=args.latency, say=say))
