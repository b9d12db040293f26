"""How each stage narrowed the search space: the size before and after, the options kept, and what was trained alone."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nasjax.report.measures import inline, write
from nasjax.report.phases import colour_of, stage_title
from nasjax.report.run import Run
from nasjax.report.system import TOTAL, in_order, measure
from nasjax.report.tables import Cell, Column, Table
from nasjax.report.units import count_of, exact, fixed
from nasjax.report.values import mapping, number, strings, text

_MOST_CHOICES = 60


class Size(NamedTuple):
    """A number of networks: in full while it is small, else `base` 10 to the power of `exponent`."""

    base: str
    exponent: str = ""


class Pick(NamedTuple):
    """A choice: its options, each kept or not; `words` instead where nothing was decided about it."""

    name: str
    kept: Sequence[bool]
    words: str


class Matrix(NamedTuple):
    """Choices with the same options, so that columns can be read downwards."""

    options: Sequence[str]
    picks: Sequence[Pick]

    @property
    def is_long(self) -> bool:
        """Whether the heads of the columns need to be turned."""
        return max(map(len, self.options)) > 5 or len(self.options) > 6


class Stage(NamedTuple):
    """One stage: sizes with the width of their bars in percent, facts, what was kept, notes, what was trained alone.

    Of what was kept, `lists` are of choices whose options no other choice has, `matrices` of those that share theirs.
    """

    title: str
    colour: str
    sizes: tuple[Size, Size]
    widths: tuple[float, float]
    facts: str
    lists: Sequence[Matrix]
    matrices: Sequence[Matrix]
    notes: Sequence[str]
    confirmed: Table | None


def stages_view(run: Run) -> list[Stage]:
    """Return the stages that have decided."""
    largest = max((_magnitude(row.get("size_before")) or 0.0 for row in run.stages), default=0.0)
    return [_stage(run, row, largest) for row in run.stages]


def size_of(size: object) -> Size:
    """Return a number of networks, large ones as a power of ten."""
    log = _magnitude(size)
    if log is None:
        return Size("–")
    return Size(exact(round(10**log))) if log < 4 else Size("10", fixed(log, 1))


def _stage(run: Run, row: Mapping[str, Any], largest: float) -> Stage:
    name = text(row.get("stage"))
    free = {choice: strings(options) for choice, options in mapping(row.get("free")).items()}
    decided = {choice: strings(option) for choice, option in mapping(row.get("decided")).items()}
    left, kept = len(free) - _MOST_CHOICES, _matrices(free, decided)
    before, after = row.get("size_before"), row.get("size_after")
    return Stage(
        stage_title(name),
        colour_of(run, name),
        (size_of(before), size_of(after)),
        (_width(before, largest), _width(after, largest)),
        _facts(run, row),
        [matrix for matrix in kept if len(matrix.picks) == 1],
        [matrix for matrix in kept if len(matrix.picks) > 1],
        [*_stand_ins(row), *([f"and {count_of(left, 'more choice')}"] if left > 0 else [])],
        _confirmed(run, name),
    )


def _magnitude(size: object) -> float | None:
    """Return log10 of a size, a number or the text of a (possibly very long) whole number; None if it is neither."""
    try:
        if isinstance(size, str):
            # Python refuses texts of more than 4300 digits; the leading ones and their number are enough.
            digits = size.strip().replace(",", "").replace("_", "")
            return (
                math.log10(int(digits[:300])) + len(digits[300:])
                if digits.isascii() and digits.isdigit()
                else math.log10(float(digits))
            )
        return math.log10(size) if isinstance(size, int | float) and not isinstance(size, bool) else None
    except (ValueError, OverflowError):
        return None


def _width(size: object, largest: float) -> float:
    return 100 * min(1.0, max(0.0, (_magnitude(size) or 0.0) / largest)) if largest else 0.0


def _facts(run: Run, row: Mapping[str, Any]) -> str:
    tried, values = number(row.get("candidates")), mapping(row.get("values"))
    shown = [measure(run.system, name) for name in in_order(run.system, values)[0]]
    known = [(each, number(values[each.name])) for each in shown]
    parts = [
        f"{count_of(int(tried), 'candidate')} evaluated" if tried is not None else "",
        *(f"{inline(each)} {write(each, value)}" for each, value in known if value is not None),
        f"budget {', '.join(strings(row.get('budget')))}" if strings(row.get("budget")) else "",
    ]
    return " · ".join(filter(None, parts))


def _matrices(free: Mapping[str, list[str]], decided: Mapping[str, list[str]]) -> list[Matrix]:
    shown = {name: tuple(options) for name, options in list(free.items())[:_MOST_CHOICES] if options}
    same = {options: [name for name in shown if shown[name] == options] for options in dict.fromkeys(shown.values())}
    return [Matrix(options, [_pick(n, options, decided) for n in names]) for options, names in same.items()]


def _pick(name: str, options: Sequence[str], decided: Mapping[str, list[str]]) -> Pick:
    kept = decided.get(name, [])
    words = "" if set(kept) & set(options) else "not used" if decided else "not decided yet"
    return Pick(name, [option in kept for option in options], words)


def _stand_ins(row: Mapping[str, Any]) -> list[str]:
    """Return for which options others stand in, which a later stage decides among."""
    each = [mapping(found) for found in mapping(row.get("stands_for")).values()]
    words = dict.fromkeys((option, tuple(strings(many))) for found in each for option, many in found.items())
    return [
        f"{option} stands here for {', '.join(many)}; which of them, a later stage decides." for option, many in words
    ]


def _confirmed(run: Run, name: str) -> Table | None:
    """Return the networks that were trained alone before the stage decided, with what decided before and after."""
    rows = [row for row in run.confirmed if row.get("stage") == name]
    if not rows:
        return None
    shown = run.decides or measure(run.system, TOTAL)
    before = {row.get("arch"): row.get(shown.name) for row in run.candidates if row.get("stage") == name}
    shared = [number(before.get(row.get("arch"), row.get("inherited"))) for row in rows]
    alone = [number(mapping(row.get("values")).get(shown.name, row.get("total"))) for row in rows]
    known = [value for value in alone if value is not None]
    best = (max if shown.better == "higher" else min)(known, default=None)
    options = [f"{i}: {', '.join(strings(row.get('options')))}" for i, row in enumerate(rows, 1)]
    head = [
        Column("Network, the best with"),
        Column(f"{shown.label}, shared", True),
        Column("Alone", True),
    ]
    cells = [
        [
            Cell(words, text(row.get("arch"))),
            Cell(write(shown, first, unit=False)),
            Cell(write(shown, last, unit=False), strong=last is not None and last == best),
        ]
        for row, words, first, last in zip(rows, options, shared, alone, strict=True)
    ]
    return Table("confirmed", head, cells)
