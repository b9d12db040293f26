"""Where the time went: one bar for the run, one line a phase, compilation apart."""

from typing import NamedTuple

from nasjax.report.figures import row_named
from nasjax.report.html import Column, Html, join, note, table, tag
from nasjax.report.phases import colour_of, phase_label, swatch
from nasjax.report.run import SINGLE, Run
from nasjax.report.style import is_style
from nasjax.report.units import NBSP, exact, seconds
from nasjax.report.values import number, text

_ALONE = ("finetune", "scratch", "handmade")
_ORIGINAL = " StyleNAS (arXiv 1906.02470) trains each of 200 candidates from scratch, on 50 GPUs."
_COLUMNS = ("Time", "Share", "Compiling", "Programs", "Device time", "Steps")


class Entry(NamedTuple):
    """One phase of the ledger, seconds; compilation, of so many `programs`, is a part of `wall`."""

    phase: str
    wall: float
    compile: float
    device: float | None
    devices: float | None
    steps: float | None
    programs: float | None


def ledger_section(run: Run) -> Html:
    """Return bar and table of the time; empty until the ledger has a phase that took time."""
    entries = read_ledger(run)
    total = sum(entry.wall for entry in entries)
    if not total:
        return Html("")
    return join([_bar(run, entries, total), _table(run, entries, total), _words(run, entries, total)])


def read_ledger(run: Run) -> list[Entry]:
    """Return the phases of the ledger with a known time; compilation never exceeds the phase."""
    found = []
    for row in run.ledger:
        wall, built = number(row.get("wall_s")), number(row.get("compile_s")) or 0.0
        if wall is not None and wall > 0:
            rest = (number(row.get(key)) for key in ("device_s", "devices", "steps", "compiles"))
            found.append(Entry(text(row.get("phase")), wall, min(wall, max(0.0, built)), *rest))
    return found


def _bar(run: Run, entries: list[Entry], total: float) -> Html:
    compiled = sum(entry.compile for entry in entries)
    parts = [
        _part(
            entry.wall - entry.compile, total, colour_of(run, entry.phase) + _lighter(entry), phase_label(entry.phase)
        )
        for entry in entries
    ]
    words = f"{seconds(total)} in all, {seconds(compiled)} of them compiling"
    return tag(
        "div",
        {"class": "stack", "role": "img", "aria-label": words},
        *parts,
        _part(compiled, total, "compile", "Compiling"),
    )


def _part(part: float, total: float, css: str, name: str) -> Html:
    return tag("span", {"class": css, "style": f"width:{100 * part / total:.3f}%", "title": f"{name}: {seconds(part)}"})


def _lighter(entry: Entry) -> str:
    return " light" if entry.phase.startswith("search") else ""


def _table(run: Run, entries: list[Entry], total: float) -> Html:
    head = [Column("Phase"), *(Column(name, True) for name in _COLUMNS)]
    return table("ledger", head, [*(_row(run, entry, total) for entry in entries), _total(entries, total)])


def _row(run: Run, entry: Entry, total: float) -> list[object]:
    sign = swatch(colour_of(run, entry.phase) + _lighter(entry))
    share = f"{100 * entry.wall / total:.0f} %"
    name = tag("span", {"class": "phase"}, sign, phase_label(entry.phase))
    programs = exact(entry.programs)
    return [name, seconds(entry.wall), share, _nonzero(entry.compile), programs, _device(entry), _steps(entry)]


def _steps(entry: Entry) -> str:
    """Return what a phase counts: a search its generations, a training its steps."""
    generations = f"{NBSP}gen." if entry.phase.startswith("search") else ""
    return f"{exact(entry.steps)}{generations}" if entry.steps else "–"


def _device(entry: Entry) -> str:
    several = f" on {exact(entry.devices)}" if entry.devices and entry.devices > 1 else ""
    return seconds(entry.device) + several


def _nonzero(value: float) -> str:
    return seconds(value) if value else "–"


def _total(entries: list[Entry], total: float) -> list[object]:
    device = sum(entry.device or 0.0 for entry in entries)
    steps = sum(entry.steps or 0.0 for entry in entries if not entry.phase.startswith("search"))
    programs = sum(entry.programs or 0.0 for entry in entries)
    compiled = _nonzero(sum(entry.compile for entry in entries))
    return [
        tag("b", None, "Total"),
        tag("b", None, seconds(total)),
        "",
        compiled,
        exact(programs) if programs else "–",
        _nonzero(device),
        exact(steps) if steps else "–",
    ]


def _words(run: Run, entries: list[Entry], total: float) -> Html:
    whole = number(run.results.get("seconds"))
    rest = whole - total if whole is not None else 0.0
    outside = f" {seconds(rest)} of the run are outside of these phases." if rest >= 1 else ""
    return note(
        swatch("compile"),
        " Compiling, a part of each phase's time, is drawn apart at the end of the bar. Programs: how many were",
        " compiled; a new network, plan or population needs none.",
        outside,
        _work(run, entries),
    )


def _work(run: Run, entries: list[Entry]) -> str:
    """Return what the time bought: how many candidates, on how few trainings."""
    phases = [entry.phase for entry in entries]
    shared = sum(phase.startswith("supernet/") for phase in phases)
    if not shared or not run.archive:
        return ""
    alone = sum(phase in _ALONE or phase.startswith(tuple(f"{head}/" for head in SINGLE)) for phase in phases)
    said = f" {exact(len(run.archive))} candidates were scored on {exact(shared)} trained supernet{'s' * (shared > 1)}"
    said += f", and {exact(alone)} network{'s' * (alone > 1)} trained alone." if alone else "."
    return said + (_ORIGINAL if is_style(row_named(run, "found, fine-tuned")) else "")
