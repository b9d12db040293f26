"""One decision of a search space, and what a list of them must be."""

import re
from collections.abc import Sequence
from typing import NamedTuple

_TOKEN = re.compile(r"[A-Za-z0-9_+-]+")


class Choice(NamedTuple):
    """One decision of a search space.

    `options` are short tokens. `stage` names the stage that decides among them. `coarse = (stage, groups)` lets an
    earlier stage decide between groups of options first, each group represented by its first member; `stage` then
    decides inside the group. `default` (an option index) stands in until a later stage decides. `active = (parent,
    options)`: the choice exists only when the parent choice takes one of these options.
    """

    name: str
    options: tuple[str, ...]
    stage: str
    default: int = 0
    active: tuple[str, tuple[str, ...]] | None = None
    coarse: tuple[str, tuple[tuple[str, ...], ...]] | None = None


def find(name: str, known: Sequence[str], what: str) -> int:
    """Position of a name; raises ValueError naming what it should be and the known ones."""
    if name not in known:
        raise ValueError(f"unknown {what}: {name!r}; known: {', '.join(known)}")
    return list(known).index(name)


def check_choices(
    name: str, choices: Sequence[Choice], stages: Sequence[str], *, allowed: Sequence[Sequence[bool]]
) -> None:
    """Raises ValueError for what no space may be: malformed or repeated names, unknown references, empty masks."""
    names = [c.name for c in choices]
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"space name {name!r}: allowed are letters, digits, '_', '+', '-'")
    if not stages or len(set(stages)) != len(stages):
        raise ValueError(f"space {name!r} needs distinct stages, got {stages}")
    if not names or len(set(names)) != len(names):
        raise ValueError(f"space {name!r} needs choices with distinct names, got {names}")
    if len(allowed) != len(names):
        raise ValueError(f"space {name!r}: allowed has {len(allowed)} masks for {len(names)} choices")
    for i, (choice, mask) in enumerate(zip(choices, allowed, strict=True)):
        where = f"{name}.{choice.name}"
        tokens = (*choice.name.split("."), *choice.options)
        if bad := [t for t in tokens if not _TOKEN.fullmatch(t)]:
            raise ValueError(f"{where}: names and options are letters, digits, '_', '+', '-'; got {bad[0]!r}")
        if len(mask) != len(choice.options) or not any(mask) or len(set(choice.options)) != len(choice.options):
            raise ValueError(
                f"{where}: options {choice.options} must be distinct and the mask {mask} must allow one or more"
            )
        if not 0 <= choice.default < len(choice.options):
            raise ValueError(f"{where}: default {choice.default} is not an option index below {len(choice.options)}")
        find(choice.stage, stages, f"stage of {where}")
        if choice.active is not None:
            parent = choices[find(choice.active[0], names[:i], f"earlier parent of {where}")]
            for option in choice.active[1]:
                find(option, parent.options, f"option of {name}.{parent.name} in {where}")
        if choice.coarse is not None:
            find(choice.coarse[0], stages[: stages.index(choice.stage)], f"earlier coarse stage of {where}")
            if sorted(o for g in choice.coarse[1] for o in g) != sorted(choice.options):
                raise ValueError(f"{where}: coarse groups {choice.coarse[1]} must split the options {choice.options}")
