"""The commands about experiments: profile, search, and the single steps train, finetune, evaluate and export."""

import argparse
import json
from pathlib import Path

from nasjax.chain.configs import load_config, shipped
from nasjax.config import Experiment


def add_search(command: argparse.ArgumentParser) -> None:
    """Arguments of `nasjax search`."""
    _add_config(command)
    _add_run(command)
    _add_processes(command)


def add_quickstart(command: argparse.ArgumentParser) -> None:
    """Arguments of `nasjax quickstart`."""
    _add_run(command, default="runs/quickstart")
    _add_processes(command)
    command.set_defaults(overrides=True, config="quickstart")


def add_profile(command: argparse.ArgumentParser) -> None:
    """Arguments of `nasjax profile`."""
    _add_config(command)
    command.add_argument("--latency", action="store_true", help="measure latency on this backend too (minutes)")
    command.add_argument("--run", help="the run folder that keeps what was measured (default: runs/NAME)")


def add_train(command: argparse.ArgumentParser) -> None:
    """Arguments of `nasjax train`."""
    _add_config(command)
    _add_run(command)
    _add_processes(command)
    command.add_argument("--stage", required=True, help="the stage to train, such as path, operator or channel")
    command.add_argument("--decided", help="the arch that the stages before decided, as text")


def add_finetune(command: argparse.ArgumentParser) -> None:
    """Arguments of `nasjax finetune`."""
    _add_config(command)
    _add_run(command)
    _add_processes(command)
    command.add_argument("--arch", required=True, help="the arch to train, as text")
    command.add_argument("--from-scratch", action="store_true", help="start from random weights, not from shared ones")


def add_evaluate(command: argparse.ArgumentParser) -> None:
    """Arguments of `nasjax evaluate`."""
    command.add_argument("folder", help="a run folder, or a bundle of one")
    command.add_argument("--arch", help="of a run: another arch than the found one, as text")
    command.add_argument("--data", help="embedded, a folder of pictures, or tfds:NAME (default: those of the run)")
    command.add_argument("--split", default="test", choices=("train", "val", "test", "all"))


def add_export(command: argparse.ArgumentParser) -> None:
    """Arguments of `nasjax export`."""
    command.add_argument("folder", nargs="?", help="a run folder, or a stylising network (default: the shipped one)")
    command.add_argument("--arch", help="of a run: another arch than the found one, as text")
    command.add_argument("--to", help="the bundle to write (default: RUN/export; of a network: in place)")
    command.add_argument("--no-smooth", dest="smooth", action="store_false", help="of networks: as of nasjax stylize")


def profile(args: argparse.Namespace, rest: list[str]) -> None:
    """Print how large the space is and what is reachable within the budget."""
    from nasjax.chain.problem import profile_text

    experiment = _experiment(args, rest)
    print(profile_text(experiment, _path(args, experiment), latency=args.latency, say=say))


def search(args: argparse.Namespace, rest: list[str]) -> None:
    """Run a whole experiment, or go on with it, and print what came out."""
    from nasjax.chain.experiment import run_experiment
    from nasjax.chain.reuse import reuse
    from nasjax.chain.table import table_text, where_text

    experiment = _experiment(args, rest)
    path = _path(args, experiment)
    _join(args)
    if args.reuse is not None:
        reuse(experiment, path, args.reuse, say=say)
    results = run_experiment(experiment, path, say=say)
    if args.json:
        print(json.dumps(results, indent=1))
        return
    print(table_text(results, json.loads((path / "system.json").read_text(encoding="utf-8"))["measures"]))
    print(where_text(results, path))


def train(args: argparse.Namespace, rest: list[str]) -> None:
    """Train the supernet of one stage."""
    from nasjax.chain.steps import train_one

    experiment = _experiment(args, rest)
    _join(args)
    print(train_one(experiment, _path(args, experiment), args.stage, decided=args.decided, say=say))


def finetune(args: argparse.Namespace, rest: list[str]) -> None:
    """Train one arch alone."""
    from nasjax.chain.steps import finetune_arch

    experiment = _experiment(args, rest)
    _join(args)
    print(finetune_arch(experiment, _path(args, experiment), args.arch, from_scratch=args.from_scratch, say=say))


def evaluate(args: argparse.Namespace, rest: list[str]) -> None:
    """Print the measures of a network, by its own system's protocol."""
    from nasjax.chain.steps import evaluate_arch, evaluate_bundle

    folder = Path(args.folder)
    if (folder / "card.json").is_file():
        print(json.dumps(evaluate_bundle(folder, args.data, args.split, say=_quiet), indent=1))
        return
    print(json.dumps(evaluate_arch(folder, args.arch, data=args.data, split=args.split, say=_quiet), indent=1))


def export(args: argparse.Namespace, rest: list[str]) -> None:
    """Write a bundle of a run, or the graphs of a stylising network; print its manifest."""
    if args.folder is not None and (Path(args.folder) / "config.json").is_file():
        from nasjax.chain.steps import export_arch

        print(json.dumps(export_arch(args.folder, args.arch, args.to, say=_quiet), indent=1))
        return
    from nasjax.systems.style_transfer.ship import export_style_network

    print(json.dumps(export_style_network(args.folder, args.to, smooth=args.smooth), indent=1))


def say(text: str) -> None:
    """Tell a person, at once."""
    print(text, flush=True)


def _quiet(text: str) -> None:
    """Where the output is a document."""


def _add_config(command: argparse.ArgumentParser) -> None:
    known = ", ".join(sorted(shipped())) or "none shipped"
    command.add_argument(
        "config", nargs="?", help=f"a config file, a run folder or its config.json, or one of: {known}"
    )
    command.add_argument("--config", dest="config_file", metavar="FILE", help="the same, by name")
    command.set_defaults(overrides=True)


def _add_run(command: argparse.ArgumentParser, default: str | None = None) -> None:
    shown = default or "runs/NAME, or the run folder that is the config"
    command.add_argument(
        "--run", default=default, help=f"the run folder (default: {shown}); an existing one is resumed"
    )
    command.add_argument("--from", dest="reuse", metavar="RUN", help="take over what still holds of another run")
    command.add_argument("--tiny", action="store_true", help="the same experiment in miniature: does all of it run?")
    command.add_argument("--json", action="store_true", help="print the results as JSON")


def _add_processes(command: argparse.ArgumentParser) -> None:
    text = "of several processes that no cluster manager knows of: "
    command.add_argument("--coordinator", metavar="HOST:PORT", help=text + "where the first one listens")
    command.add_argument("--processes", type=int, metavar="N", help=text + "how many there are")
    command.add_argument("--process", type=int, metavar="I", help=text + "which one this is, from 0")


def _join(args: argparse.Namespace) -> None:
    from nasjax.train.processes import join

    join(args.coordinator, args.processes, args.process)


def _experiment(args: argparse.Namespace, rest: list[str]) -> Experiment:
    """The named experiment with the overrides of the command line; an unknown field ends the program with a message."""
    named = args.config or getattr(args, "config_file", None)
    if named is None:
        raise ValueError(
            f"name a config: a .py file, a run folder or its config.json, or one of: {', '.join(shipped())}"
        )
    base = load_config(named)
    base = base.tiny() if getattr(args, "tiny", False) else base
    rest = [*rest, "--help"] if getattr(args, "help", False) else rest
    if not rest:
        return base
    import tyro

    return tyro.cli(Experiment[type(base.system)], default=base, args=rest, prog=f"nasjax ... {named}")


def _path(args: argparse.Namespace, experiment: Experiment) -> Path:
    given = Path(str(args.config or args.config_file))
    folder = given.parent if given.name == "config.json" else given
    inside = folder if (folder / "config.json").is_file() else None
    return Path(args.run) if args.run else inside or Path("runs") / experiment.name
