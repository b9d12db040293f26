"""`nasjax train`: the supernet of one stage."""

import argparse

from nasjax.commands.given import add_config, add_processes, add_run, experiment_of, join_others, run_path, say


def add(command: argparse.ArgumentParser) -> None:
    """Arguments of `nasjax train`."""
    add_config(command)
    add_run(command)
    add_processes(command)
    command.add_argument("--stage", help="the stage to train (needed), such as path, operator or channel")
    command.add_argument("--decided", help="the arch that the stages before decided, as text")


def run(args: argparse.Namespace, rest: list[str]) -> None:
    """Train the supernet of one stage."""
    from nasjax.chain.steps import train_one

    join_others(args)
    experiment = experiment_of(args, rest)
    if args.stage is None:
        raise ValueError(f"train: name the stage with --stage: one of {', '.join(s.stage for s in experiment.stages)}")
    print(train_one(experiment, run_path(args, experiment), args.stage, decided=args.decided, say=say))
