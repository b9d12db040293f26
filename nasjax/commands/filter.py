"""`nasjax filter`: a look or a correction on photographs."""

import argparse
from pathlib import Path

from nasjax.commands.pictures import add_options, run_pictures


def add(parser: argparse.ArgumentParser) -> None:
    """Pictures, the output, the filter, and how much of it."""
    images = "input pictures or folders of them, then the output: a file for a single picture, or an existing folder"
    parser.add_argument("images", nargs="+", help=images)
    # Looked up without `nasjax.apply`, whose imports would cost the help of every command a second.
    filters = (Path(__file__).parents[1] / "apply" / "filters").glob("*/manifest.json")
    names = ", ".join(sorted(path.parent.name for path in filters))
    model = f"a run folder or a bundle{f', or a filter that is shipped: {names}' if names else ''}"
    parser.add_argument("--model", required=True, help=model)
    parser.add_argument("--strength", type=float, default=1.0, help="how much of the change, 0 to 1 (default 1)")
    several = "average the outputs of the N newest snapshots of a run that was trained with warm restarts"
    parser.add_argument("--snapshots", type=int, default=1, metavar="N", help=several)
    add_options(parser)


def run(args: argparse.Namespace, rest: list[str]) -> int:
    """Filter every picture."""
    if len(args.images) < 2:
        raise ValueError(
            "nasjax filter needs at least one input and the output: nasjax filter in.jpg out.jpg --model X"
        )
    *images, output = args.images

    def job(options):
        from nasjax.apply.filter_files import filter_job
        from nasjax.apply.filtering import load_filter

        model = load_filter(args.model, snapshots=args.snapshots)
        return filter_job(model, images, output, strength=args.strength, wrap=args.wrap, options=options)

    return run_pictures(args, "filter", job)
