"""The `nasjax` command: one sub-command for each thing a user says aloud."""

import argparse
import json
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nasjax.chain.configs import load_config, restoration, shipped
from nasjax.chain.style.config import StyleConfig
from nasjax.commands import apply, stylize
from nasjax.config import Config

_EPILOG = (
    "Fields of a config are overridden behind the sub-command, for example "
    "'nasjax search quickstart --final.train.steps 500 --budget params<=40K'."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a sub-command; user errors are one line on standard error and exit code 2 (`--traceback` shows more)."""
    parser = _parser()
    args, rest = parser.parse_known_args(argv)
    if rest and not getattr(args, "overrides", False):
        parser.error(f"unrecognised arguments: {' '.join(rest)}{_hint(rest)}")
    # Outside training nothing is open: what is finished is already on disk. Training saves first (`train.loop.fit`).
    signal.signal(signal.SIGTERM, lambda signum, frame: sys.exit(0))
    try:
        return args.run_fn(args, rest) or 0
    except KeyboardInterrupt:
        print("nasjax: interrupted; what was finished is kept, the same command goes on from there", file=sys.stderr)
        return 130
    except Exception as error:
        if args.traceback:
            raise
        return _failed(error)


def _hint(rest: Sequence[str]) -> str:
    """What to do about files that are taken for options."""
    name = next((word for word in rest if Path(word).exists()), None)
    text = "; {0} is a file: names that begin with a dash stand behind --, or are written ./{0}"
    return "" if name is None else text.format(name)


def _failed(error: Exception) -> int:
    """Say what went wrong in one line; a stop by signal is no failure. What is not the user's doing is raised."""
    from nasjax.train.loop import Interrupted

    if isinstance(error, Interrupted):
        print(f"nasjax: {error}; the same command goes on from there", file=sys.stderr)
        return 0 if error.signum == signal.SIGTERM else 130
    if not isinstance(error, ValueError | OSError | RuntimeError | ImportError):
        raise error
    print(f"nasjax: error: {_one_line(error)}", file=sys.stderr)
    return 2


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nasjax", description="Neural architecture search for image generators.", epilog=_EPILOG
    )
    parser.add_argument("--traceback", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, (add, run_fn, text) in _COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text, epilog=_EPILOG)
        command.set_defaults(run_fn=run_fn)
        command.add_argument("--traceback", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        add(command)
    return parser


def _add_config(command: argparse.ArgumentParser) -> None:
    command.add_argument("config", help=f"a config file, or one of: {', '.join(sorted(shipped())) or 'none shipped'}")
    command.set_defaults(overrides=True)


def _add_run(command: argparse.ArgumentParser) -> None:
    _add_config(command)
    command.add_argument("--run", help="the run folder (default: runs/NAME); an existing one is resumed")


def _add_profile(command: argparse.ArgumentParser) -> None:
    _add_config(command)
    command.add_argument("--latency", action="store_true", help="measure latency on this backend too (minutes)")
    command.add_argument("--run", help="the run folder that keeps what was measured (default: runs/NAME)")


def _add_stage(command: argparse.ArgumentParser) -> None:
    _add_run(command)
    command.add_argument("--stage", required=True, help="the stage to train: path, operator or channel")
    command.add_argument("--decided", help="the arch that the stages before decided, as text")


def _add_finetune(command: argparse.ArgumentParser) -> None:
    _add_run(command)
    command.add_argument("--arch", required=True, help="the arch to train, as text")
    command.add_argument("--from-scratch", action="store_true", help="start from random weights, not from shared ones")


def _add_folder(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", help="a run folder")


def _add_export(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "folder", nargs="?", help="a run folder, or a network folder of a style search (default: the shipped network)"
    )
    command.add_argument("--to", help="of stylising networks: a folder for a copy with the graphs (default: in place)")
    command.add_argument("--no-smooth", dest="smooth", action="store_false", help="of those: as of nasjax stylize")


def _add_evaluate(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", help="a bundle folder, or a run folder that has one")
    command.add_argument("--data", default="embedded", help="embedded, a folder of pictures, or tfds:NAME")
    command.add_argument("--split", default="test", choices=("train", "val", "test", "all"))


def _add_quickstart(command: argparse.ArgumentParser) -> None:
    command.add_argument("--run", default="runs/quickstart", help="the run folder")
    command.set_defaults(overrides=True, config="quickstart")


def _add_nothing(command: argparse.ArgumentParser) -> None:
    del command


def _config(args: argparse.Namespace, rest: list[str]) -> Config | StyleConfig:
    """The named config with the overrides of the command line; an unknown field ends the program with a message."""
    base = load_config(args.config)
    if not rest:
        return base
    import tyro

    return tyro.cli(type(base), default=base, args=rest, prog=f"nasjax ... {args.config}")


def _run_path(args: argparse.Namespace, config: Config | StyleConfig) -> Path:
    return Path(args.run or Path("runs") / config.name)


def _profile(args: argparse.Namespace, rest: list[str]) -> None:
    from nasjax.chain.problem import profile_text

    config = _config(args, rest)
    if isinstance(config, StyleConfig):
        from nasjax.chain.style.problem import style_profile

        print(style_profile(config))
        return
    print(profile_text(config, _run_path(args, config), latency=args.latency, say=_say))


def _search(args: argparse.Namespace, rest: list[str]) -> None:
    config = _config(args, rest)
    path = _run_path(args, config)
    if isinstance(config, StyleConfig):
        from nasjax.chain.style.experiment import run_style_experiment
        from nasjax.chain.style.show import style_table

        print(style_table(run_style_experiment(config, path, say=_say), path))
        return
    from nasjax.chain.experiment import run_experiment
    from nasjax.chain.show import table_text, where_text

    results = run_experiment(config, path, say=_say)
    print(table_text(results))
    print(where_text(path))


def _train(args: argparse.Namespace, rest: list[str]) -> None:
    from nasjax.chain.steps import train_stage

    config = restoration(_config(args, rest), args.config)
    print(train_stage(config, _run_path(args, config), args.stage, decided=args.decided, say=_say))


def _finetune(args: argparse.Namespace, rest: list[str]) -> None:
    from nasjax.chain.steps import finetune_arch

    config = restoration(_config(args, rest), args.config)
    print(finetune_arch(config, _run_path(args, config), args.arch, from_scratch=args.from_scratch, say=_say))


def _evaluate(args: argparse.Namespace, rest: list[str]) -> None:
    from nasjax.chain.steps import evaluate_bundle

    print(json.dumps(evaluate_bundle(_bundle_of(args.folder), args.data, args.split), indent=1))


def _export(args: argparse.Namespace, rest: list[str]) -> None:
    from nasjax.chain.style.graphs import export_style_network, style_folder

    if args.folder is None or style_folder(Path(args.folder)) is not None:
        print(json.dumps(export_style_network(args.folder, args.to, smooth=args.smooth), indent=1))
        return
    if args.to is not None:
        raise ValueError(f"export: --to is for stylising networks; the bundle of {args.folder} is its folder export/")
    from nasjax.chain.steps import export_run

    print(json.dumps(export_run(Path(args.folder)), indent=1))


def _report(args: argparse.Namespace, rest: list[str]) -> None:
    from nasjax.report import write_report

    print(write_report(Path(args.folder)))


def _doctor(args: argparse.Namespace, rest: list[str]) -> None:
    from nasjax.doctor import render, report

    print(render(report()))


def _bundle_of(folder: str) -> Path:
    inside = Path(folder) / "export"
    return inside if inside.is_dir() else Path(folder)


def _say(text: str) -> None:
    print(text, flush=True)


_Command = tuple[Callable[[argparse.ArgumentParser], None], Callable[[Any, list[str]], Any], str]
_COMMANDS: dict[str, _Command] = {
    "quickstart": (_add_quickstart, _search, "search a small x4 super-resolution network on the embedded photographs"),
    "profile": (_add_profile, _profile, "how large the space is and what is reachable within the budget"),
    "search": (_add_run, _search, "the whole chain: train, search, fine-tune, compare, export, report; resumes"),
    "train": (_add_stage, _train, "train the supernet of one stage"),
    "finetune": (_add_finetune, _finetune, "extract one arch and train it"),
    "evaluate": (_add_evaluate, _evaluate, "score a bundle on held-out pictures"),
    "export": (_add_export, _export, "write the bundle of a finished run again, or graphs of a stylising network"),
    "apply": (apply.add, apply.run, "run a bundle on pictures"),
    "stylize": (stylize.add, stylize.run, "give photographs the light and colour of others"),
    "report": (_add_folder, _report, "write report.html of a run folder"),
    "doctor": (_add_nothing, _doctor, "versions, devices, memory, and what the missing extras would enable"),
}


if __name__ == "__main__":
    sys.exit(main())
