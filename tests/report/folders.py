"""Run folders for tests of single parts: the files that a test is about, and nothing else."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nasjax.report.run import Run, load_run


def run_with(folder: Path, files: Mapping[str, Any], **lines: Sequence[Mapping[str, Any]]) -> Run:
    """A run folder with these JSON files (`{"results": ...}` is results.json), `metrics` lines and `archive` rows."""
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    if "metrics" in lines:
        (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines["metrics"]))
    if "archive" in lines:
        names = dict.fromkeys(name for row in lines["archive"] for name in row)
        with (folder / "archive.csv").open("w", newline="") as file:
            table = csv.DictWriter(file, list(names), lineterminator="\n")
            table.writeheader()
            table.writerows(lines["archive"])
    return load_run(folder, now=0.0)


def system(*measures: tuple[str, str, int], decides: str = "", objectives: Sequence[str] = ()) -> dict[str, Any]:
    """A system with measures from (name, which way is better, digits), of which the first decides unless said."""
    listed = [
        {"name": name, "label": name.upper(), "better": better, "digits": digits} for name, better, digits in measures
    ]
    return {"measures": listed, "decides": decides or measures[0][0], "objectives": list(objectives)}


def table(*rows: tuple[str, str, Mapping[str, float]], **more: Any) -> dict[str, Any]:
    """A results.json with rows from (name, role, values); `more` are fields beside the rows."""
    return {"version": 2, **more, "rows": [{"name": n, "role": role, "values": values} for n, role, values in rows]}
