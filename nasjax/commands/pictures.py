"""The commands on pictures: apply a bundle, stylise photographs."""

import argparse


def add_apply(command: argparse.ArgumentParser) -> None:
    """Arguments of `nasjax apply`."""
    command.add_argument("bundle", help="a bundle folder")
    command.add_argument(
        "images", nargs="+", help="input pictures or one folder of them, then the output file or folder"
    )


def add_stylize(command: argparse.ArgumentParser) -> None:
    """Arguments of `nasjax stylize`."""
    command.add_argument("content", help="the photograph to change, or a folder of them")
    command.add_argument("style", help="the photograph whose light and colour it gets, or a folder of them")
    command.add_argument("output", help="the picture to write, or an existing folder for several")
    command.add_argument("--alpha", type=float, default=1.0, help="how much is transferred, 0 to 1 (default 1)")
    command.add_argument("--size", type=int, help="longest side to work at, in pixels (default: the content's own)")
    command.add_argument("--content-mask", help="picture of the content's regions, one colour each")
    command.add_argument("--style-mask", help="picture of the style's regions, in the same colours")
    smooth = "filter the change along the content's edges; without it, the network's bare output"
    command.add_argument("--smooth", action=argparse.BooleanOptionalAction, default=True, help=smooth)
    command.add_argument("--method", default="newton-schulz", help="eigh, newton-schulz or cholesky")
    command.add_argument("--network", help="a network folder of a search (default: the one that is shipped)")


def apply(args: argparse.Namespace, rest: list[str]) -> None:
    """Run a bundle on pictures."""
    from nasjax.apply import apply_bundle

    if len(args.images) < 2:
        raise ValueError("nasjax apply needs at least one input and the output: nasjax apply BUNDLE in.png out.png")
    *inputs, output = args.images
    for written in apply_bundle(args.bundle, inputs, output):
        print(written)


def stylize(args: argparse.Namespace, rest: list[str]) -> None:
    """Give photographs the light and colour of others."""
    from nasjax.apply.stylize import StyleOptions, stylize_files

    if (args.content_mask is None) != (args.style_mask is None):
        raise ValueError("stylize: --content-mask and --style-mask go together; only one was given")
    masks = None if args.content_mask is None else (args.content_mask, args.style_mask)
    options = StyleOptions(args.alpha, args.size, args.smooth, args.method, args.network)
    stylize_files(args.content, args.style, args.output, options=options, masks=masks, on_written=print)
