"""`nasjax search`: the whole chain."""

import argparse
import contextlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import final

from nasjax.commands.given import add_config, add_processes, add_run, experiment_of, join_others, quiet, run_path, say
from nasjax.extras import load_extra
from nasjax.files import to_json
from nasjax.say import to_stderr
from nasjax.train.writers import TensorBoard, WandB, Writer


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
    command.set_defaults(overrides=True, listed=True, config="quickstart")


def _add_whole(command: argparse.ArgumentParser) -> None:
    command.add_argument("--from", dest="reuse", metavar="RUN", help="take over what still holds of another run")
    command.add_argument("--json", action="store_true", help="print the results as JSON, and nothing else")
    text = "write the curves for these too (extras of the same names)"
    command.add_argument("--writers", nargs="+", default=(), choices=("tensorboard", "wandb"), help=text)


def run(args: argparse.Namespace, rest: list[str]) -> None:
    """Run a whole experiment, or go on with it, and print what came out."""
    from nasjax.chain.experiment import run_experiment
    from nasjax.chain.reuse import reuse
    from nasjax.chain.steps import unshipped
    from nasjax.chain.table import table_text, where_text
    from nasjax.train.processes import is_first

    join_others(args)
    experiment = experiment_of(args, rest)
    path, tell = run_path(args, experiment), quiet if args.json else say
    if args.reuse is not None:
        reuse(experiment, path, args.reuse, say=tell)
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(contextlib.closing(_writer(name, path))) for name in args.writers]
        results = run_experiment(experiment, path, say=tell, writers=writers)
    if not is_first():
        return
    if said := unshipped(experiment, path):
        to_stderr(said)
    if args.json:
        print(to_json(results, indent=1))
        return
    print(table_text(results, json.loads((path / "system.json").read_text(encoding="utf-8"))["measures"]))
    print(where_text(results, path))


def _writer(name: str, path: Path) -> Writer:
    if name == "tensorboard":
        load_extra("tensorboardX", name, "--writers tensorboard")
        return _Late(lambda: TensorBoard(path / "tensorboard"))
    load_extra(name, name, f"--writers {name}")
    return _Late(lambda: WandB(name=path.name))


@final
class _Late:
    """A writer that is made with its first numbers: by then the run is open, this process's own, and not finished."""

    def __init__(self, make_fn: Callable[[], Writer]):
        self._make_fn = make_fn
        self._made: Writer | None = None

    def write(self, step: int, values: Mapping[str, float]) -> None:
        self._made = self._made or self._make_fn()
        self._made.write(step, values)

    def close(self) -> None:
        if self._made is not None:
            self._made.close()
