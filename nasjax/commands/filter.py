"""`nasjax filter`: a look or a correction on photographs."""

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nasjax.commands.engine import Network, add_engine, run_network
from nasjax.commands.pictures import add_options

if TYPE_CHECKING:
    from nasjax.apply.files import Change


def add(parser: argparse.ArgumentParser) -> None:
    """Pictures, the output, the filter, and how much of it."""
    images = "input pictures or folders of them, then the output: a file for a single picture, or an existing folder"
    parser.add_argument("images", nargs="+", help=images)
    parser.set_defaults(several="images")
    # Looked up without `nasjax.apply`, whose imports would cost the help of every command a second.
    filters = (Path(__file__).parents[1] / "apply" / "filters").glob("*/manifest.json")
    names = ", ".join(sorted(path.parent.name for path in filters))
    model = f"a run folder or a bundle{f', or a filter that is shipped: {names}' if names else ''}"
    parser.add_argument("--model", required=True, help=model)
    parser.add_argument("--strength", type=float, default=1.0, help="how much of the change, 0 to 1 (default 1)")
    several = "average the N newest snapshots of a run that was trained with warm restarts"
    parser.add_argument("--snapshots", type=int, default=1, metavar="N", help=several)
    average = "their outputs (default), in N passes, or their weights, in one"
    parser.add_argument("--average", choices=("outputs", "weights"), default="outputs", help=average)
    add_options(parser)
    add_engine(parser)


def run(args: argparse.Namespace, rest: list[str]) -> int:
    """Filter every picture."""
    if args.snapshots != 1 and args.engine != "local":
        raise ValueError("nasjax filter: snapshots are averaged by --engine local only")

    # Snapshots are in the run, not in its bundle.
    of_run = None if args.snapshots == 1 else args.model
    several = {"of_run": of_run, "snapshots": args.snapshots, "average": args.average}
    change = partial(_change, **several, strength=args.strength, wrap=args.wrap)
    return run_network(
        args, "filter", Network(partial(_folder, args.model), change), example="in.jpg out.jpg --model X"
    )


def _folder(model: str) -> Path:
    from nasjax.apply.filtering import filter_folder

    return filter_folder(model)


def _change(
    bundle: Path,
    *,
    of_run: str | None,
    snapshots: int,
    average: Literal["outputs", "weights"],
    strength: float,
    wrap: bool,
) -> "Change":
    from nasjax.apply.filter_files import filter_change
    from nasjax.apply.filtering import load_filter

    loaded = load_filter(bundle if of_run is None else of_run, snapshots=snapshots, average=average)
    return filter_change(loaded, strength=strength, wrap=wrap)
