"""`nasjax evaluate`: the measures of a network."""

import argparse
import tempfile
from pathlib import Path

from nasjax.commands.given import quiet
from nasjax.commands.pictures import read_all
from nasjax.files import to_json


def add(command: argparse.ArgumentParser) -> None:
    """Arguments of `nasjax evaluate`."""
    command.add_argument("folder", help="a run folder, or a bundle of one")
    command.add_argument("--arch", help="of a run: another arch than the found one, as text")
    command.add_argument("--data", help="embedded, a folder of pictures, or tfds:NAME (default: those of the run)")
    command.add_argument("--split", default="test", choices=("train", "val", "test", "all"))


def run(args: argparse.Namespace, rest: list[str]) -> int:
    """Print the measures of a network, by its own system's protocol; 1 where a picture of a folder cannot be read."""
    from nasjax.compiled import keep_compiled

    keep_compiled()
    from nasjax.chain.steps import evaluate_arch, evaluate_bundle

    folder = Path(args.folder)
    is_bundle = (folder / "card.json").is_file()
    if is_bundle and args.arch is not None:
        raise ValueError(f"evaluate: {folder} is a bundle, of the one arch in it; --arch is for a run folder")
    with tempfile.TemporaryDirectory() as copies:
        data, code = _plain(args, Path(copies))
        if is_bundle:
            found = evaluate_bundle(folder, data, args.split, say=quiet)
        else:
            found = evaluate_arch(folder, args.arch, data=data, split=args.split, say=quiet)
    print(to_json(found, indent=1).replace(data or "", args.data or ""))
    return code


def _plain(args: argparse.Namespace, copies: Path) -> tuple[str | None, int]:
    """The data, in place of a folder plain copies of what all commands take for pictures in it; and the exit code."""
    from nasjax.apply.copies import copy_job
    from nasjax.apply.plan import FileOptions

    data = args.data or ""
    form, colon, place = ("", "", data) if Path(data).is_dir() else data.rpartition(":")
    if not place or not Path(place).is_dir():
        return args.data, 0
    return f"{form}{colon}{copies}", read_all(args, "evaluate", copy_job(place, copies, options=FileOptions()))
