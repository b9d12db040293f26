"""`nasjax stylize`: photographs in the light and colour of others."""

import argparse

from nasjax.commands.pictures import add_options, run_pictures


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


def run(args: argparse.Namespace, rest: list[str]) -> int:
    """Stylise every content by every style."""
    if (args.content_mask is None) != (args.style_mask is None):
        raise ValueError("stylize: --content-mask and --style-mask go together; only one was given")
    masks = None if args.content_mask is None else (args.content_mask, args.style_mask)

    def job(files):
        from nasjax.apply.stylize import StyleOptions
        from nasjax.apply.stylize_files import style_job

        options = StyleOptions(args.alpha, args.size, args.smooth, args.method, args.network, args.match, args.wrap)
        return style_job(args.content, args.style, args.output, options=options, files=files, masks=masks)

    return run_pictures(args, "stylize", job)
