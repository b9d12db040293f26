"""`nasjax search`: the whole chain."""

import argparse
import json

from nasjax.commands.given import add_config, add_processes, add_run, experiment_of, join_others, run_path, say


def add(command: argparse.ArgumentParser) -> None:
    """Arguments of `nasjax search`."""
    add_config(command)
    add_run(command)
    add_processes(command)
    _add_whole(command)


def add_quickstart(command: argparse.ArgumentParser) -> None:
    """Arguments of `nasjax quickstart`."""
    add_run(command, default="runs/quickstart")
    add_processes(command)
    _add_whole(command)
    command.set_defaults(overrides=True, config="quickstart")


def _add_whole(command: argparse.ArgumentParser) -> None:
    command.add_argument("--from", dest="reuse", metavar="RUN", help="take over what still holds of another run")
    command.add_argument("--json", action="store_true", help="print the results as JSON")


def run(args: argparse.Namespace, rest: list[str]) -> None:
    """Run a whole experiment, or go on with it, and print what came out."""
    from nasjax.chain.experiment import run_experiment
    from nasjax.chain.reuse import reuse
    from nasjax.chain.table import table_text, where_text
    from nasjax.train.processes import is_first

    experiment = experiment_of(args, rest)
    path = run_path(args, experiment)
    join_others(args)
    if args.reuse is not None:
        reuse(experiment, path, args.reuse, say=say)
    results = run_experiment(experiment, path, say=say)
    if not is_first():
        return
    if args.json:
        print(json.dumps(results, indent=1))
        return
    print(table_text(results, json.loads((path / "system.json").read_text(encoding="utf-8"))["measures"]))
    print(where_text(results, path))
