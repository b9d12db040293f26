"""`nasjax finetune`: one arch alone."""

import argparse

from nasjax.commands.given import add_config, add_processes, add_run, experiment_of, join_others, run_path, say


def add(command: argparse.ArgumentParser) -> None:
    """Arguments of `nasjax finetune`."""
    add_config(command)
    add_run(command)
    add_processes(command)
    command.add_argument("--arch", help="the arch to train, as text (default: that of --from)")
    weights = "start from the weights of a bundle, or of a run that has one"
    command.add_argument("--from", dest="bundle", metavar="BUNDLE", help=weights)
    command.add_argument("--from-scratch", action="store_true", help="start from random weights, not from shared ones")


def run(args: argparse.Namespace, rest: list[str]) -> None:
    """Train one arch alone."""
    from nasjax.chain.steps import finetune_arch

    join_others(args)
    experiment = experiment_of(args, rest)
    path = run_path(args, experiment)
    print(finetune_arch(experiment, path, args.arch, bundle=args.bundle, from_scratch=args.from_scratch, say=say))
