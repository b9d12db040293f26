"""`nasjax evaluate`: the measures of a network."""

import argparse
from pathlib import Path

from nasjax.commands.given import quiet
from nasjax.files import to_json


def add(command: argparse.ArgumentParser) -> None:
    """Arguments of `nasjax evaluate`."""
    command.add_argument("folder", help="a run folder, or a bundle of one")
    command.add_argument("--arch", help="of a run: another arch than the found one, as text")
    command.add_argument("--data", help="embedded, a folder of pictures, or tfds:NAME (default: those of the run)")
    command.add_argument("--split", default="test", choices=("train", "val", "test", "all"))


def run(args: argparse.Namespace, rest: list[str]) -> None:
    """Print the measures of a network, by its own system's protocol."""
    from nasjax.compiled import keep_compiled

    keep_compiled()
    from nasjax.chain.steps import evaluate_arch, evaluate_bundle

    folder = Path(args.folder)
    if (folder / "card.json").is_file():
        print(to_json(evaluate_bundle(folder, args.data, args.split, say=quiet), indent=1))
        return
    print(to_json(evaluate_arch(folder, args.arch, data=args.data, split=args.split, say=quiet), indent=1))
