"""`nasjax distance`: how far a set of made pictures is from a set of real ones."""

import argparse
import sys
import warnings
from typing import TYPE_CHECKING

from nasjax.files import to_json

if TYPE_CHECKING:
    from nasjax.data.source import Source

TEXT = "compare two folders of pictures as sets: FID and KID with your file of InceptionV3, and what needs no such file"
_PROTOCOLS = ("clean", "legacy-tensorflow", "legacy-pytorch")
_LEAST = 4  # pictures: precision and recall look at the third neighbour of each


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    others = "of pairs and of two domains the targets are taken"
    parser.add_argument("real", help=f"a folder of real pictures, or another data set such as folder:PATH; {others}")
    parser.add_argument("made", help="a folder of pictures that a generator made, or another data set")
    side = "pixels a side that pictures are made for AlexNet and VGG16: the shorter side, then its middle (default 128)"
    parser.add_argument("--side", type=int, default=128, help=side)
    weights = "the file pt_inception-2015-12-05-6726825d.pth, which nasjax must not distribute: adds FID and KID"
    parser.add_argument("--inception", metavar="FILE", help=weights)
    protocol = "how pictures are resized for it (default clean, as clean-fid does)"
    parser.add_argument("--protocol", choices=_PROTOCOLS, default="clean", help=protocol)
    kept = "keep the features of the real pictures in this file, and read them from it the next time"
    parser.add_argument("--kept", metavar="FILE", help=kept)
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def run(args: argparse.Namespace, rest: list[str]) -> None:
    """Print a line a distance."""
    from nasjax.compiled import keep_compiled
    from nasjax.systems.sets import inception_distances, set_distances

    if args.kept and not args.inception:
        raise ValueError("distance: --kept keeps the features of --inception, which is not given")
    if args.side < 64:
        raise ValueError(f"distance: --side must be 64 pixels or more, got {args.side}")
    keep_compiled()
    real, made = (_pictures(place) for place in (args.real, args.made))
    found = {}
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", UserWarning)
        if args.inception:
            found = inception_distances(real, made, weights=args.inception, protocol=args.protocol, kept=args.kept)
        found |= set_distances(real, made, side=args.side)
    for said in dict.fromkeys(str(each.message) for each in warned if each.category is UserWarning):
        print(f"nasjax: {said}", file=sys.stderr)
    if args.json:
        return print(to_json({"real": len(real), "made": len(made), "side": args.side, **found}, indent=1))
    print(f"{len(made)} made pictures against {len(real)} real ones")
    for name, value in found.items():
        print(f"{name:<28} {value:.4f}")


def _pictures(place: str) -> "Source":
    """The pictures of a data set that look like its targets; ValueError where there are too few for a set."""
    from nasjax.data.sides import open_sides

    sides = open_sides(place, "all")
    found = sides.inputs if sides.targets is None else sides.targets
    if len(found) < _LEAST:
        raise ValueError(f"distance: {place} has {len(found)} pictures; a set takes {_LEAST} or more")
    return found
