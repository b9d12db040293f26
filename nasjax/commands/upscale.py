"""`nasjax upscale`: larger pictures by the networks that come with the package."""

import argparse

from nasjax.commands.pictures import add_options, run_pictures


def add(parser: argparse.ArgumentParser) -> None:
    """The network, the scale, how sharp, pictures and the output."""
    images = "input pictures or folders of them, then the output: a file for a single picture, or an existing folder"
    parser.add_argument("images", nargs="+", help=images)
    model = "small, medium (default), or medium-real, for pictures with blur, noise or JPEG's blocks"
    parser.add_argument("--model", default="medium", help=model)
    parser.add_argument("--scale", type=int, default=4, help="how many times as wide and high: 2, 3 or 4 (default 4)")
    perceptual = "weights that look sharp rather than stay close to the truth, as --sharpness 1 (medium, x4)"
    parser.add_argument("--perceptual", action="store_true", help=perceptual)
    sharpness = "between both kinds of weights: 0, as without it, to 1, as --perceptual"
    parser.add_argument("--sharpness", type=float, metavar="0..1", help=sharpness)
    add_options(parser)


def run(args: argparse.Namespace, rest: list[str]) -> int:
    """Enlarge every picture."""
    if len(args.images) < 2:
        raise ValueError("nasjax upscale needs at least one input and the output: nasjax upscale in.jpg out.png")
    *images, output = args.images
    sharpness = float(args.perceptual) if args.sharpness is None else args.sharpness

    def job(options):
        from nasjax.apply.files import bundle_job
        from nasjax.apply.upscalers import load_upscaler

        # What a folder's manifest tells networks apart by are their weights, so by their sharpness too.
        bundle = load_upscaler(args.model, args.scale, sharpness=sharpness)
        return bundle_job(bundle, images, output, options=options, wrap=args.wrap)

    return run_pictures(args, "upscale", job)
