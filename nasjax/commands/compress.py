"""`nasjax compress`: somebody's trained generator becomes a small one that makes the same pictures."""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from nasjax.commands.given import add_run, quiet, say
from nasjax.commands.overrides import overridden
from nasjax.files import to_json, write_json
from nasjax.say import to_stderr

TEXT = "search a small generator that does what a large, trained one does; resumes"
SAVED = "saved.json"


def add(command: argparse.ArgumentParser) -> None:
    """Arguments of `nasjax compress`."""
    kinds = "a bundle (nasjax import takes --resize and --statistics), a .pth or .safetensors file, or 'vintagify'"
    command.add_argument("teacher", help=f"the generator: {kinds}")
    command.add_argument("images", help="pictures to learn from: a folder, 'embedded', or another data set; no labels")
    example = '"params<=0.4M" "macs<=8%%", say; percentages are of the teacher\'s costs at 256x256 pixels'
    what = f"what the small one may cost, one or several that are all kept, behind the images: {example}"
    command.add_argument("--budget", required=True, nargs="+", action="extend", help=what)
    command.add_argument("--part", default="", help="which state dict, where the teacher's file has several")
    add_run(command, default="runs/compress")
    command.add_argument("--json", action="store_true", help="print the results as JSON, and nothing else")
    command.set_defaults(overrides=True)


def run(args: argparse.Namespace, rest: list[str]) -> None:
    """Run the whole chain, or go on with it, and print what came out and what it saved."""
    from nasjax.chain.experiment import run_experiment
    from nasjax.chain.steps import unshipped
    from nasjax.chain.table import table_text, where_text
    from nasjax.compiled import keep_compiled
    from nasjax.cost.budget import parse_budgets
    from nasjax.systems.translation.compress import compression, saved

    keep_compiled()
    if empty := [text for text in args.budget if not parse_budgets(text)]:
        raise ValueError(f"compress: --budget {empty[0]!r} says nothing; give one such as 'params<=10%'")
    whole = replace(compression(args.teacher, args.images, args.budget, part=args.part), name=Path(args.run).name)
    experiment = overridden(whole.tiny() if args.tiny else whole, rest, "compress TEACHER IMAGES --budget BUDGET")
    path, tell = Path(args.run), quiet if args.json else say
    results = run_experiment(experiment, path, say=tell)
    rows = saved(results)
    write_json(path / SAVED, rows)
    if said := unshipped(experiment, path):
        to_stderr(said)
    if args.json:
        print(to_json({**results, "saved": rows}, indent=1))
        return
    print(table_text(results, json.loads((path / "system.json").read_text(encoding="utf-8"))["measures"]))
    print(saved_text(rows) if rows else "")
    print(where_text(results, path))


def saved_text(rows: list[dict[str, Any]]) -> str:
    """A line a cost: the teacher's, the student's, and how many times less that is."""
    lines = []
    for row in rows:
        digits = 2 if row["cost"] == "latency_ms" else 0  # of a small network a few milliseconds, or less than one
        teacher, student = (f"{row[name]:>15,.{digits}f}" for name in ("teacher", "student"))
        lines.append(f"{row['cost']:<11} {teacher} {student} {row['factor']:>7}x")
    return "\n".join(["", f"{'saved':<11} {'teacher':>15} {'student':>15}", *lines, ""])
