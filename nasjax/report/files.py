"""The files of a run folder, each read for itself: what is missing is empty, what is broken is said and left out."""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from nasjax.report.units import count_of
from nasjax.report.values import Real, mapping, number, records

_OBJECTS = ("system.json", "config.json", "environment.json", "status.json", "results.json", "diagram.json")
_LISTS = ("stages.json", "confirmed.json", "ledger.json", "images.json")
_LINES, _TABLE, _COUNTS = "metrics.jsonl", "archive.csv", "fairness.json"
FILES = (*_OBJECTS, *_LISTS, _COUNTS, _LINES, _TABLE)
# Columns of the archive that are no figures; an arch's hash may look like one ("1e5").
_TEXTS = frozenset({"stage", "arch", "hash"})


class Contents(NamedTuple):
    """What the files of a folder hold, by name; `problems` says of each broken file what is wrong with it."""

    objects: Mapping[str, dict[str, Any]]
    lists: Mapping[str, list[dict[str, Any]]]
    readings: list[dict[str, Any]]
    candidates: list[dict[str, Any]]
    problems: Mapping[str, str]


def read_folder(folder: Path) -> Contents:
    """Read every file of a run folder, which may be written at this moment; nothing that is wrong in it is raised."""
    objects = {name: _json(folder / name, dict) for name in _OBJECTS}
    lists = {name: _json(folder / name, list) for name in _LISTS}
    counts, lines, table = _json(folder / _COUNTS, dict), _json_lines(folder / _LINES), _csv(folder / _TABLE)
    found = {**objects, **lists, _COUNTS: counts, _LINES: lines, _TABLE: table}
    return Contents(
        {name: mapping(value) for name, (value, _) in objects.items()},
        {name: records(value) for name, (value, _) in lists.items()} | {_COUNTS: records(counts[0].get("stages"))},
        lines[0],
        table[0],
        {name: wrong for name, (_, wrong) in found.items() if wrong},
    )


def read_object(path: Path) -> tuple[dict[str, Any], str]:
    """Return the object of a JSON file and what is wrong with it: nothing, and then it may be missing and empty."""
    return _json(path, dict)


def _json(path: Path, kind: type) -> tuple[Any, str]:
    source, wrong = _read(path)
    if wrong or source is None:
        return kind(), wrong
    try:
        value = json.loads(source)
    except (ValueError, RecursionError) as error:
        return kind(), f"is no JSON ({error})" if source.strip() else "is empty"
    if not isinstance(value, kind):
        return kind(), f"holds no {'object' if kind is dict else 'list'} but {json.dumps(value)[:40]}"
    return value, ""


def _json_lines(path: Path) -> tuple[list[dict[str, Any]], str]:
    source, wrong = _read(path)
    *lines, last = (source or "").split("\n")
    rows = [_parsed(line) for line in lines if line.strip()]
    torn = sum(row is None for row in rows)
    # What follows the last newline is being written at this moment, or was when the run was killed: no fault.
    whole = [row for row in [*rows, _parsed(last)] if row is not None]
    return whole, wrong or (f"has {count_of(torn, 'line')} that cannot be read" if torn else "")


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return mapping(value) if isinstance(value, Mapping) else None


def _csv(path: Path) -> tuple[list[dict[str, Any]], str]:
    source, wrong = _read(path)
    if not source:
        return [], wrong
    # Without its newline the last row may end in the middle of a number and still parse.
    complete = source[: source.rfind("\n") + 1].replace("\0", "")
    try:
        rows = list(csv.DictReader(io.StringIO(complete)))
    except csv.Error as error:
        return [], f"is no table ({error})"
    whole = [row for row in rows if None not in row and None not in row.values()]
    torn = len(rows) - len(whole) + (len(complete) < len(source))
    return [_typed(row) for row in whole], f"has {count_of(torn, 'row')} cut off or too long" if torn else ""


def _typed(row: dict[str, str]) -> dict[str, Any]:
    """Return figures as numbers (None where there is none), flags as booleans, and texts as they are."""
    read = {name: cell if name in _TEXTS else _number(cell) for name, cell in row.items()}
    return read | {name: bool(read[name]) for name in ("feasible", "front") if read.get(name) is not None}


def _number(cell: str) -> Real | None:
    """Return a figure, whole where it was written so."""
    value = number(cell)
    return int(value) if value is not None and cell.strip().removeprefix("-").isdecimal() else value


def _read(path: Path) -> tuple[str | None, str]:
    """Return a file's text, None where it does not exist, and what is wrong with it."""
    try:
        return path.read_text(encoding="utf-8", errors="replace"), ""
    except FileNotFoundError:
        return None, ""
    except OSError as error:
        return None, f"cannot be read ({error.strerror})"
