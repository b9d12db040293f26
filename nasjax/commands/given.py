"""What several commands are given: a config with overrides, a run folder, other processes."""

import argparse
from dataclasses import replace
from pathlib import Path

from nasjax.chain.configs import load_config, shipped
from nasjax.commands.overrides import overridden
from nasjax.config import DataConfig, Experiment


def add_config(command: argparse.ArgumentParser) -> None:
    """The config of an experiment."""
    known = ", ".join(sorted(shipped())) or "none shipped"
    command.add_argument(
        "config", nargs="?", help=f"a config file, a run folder or its config.json, or one of: {known}"
    )
    command.add_argument("--config", dest="config_file", metavar="FILE", help="the same, by name")
    for flag, side in (("--a", "before"), ("--b", "after")):
        text = f"a folder of pictures as they are {side}; --a and --b are pairs where all names match"
        command.add_argument(flag, metavar="FOLDER", help=text)
    command.set_defaults(overrides=True, listed=True)


def add_run(command: argparse.ArgumentParser, default: str | None = None) -> None:
    """The run folder, and how it is begun."""
    shown = default or "runs/NAME, or the run folder that is the config"
    command.add_argument(
        "--run", default=default, help=f"the run folder (default: {shown}); an existing one is resumed"
    )
    command.add_argument("--tiny", action="store_true", help="the same experiment in miniature: does all of it run?")


def add_processes(command: argparse.ArgumentParser) -> None:
    """Which of several processes this is."""
    text = "of several processes that no cluster manager knows of: "
    command.add_argument("--coordinator", metavar="HOST:PORT", help=text + "where the first one listens")
    command.add_argument("--processes", type=int, metavar="N", help=text + "how many there are")
    command.add_argument("--process", type=int, metavar="I", help=text + "which one this is, from 0")


def experiment_of(args: argparse.Namespace, rest: list[str]) -> Experiment:
    """The named experiment with the overrides of the command line; an unknown field ends the program with a message."""
    named = args.config or getattr(args, "config_file", None)
    if named is None:
        raise ValueError(
            f"name a config: a .py file, a run folder or its config.json, or one of: {', '.join(shipped())}"
        )
    base = load_config(named)
    base = replace(base, data=_two_folders(base.data, args))
    base = base.tiny() if getattr(args, "tiny", False) else base
    return overridden(base, [*rest, "--help"] if getattr(args, "help", False) else rest, str(named))


def _two_folders(data: DataConfig, args: argparse.Namespace) -> DataConfig:
    """The data of --a and --b, where they are given; ValueError for one without the other."""
    before, after = (getattr(args, name, None) or "" for name in ("a", "b"))
    if not before and not after:
        return data
    if not before or not after:
        raise ValueError("--a (pictures before) and --b (pictures after) go together; only one was given")
    return replace(data, source=f"folders:{before}|{after}")


def run_path(args: argparse.Namespace, experiment: Experiment) -> Path:
    """The run folder: the one that is named, the one that is the config or has it, or runs/NAME."""
    given = Path(str(args.config or args.config_file))
    alone = given.name == "config.json"  # which somebody may have written, in a folder of other things
    folder = given.parent if alone else given
    inside = (folder / ("system.json" if alone else "config.json")).is_file()
    return Path(args.run) if args.run else folder if inside else Path("runs") / experiment.name


def join_others(args: argparse.Namespace) -> None:
    """Meet the other processes of the run, where there are some; compiled programs are kept."""
    from nasjax.compiled import keep_compiled
    from nasjax.train.processes import join

    keep_compiled()
    join(args.coordinator, args.processes, args.process)


def say(text: str) -> None:
    """Tell a person, at once."""
    print(text, flush=True)


def quiet(text: str) -> None:
    """Where the output is a document."""
