"""`nasjax stylize`: photographs in the light and colour of others."""

import argparse
import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from nasjax.commands.engine import Part, add_engine, check_local, over_ray
from nasjax.commands.pictures import add_options, run_pictures

if TYPE_CHECKING:
    from nasjax.apply.files import Change
    from nasjax.apply.stylize import StyleOptions


def add(parser: argparse.ArgumentParser) -> None:
    """Contents, styles, the output, and how much of what is transferred."""
    parser.add_argument("content", help="the photograph to change, or a folder of them")
    parser.add_argument("style", help="the photograph whose light and colour it gets, or a folder of them")
    parser.add_argument("output", help="the picture to write, or an existing folder for several")
    parser.add_argument("--alpha", type=float, default=1.0, help="how much is transferred, 0 to 1 (default 1)")
    parser.add_argument("--size", type=int, help="longest side to work at, in pixels (default: the content's own)")
    parser.add_argument("--content-mask", help="picture of the content's regions, one colour each")
    parser.add_argument("--style-mask", help="picture of the style's regions, in the same colours")
    smooth = "filter the change along the content's edges; without it, the network's bare output"
    parser.add_argument("--smooth", action=argparse.BooleanOptionalAction, default=True, help=smooth)
    match = "match the output's colours to the style's; without it, those that the network gives"
    parser.add_argument("--match", action=argparse.BooleanOptionalAction, default=True, help=match)
    parser.add_argument("--method", default="newton-schulz", help="eigh, newton-schulz or cholesky")
    parser.add_argument("--network", help="a network folder of a search, or its run (default: the one that is shipped)")
    add_options(parser)
    add_engine(parser)


def run(args: argparse.Namespace, rest: list[str]) -> int:
    """Stylise every content by every style."""
    if (args.content_mask is None) != (args.style_mask is None):
        raise ValueError("stylize: --content-mask and --style-mask go together; only one was given")
    masks = None if args.content_mask is None else (args.content_mask, args.style_mask)
    if args.engine == "ray":
        if masks is not None:
            raise ValueError("stylize: masks go with one content and one style; --engine ray is for many")
        return over_ray(args, "stylize", ([args.content], args.output), parts_fn=functools.partial(_parts, args))
    check_local(args, (args.content, args.style, args.output))

    def job(files):
        from nasjax.apply.stylize_files import style_job

        return style_job(args.content, args.style, args.output, options=_options(args), files=files, masks=masks)

    return run_pictures(args, "stylize", job)


def _options(args: argparse.Namespace) -> "StyleOptions":
    from nasjax.apply.stylize import StyleOptions

    return StyleOptions(args.alpha, args.size, args.smooth, args.method, args.network, args.match, args.wrap)


def _parts(args: argparse.Namespace) -> list[Part]:
    """A part for each style, which travels with the network."""
    from nasjax.apply.stylize_files import style_network_folder
    from nasjax.bulk.carried import carried
    from nasjax.bulk.editing import fetched
    from nasjax.bulk.places import pictures, place_of
    from nasjax.bulk.todo import Beside

    options, folder = _options(args), style_network_folder(args.network)
    network = None if folder is None else carried(folder)
    styles = pictures(place_of(args.style), recursive=args.recursive, without=place_of(args.output))
    if not styles:
        raise ValueError(f"style {args.style}: no file in there is called like a picture")
    parts = []
    for found in styles:
        with fetched(found) as path:
            load_fn = functools.partial(_loaded, carried(path), network, options, args.max_pixels)
        parts.append(Part(load_fn, Beside((found.noted,), f"_{found.inside.stem}")))
    return parts


def _loaded(
    style: Callable[[], Path], network: Callable[[], Path] | None, options: "StyleOptions", max_pixels: int
) -> "Change":
    """What travels is this function's name, and what it is given."""
    from dataclasses import replace

    from nasjax.apply.stylize_files import style_change

    folder = None if network is None else network()
    return style_change(style(), replace(options, network=folder), max_pixels=max_pixels)
