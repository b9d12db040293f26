"""Where the time went: a bar a phase, compilation apart, and what the time bought."""

from collections.abc import Sequence
from typing import NamedTuple

from nasjax.report.palette import Palette
from nasjax.report.phases import phase_label
from nasjax.report.run import Run
from nasjax.report.spec import Spec, coloured, names, quantity
from nasjax.report.tables import Cell, Column, Table
from nasjax.report.units import NBSP, count_of, exact, seconds
from nasjax.report.values import number, text

_COLUMNS = ("Time", "Share", "Compiling", "Programs", "Device time", "Steps")
_SHARED = ("supernet", "search")
_NO_NETWORK = (*_SHARED, "prepare", "data", "evaluate", "compare", "show", "export", "report", "latency")
_STEP = 22
# What a bar of less than a minute, an hour, or more is measured in.
_UNITS = ((60.0, 1.0, "seconds"), (7200.0, 60.0, "minutes"), (float("inf"), 3600.0, "hours"))


class Entry(NamedTuple):
    """One phase of the ledger, seconds; compilation, of so many `programs`, is a part of `wall`."""

    phase: str
    wall: float
    compile: float
    device: float | None
    devices: float | None
    steps: float | None
    programs: float | None


def read_ledger(run: Run) -> list[Entry]:
    """Return the phases of the ledger with a known time; compilation never exceeds the phase."""
    found = []
    for row in run.ledger:
        wall, built = number(row.get("wall_s")), number(row.get("compile_s")) or 0.0
        if wall is not None and wall > 0:
            rest = (number(row.get(key)) for key in ("device_s", "devices", "steps", "compiles"))
            found.append(Entry(text(row.get("phase")), wall, min(wall, max(0.0, built)), *rest))
    return found


def ledger_chart(entries: Sequence[Entry], colours: Palette) -> Spec:
    """Return a bar a phase, in the order of the run, of working and compiling."""
    _, size, unit = next(each for each in _UNITS if max(entry.wall for entry in entries) < each[0])
    total = sum(entry.wall for entry in entries)
    kinds = {"working": lambda e: e.wall - e.compile, "compiling": lambda e: e.compile}
    rows = [
        {"phase": phase_label(entry.phase), "what": what, "time": round(of(entry) / size, 4), "s": seconds(of(entry))}
        for entry in entries
        for what, of in kinds.items()
    ]
    return {
        "description": f"Time by phase: {seconds(total)} in all, {seconds(sum(e.compile for e in entries))} compiling",
        "height": _STEP * len(entries),
        "data": {"values": rows},
        "mark": {"type": "bar", "cornerRadius": 1},
        "encoding": {
            "y": names("phase"),
            "x": quantity("time", unit, {}),
            "color": coloured("what", list(kinds), colours.series),
            "order": {"field": "what", "sort": "descending"},
            "tooltip": [{"field": "phase"}, {"field": "what"}, {"field": "s", "title": "time"}],
        },
    }


def ledger_table(entries: Sequence[Entry]) -> Table:
    """Return a row a phase and one for all of them."""
    total = sum(entry.wall for entry in entries)
    head = [Column("Phase"), *(Column(name, True) for name in _COLUMNS)]
    return Table("ledger", head, [*(_row(entry, total) for entry in entries), _total(entries, total)])


def ledger_notes(run: Run, entries: Sequence[Entry]) -> list[str]:
    """Return what a reader must know, and what the time bought: how many candidates, on how few trainings."""
    whole = number(run.results.get("seconds"))
    rest = whole - sum(entry.wall for entry in entries) if whole is not None else 0.0
    words = "Programs: how many were compiled; a new network, plan or population needs none."
    outside = f"{seconds(rest)} of the run are outside of these phases." if rest >= 1 else ""
    return [part for part in (words, outside, _work(run, entries)) if part]


def _row(entry: Entry, total: float) -> list[Cell]:
    share, programs = f"{100 * entry.wall / total:.0f}{NBSP}%", exact(entry.programs)
    cells = [phase_label(entry.phase), seconds(entry.wall), share, _nonzero(entry.compile), programs]
    return [Cell(each) for each in (*cells, _device(entry), _steps(entry))]


def _steps(entry: Entry) -> str:
    """Return what a phase counts: a search its generations, a training its steps."""
    generations = f"{NBSP}gen." if _is_search(entry) else ""
    return f"{exact(entry.steps)}{generations}" if entry.steps else "–"


def _is_search(entry: Entry) -> bool:
    return entry.phase.startswith("search")


def _device(entry: Entry) -> str:
    several = f" on {exact(entry.devices)}" if entry.devices and entry.devices > 1 else ""
    return seconds(entry.device) + several


def _nonzero(value: float) -> str:
    return seconds(value) if value else "–"


def _total(entries: Sequence[Entry], total: float) -> list[Cell]:
    steps = sum(entry.steps or 0.0 for entry in entries if not _is_search(entry))
    programs = sum(entry.programs or 0.0 for entry in entries)
    cells = [
        "",
        _nonzero(sum(entry.compile for entry in entries)),
        exact(programs) if programs else "–",
        _nonzero(sum(entry.device or 0.0 for entry in entries)),
        exact(steps) if steps else "–",
    ]
    return [Cell("Total", strong=True), Cell(seconds(total), strong=True), *map(Cell, cells)]


def _work(run: Run, entries: Sequence[Entry]) -> str:
    heads = [entry.phase.partition("/")[0] for entry in entries]
    shared, alone = heads.count("supernet"), sum(head not in _NO_NETWORK for head in heads)
    if not shared or not run.candidates:
        return ""
    said = f"{count_of(len(run.candidates), 'candidate')} were scored on {count_of(shared, 'trained supernet')}"
    return f"{said}, and {count_of(alone, 'network')} trained alone." if alone else f"{said}."
