"""`nasjax card`: what a bundle says of itself, and what people have to say about it."""

import argparse
import json
from typing import Any

from nasjax.files import to_json


def add(command: argparse.ArgumentParser) -> None:
    """Arguments of `nasjax card`."""
    command.add_argument("folder", help="a bundle, a stylising network, or a run folder that has one")
    text = "fill in an entry, such as licence=CC0-1.0 or training_data.0.credits='...'; the value is JSON or text"
    command.add_argument("--set", dest="values", metavar="NAME=VALUE", action="append", default=[], help=text)


def run(args: argparse.Namespace, rest: list[str]) -> None:
    """Print the card, with what is filled in now and before; later exports to the folder keep it."""
    from nasjax.apply.files import bundle_folder
    from nasjax.export.filled import CARD, fill_in
    from nasjax.export.manifest import verified
    from nasjax.files import read_json

    folder, values = bundle_folder(args.folder), dict(map(_value, args.values))
    verified(folder)
    print(to_json(fill_in(folder, values) if values else read_json(folder / CARD), indent=1))


def _value(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not name or not separator:
        raise ValueError(f"card: --set takes NAME=VALUE, got {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
