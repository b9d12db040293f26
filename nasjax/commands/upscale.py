"""`nasjax upscale`: larger pictures by the networks that come with the package."""

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from nasjax.commands.engine import Network, add_engine, run_network
from nasjax.commands.pictures import add_options

if TYPE_CHECKING:
    from nasjax.apply.files import Change


def add(parser: argparse.ArgumentParser) -> None:
    """The network, the scale, how sharp, pictures and the output."""
    images = (
        "input pictures or folders of them, then the output: a file for a single picture, or an existing folder; a "
        "single picture alone is written beside itself, photo.jpg as photo_x4.png"
    )
    parser.add_argument("images", nargs="+", help=images)
    parser.set_defaults(several="images")
    model = f"one of {_shipped()}; -real is for pictures with blur, noise or JPEG's blocks (default medium)"
    parser.add_argument("--model", default="medium", help=model)
    parser.add_argument("--scale", type=int, default=4, help="how many times as wide and high: 2, 3 or 4 (default 4)")
    perceptual = "weights that look sharp rather than stay close to the truth, as --sharpness 1 (medium, x4)"
    parser.add_argument("--perceptual", action="store_true", help=perceptual)
    sharpness = "between both kinds of weights: 0, as without it, to 1, as --perceptual"
    parser.add_argument("--sharpness", type=float, metavar="0..1", help=sharpness)
    add_options(parser)
    add_engine(parser)


def run(args: argparse.Namespace, rest: list[str]) -> int:
    """Enlarge every picture."""
    sharpness = float(args.perceptual) if args.sharpness is None else args.sharpness
    if args.perceptual and sharpness != 1:
        raise ValueError(
            f"--perceptual is --sharpness 1, and --sharpness {sharpness:g} was given; leave one of them out"
        )
    if len(args.images) == 1 and args.engine == "local" and not Path(args.images[0]).is_dir():
        args.images.append(_beside(args))
    given = {"model": args.model, "scale": args.scale}
    change = partial(_change, **given, sharpness=sharpness, wrap=args.wrap)
    return run_network(args, "upscale", Network(partial(_folder, **given), change), example="in.jpg out.png")


def _shipped() -> str:
    """The models that there are, with their scales; looked up without `nasjax.apply`, as those of `nasjax filter`."""
    folders = sorted((Path(__file__).parents[1] / "apply" / "models").glob("*/manifest.json"))
    scales: dict[str, list[str]] = {}
    for name, _, scale in (path.parent.name.rpartition("_x") for path in folders):
        if not name.endswith("-perceptual"):  # those of --perceptual
            scales.setdefault(name, []).append(f"x{scale}")
    return ", ".join(f"{name} ({', '.join(found)})" for name, found in scales.items()) or "none that is shipped"


def _beside(args: argparse.Namespace) -> str:
    """Where a picture goes that is given alone."""
    picture = Path(args.images[0])
    return str(picture.with_name(f"{picture.stem}_x{args.scale}.{args.format or 'png'}"))


def _folder(model: str, scale: int) -> Path:
    from nasjax.apply.upscalers import upscaler_folder

    return upscaler_folder(model, scale)


def _change(bundle: Path, *, model: str, scale: int, sharpness: float, wrap: bool) -> "Change":
    from nasjax.apply.files import bundle_change
    from nasjax.apply.upscalers import load_upscaler

    # What a folder's manifest tells networks apart by are their weights, so by their sharpness too.
    return bundle_change(load_upscaler(model, scale, sharpness=sharpness) if sharpness else bundle, wrap=wrap)
