"""`nasjax apply`: a bundle on pictures."""

import argparse

from nasjax.commands.pictures import add_options, run_pictures


def add(parser: argparse.ArgumentParser) -> None:
    """The bundle, pictures and the output."""
    parser.add_argument("bundle", help="a bundle folder, or a run folder that has one")
    images = "input pictures or folders of them, then the output: a file for a single picture, or an existing folder"
    parser.add_argument("images", nargs="+", help=images)
    runtime = "what computes: jax (default), or onnx for onnxruntime on the CPU (extra: onnx)"
    parser.add_argument("--runtime", choices=("jax", "onnx"), default="jax", help=runtime)
    add_options(parser)


def run(args: argparse.Namespace, rest: list[str]) -> int:
    """Run the bundle on every picture."""
    if len(args.images) < 2:
        raise ValueError("nasjax apply needs at least one input and the output: nasjax apply BUNDLE in.png out.png")
    *images, output = args.images

    def job(options):
        from nasjax.apply.files import bundle_job

        return bundle_job(args.bundle, images, output, options=options, runtime=args.runtime, wrap=args.wrap)

    return run_pictures(args, "apply", job)
