"""Several runs beside each other: what each found, what differs in their configs, and whether it says anything."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nasjax.report.chance import compared, difference
from nasjax.report.measures import Measure, inline, is_cost, write
from nasjax.report.run import Row, Run, labels
from nasjax.report.system import in_order, measure
from nasjax.report.tables import Cell, Column, Table, plain
from nasjax.report.units import NBSP, seconds
from nasjax.report.values import number, strings, text

_MISSING = "–"
_MOST = 40


class Comparison(NamedTuple):
    """Runs with the networks they found, the fields of the config that differ (one value a run), and plain words."""

    runs: Sequence[Run]
    found: Sequence[Row]
    config: Mapping[str, Sequence[Any]]
    words: Sequence[str]


def compare_runs(runs: Sequence[Run]) -> Comparison:
    """Compare runs by the networks that they found, the first with each of the others.

    Raises ValueError for fewer than two runs, and naming a run that has no found network yet.
    """
    if len(runs) < 2:
        raise ValueError(f"compare takes at least two runs, got {len(runs)}")
    found = [_found(run) for run in runs]
    words = [_words((runs[0], found[0]), other) for other in zip(runs[1:], found[1:], strict=True)]
    return Comparison(runs, found, config_differences([run.config for run in runs]), words)


def config_differences(configs: Sequence[Any], where: str = "") -> dict[str, list[Any]]:
    """Return the fields (dotted) whose values differ, with the value of each config; "–" where a field is missing.

    Entries of a list are told apart by their `stage` or `name` where all have one, else by their place.
    """
    known = [_fields(config) for config in configs]
    if any(each is None for each in known):
        return {where: list(configs)} if any(config != configs[0] for config in configs) else {}
    names = dict.fromkeys(name for each in known if each is not None for name in each)
    inner = ([each.get(name, _MISSING) for each in known if each is not None] for name in names)
    differs = (config_differences(v, f"{where}.{n}" if where else n) for n, v in zip(names, inner, strict=True))
    return {name: values for each in differs for name, values in each.items()}


def comparison_text(found: Comparison) -> str:
    """Return a comparison as plain text: a table, the found networks, what differs in the configs, and words."""
    names = labels(found.runs)
    listed = zip(names, found.runs, found.found, strict=True)
    archs = [[Cell(name), Cell(_arch(run, row))] for name, run, row in listed]
    parts = [plain(_table(found)), plain(Table("archs", [Column("run"), Column("found network")], archs))]
    rows = [[Cell(name), *(Cell(_short(value)) for value in values)] for name, values in found.config.items()]
    config = Table("config", [Column("config"), *map(Column, names)], rows)
    parts += [plain(config) if rows else "The configs are the same.", "\n".join(found.words)]
    return "\n\n".join(parts).replace(NBSP, " ")


def comparison_json(found: Comparison) -> dict[str, Any]:
    """Return a comparison for programs."""
    runs = [
        {
            "folder": str(run.folder),
            "name": run.name,
            "state": run.state,
            "network": row.name,
            "arch": _arch(run, row),
            "decides": run.system.decides,
            "values": dict(row.values),
            "spread": dict(row.spread),
            "trainings": row.trainings,
            "budget": strings(run.results.get("budget")),
            "seconds": number(run.results.get("seconds")),
            "protocol": _protocol(run),
        }
        for run, row in zip(found.runs, found.found, strict=True)
    ]
    return {"runs": runs, "config": {k: list(v) for k, v in found.config.items()}, "words": list(found.words)}


def _found(run: Run) -> Row:
    if run.found is None:
        broken = "; ".join(f"{name} {wrong}" for name, wrong in run.problems.items())
        raise ValueError(f"{run.folder} has no found network yet ({broken or run.state})")
    return run.found


def _arch(run: Run, row: Row) -> str:
    return row.arch or text(run.results.get("arch")) or _MISSING


def _protocol(run: Run) -> str:
    """Return under which protocol what decides was scored, as far as the run says."""
    own = run.decides.protocol if run.decides is not None else ""
    return own or text(run.results.get("protocol"))


def _table(found: Comparison) -> Table:
    names = sum(in_order(found.runs[0].system, dict.fromkeys(n for row in found.found for n in row.values)), [])
    shown = [_measure(found.runs, name) for name in names]
    columns = [Column(each.label + f" ({each.unit})" * bool(each.unit), True) for each in shown]
    rows = [
        [
            Cell(name),
            *(Cell(_value(row, each)) for each in shown),
            Cell(seconds(number(run.results.get("seconds")))),
            Cell(", ".join(strings(run.results.get("budget"))) or _MISSING),
        ]
        for name, run, row in zip(labels(found.runs), found.runs, found.found, strict=True)
    ]
    return Table("runs", [Column("run"), *columns, Column("time", True), Column("budget")], rows)


def _measure(runs: Sequence[Run], name: str) -> Measure:
    return measure(next((run.system for run in runs if name in run.system.measures), runs[0].system), name)


def _value(row: Row, shown: Measure) -> str:
    around = row.spread.get(shown.name)
    spread = f" ± {write(shown, around, unit=False)}" if around is not None else ""
    return write(shown, row.values.get(shown.name), unit=is_cost(shown.name) and shown.digits is None) + spread


def _words(first: tuple[Run, Row], other: tuple[Run, Row]) -> str:
    """Return how another run's network compares with the first one's, and what may be concluded."""
    (run, row), (theirs, their_row) = first, other
    pair = f"{theirs.folder} against {run.folder}"
    if run.decides is None or run.system.decides != theirs.system.decides:
        said = " and ".join(each.system.decides or "nothing" for each in (run, theirs))
        return f"{pair}: the networks were chosen by different measures ({said}), so neither is called better."
    if _protocol(run) != _protocol(theirs):
        return f"{pair}: scored under different protocols, so their figures cannot be compared."
    found = difference(their_row, row, run.decides)
    if found is None:
        return f"{pair}: {inline(run.decides)} is not known of both."
    alone = "" if found.chance is not None else "; how much another seed would change it is not known"
    return f"{pair}, in {inline(run.decides)}: {compared(found, 'the first')}{alone}."


def _fields(value: Any) -> dict[str, Any] | None:
    """Return the fields inside of a value; None of what is a value itself."""
    if isinstance(value, Mapping):
        return dict(value)
    if not isinstance(value, list) or not any(isinstance(entry, Mapping) for entry in value):
        return None
    told = [str(entry.get("stage") or entry.get("name") or i) for i, entry in enumerate(value)]
    return dict(zip(told, value, strict=True))


def _short(value: object) -> str:
    written = value if isinstance(value, str) else str(value)
    return written if len(written) <= _MOST else written[: _MOST - 1] + "…"
