"""What people fill in on a card: kept beside the rest, under the manifest's checksum, and put back on a new export."""

import os
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from nasjax.export.manifest import staged, verified, write_manifest
from nasjax.export.parity import Parity
from nasjax.files import read_json, write_json

CARD, KEY = "card.json", "filled_in"
# What people know better than the network does; other entries may be added, but not these replaced.
_OPEN = {"name", "task", "training_data", "metrics", "notes", "licence"}


def fill_in(folder: str | os.PathLike[str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Set entries of a bundle's card and return the card; the folder is replaced as a whole.

    Names with dots lead into entries: `training_data.0.licence`. Raises ValueError for a folder that is no bundle or is
    damaged, for an entry that is derived from the network, and for a name that leads nowhere.
    """
    folder = Path(folder)
    manifest, card = verified(folder), read_json(folder / CARD)
    added = {name.split(".")[0] for name in card.get(KEY, {})}
    for name in values:
        first = name.split(".")[0]
        if first in card and first not in _OPEN | added:
            free = ", ".join(sorted(_OPEN))
            raise ValueError(f"card: {first!r} is derived from the network; {free} and new entries can be set")
    content = refilled(card, {**card.get(KEY, {}), **values}, strict=values)
    with staged(folder) as stage:
        shutil.copytree(folder, stage, dirs_exist_ok=True, copy_function=shutil.copyfile)
        write_json(stage / CARD, content)
        entries = manifest["files"].items()
        write_manifest(stage, {name: entry["parity"] and Parity(**entry["parity"]) for name, entry in entries})
    return content


def filled_in(folder: Path) -> dict[str, Any]:
    """What was filled in on the card of a folder; nothing where there is no card that can be read."""
    try:
        return dict(read_json(folder / CARD).get(KEY, {}))
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def refilled(card: Mapping[str, Any], values: Mapping[str, Any], *, strict: Collection[str] = ()) -> dict[str, Any]:
    """A card with what was filled in; of it, what leads nowhere is only kept, but for `strict` names: ValueError."""
    content: Any = dict(card)
    for name, value in values.items():
        try:
            content = _put(content, name.split("."), value)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            if name in strict:
                raise ValueError(f"card: {name!r} leads nowhere in {CARD}") from error
    return {**content, KEY: dict(values)} if values else content


def _put(content: Any, path: list[str], value: Any) -> Any:
    """The content with a value at a path; the last name may be new."""
    first, *rest = path
    if isinstance(content, list | tuple):
        at = range(len(content))[int(first)]
        return [*content[:at], _put(content[at], rest, value) if rest else value, *content[at + 1 :]]
    return {**content, first: _put(content[first], rest, value) if rest else value}
