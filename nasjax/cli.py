"""The `nasjax` command: one sub-command for each thing a user says aloud."""

import argparse
import os
import select
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nasjax
from nasjax.commands import (
    apply,
    card,
    compare,
    compress,
    data,
    distance,
    evaluate,
    export,
    filter,
    finetune,
    import_teacher,
    profile,
    report,
    search,
    serve,
    stylize,
    train,
    upscale,
)
from nasjax.files import to_json

_OVERRIDES = (
    "Fields of the config are overridden behind it, for example '--final.train.steps 500 --budget \"params<=40K\"'"
)
_TERMINATED, _INTERRUPTED = 128 + signal.SIGTERM, 128 + signal.SIGINT
_UNREAD = 128 + 13  # SIGPIPE, which not every system has


def main(argv: Sequence[str] | None = None) -> int:
    """Run a sub-command; user errors are one line on standard error and exit code 2 (`--traceback` shows more).

    Stopped by SIGTERM the exit code is 143, by Ctrl-C 130, and 141 where nobody reads the output any more (as behind
    `| head`), as a shell has it.
    """
    args, rest = _parser().parse_known_args(argv)
    if rest and not getattr(args, "overrides", False):
        args.error_fn(f"unrecognised arguments: {' '.join(rest)}{_hint(rest)}")
    # Outside training nothing is open: what is finished is already on disk. Training saves first (`train.loop.fit`).
    signal.signal(signal.SIGTERM, lambda signum, frame: sys.exit(_TERMINATED))
    try:
        code = args.run_fn(args, rest) or 0
        sys.stdout.flush()
        return code
    except BrokenPipeError as error:
        return _left(_UNREAD if _output_is_unread() else _failed(error))
    except KeyboardInterrupt:
        print("nasjax: interrupted; what was finished is kept, the same command goes on from there", file=sys.stderr)
        return _left(_INTERRUPTED)
    except Exception as error:
        if args.traceback:
            raise
        return _left(_failed(error))


def _left(code: int) -> int:
    """The exit code; one of several processes leaves at once, or its end would wait minutes for that of the others."""
    if "jax" in sys.modules and sys.modules["jax"].distributed.is_initialized():
        sys.stderr.flush()
        os._exit(code)
    return code


def _output_is_unread() -> bool:
    """Whether nobody reads the output any more; what is still to be written of it is then forgotten."""
    try:
        output, poll = sys.stdout.fileno(), select.poll()
    except (OSError, ValueError, AttributeError):  # no file; a system without poll
        return False
    poll.register(output, 0)
    if not any(event & select.POLLERR for _, event in poll.poll(0)):
        return False
    # Python would try once more when it ends, and complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), output)
    return True


def _hint(rest: Sequence[str]) -> str:
    """What to do about files that are taken for options."""
    name = next((word for word in rest if word.startswith("-") and Path(word).exists()), None)
    text = "; {0} exists: names that begin with a dash stand behind --, or are written ./{0}"
    return "" if name is None else text.format(name)


def _failed(error: Exception) -> int:
    """Say what went wrong in one line; a stop by signal is no failure. What is not the user's doing is raised."""
    from nasjax.train.loop import Interrupted

    if isinstance(error, Interrupted):
        print(f"nasjax: {error}; the same command goes on from there", file=sys.stderr)
        return 128 + error.signum
    if not isinstance(error, ValueError | OSError | RuntimeError | ImportError):
        raise error
    print(f"nasjax: error: {_one_line(error)}", file=sys.stderr)
    return 2


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nasjax", description="Neural architecture search for image generators.")
    parser.add_argument("--version", action="version", version=f"nasjax {nasjax.__version__}")
    parser.add_argument("--traceback", action="store_true", help="show the traceback of an error")
    _add_completion(parser)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND", parser_class=_Subcommand)
    for name, (add, run_fn, text) in _COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text, add_help=False)
        command.set_defaults(run_fn=run_fn, error_fn=command.error)
        command.add_argument("--traceback", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        add(command)
        listed = command.get_default("listed")
        if command.get_default("overrides"):
            command.epilog = f"{_OVERRIDES}{'; with --help behind a config, its fields are listed' if listed else ''}."
        text = "show this, and behind a config its fields, too" if listed else "show this"
        command.add_argument("-h", "--help", action=_Help, help=text)
    return parser


class _Subcommand(argparse.ArgumentParser):
    """A parser that lets options stand between the words of a positional argument that takes `several`."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As argparse, which fills such an argument with what stands together; the words left over are joined to it."""
        several = self.get_default("several")
        if several is None:
            return super().parse_known_args(args, namespace)
        found, rest = super().parse_known_args(_named(args), namespace)
        if not any(word.startswith("-") and word != "-" for word in rest):
            getattr(found, several).extend(rest)
            rest = []
        return found, rest


def _named(words: Sequence[str]) -> list[str]:
    """The words, with those behind -- so that they are names without it: versions of Python drop it here and there."""
    at = list(words).index("--") if "--" in words else len(words)
    return [*words[:at], *(f"./{word}" if word.startswith("-") else word for word in words[at + 1 :])]


class _Help(argparse.Action):
    """The help of a sub-command; behind a config, its fields follow, from whoever reads the overrides."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None):
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        named = getattr(namespace, "config", None) or getattr(namespace, "config_file", None)
        parser.print_help()
        if not (parser.get_default("listed") and named):
            parser.exit()
        namespace.help = True


def _add_completion(parser: argparse.ArgumentParser) -> None:
    """`--print-completion SHELL`, by the library that tyro brings."""
    try:
        import shtab
    except ImportError:
        return
    shtab.add_argument_to(parser, ["--print-completion"], help="print a script that completes the command in a shell")


def _add_doctor(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print JSON instead of text")


def _doctor(args: argparse.Namespace, rest: list[str]) -> None:
    from nasjax.doctor import render
    from nasjax.doctor import report as examined

    print(to_json(examined(), indent=1) if args.json else render(examined()))


_Command = tuple[Callable[[argparse.ArgumentParser], None], Callable[[Any, list[str]], Any], str]
_COMMANDS: dict[str, _Command] = {
    "quickstart": (
        search.add_quickstart,
        search.run,
        "search a small x4 super-resolution network on the embedded photographs",
    ),
    "profile": (profile.add, profile.run, "how large the space is and what is reachable within the budget"),
    "search": (search.add, search.run, "the whole chain: train, search, fine-tune, compare, export, report; resumes"),
    "train": (train.add, train.run, "train the supernet of one stage"),
    "finetune": (finetune.add, finetune.run, "extract one arch and train it"),
    "evaluate": (evaluate.add, evaluate.run, "score a network by its own protocol"),
    "export": (export.add, export.run, "write a bundle of a run, or graphs of a stylising network"),
    "card": (card.add, card.run, "what a bundle says of itself; fill in its licence, credits and notes"),
    "apply": (apply.add, apply.run, "run a bundle on pictures"),
    "filter": (filter.add, filter.run, "a look or a correction on photographs"),
    "upscale": (upscale.add, upscale.run, "enlarge pictures by a network that comes with the package"),
    "stylize": (stylize.add, stylize.run, "give photographs the light and colour of others"),
    "serve": (serve.add, serve.run, serve.TEXT),
    "import": (import_teacher.add, import_teacher.run, import_teacher.TEXT),
    "compress": (compress.add, compress.run, compress.TEXT),
    "data": (data.add, data.run, "what is in a data set, and what is wrong with it"),
    "distance": (distance.add, distance.run, distance.TEXT),
    "compare": (compare.add, compare.run, "what several runs found, and what differs between them"),
    "report": (report.add, report.run, "write report.html of a run folder"),
    "doctor": (_add_doctor, _doctor, "versions, devices, memory, and what the missing extras would enable"),
}


if __name__ == "__main__":
    sys.exit(main())
