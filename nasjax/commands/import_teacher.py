"""`nasjax import`: somebody's trained PyTorch generator becomes a bundle, and a teacher."""

import argparse
from pathlib import Path

TEXT = "read a trained pix2pix or CycleGAN generator (.pth, .safetensors) and write it as a bundle"


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    teacher = "a state dict of PyTorch (.pth, .pt) or a .safetensors file; 'vintagify' is that of the installed package"
    parser.add_argument("teacher", help=f"{teacher}; nothing in it is executed")
    parser.add_argument(
        "--to", help="the bundle folder to write (default: beside the file, its name without its ending)"
    )
    parser.add_argument("--part", help="which state dict, where the file has several (netG_A, say)")
    statistics = "of batch norm: those of each image, as pix2pix tests, or the running ones of the file"
    parser.add_argument("--statistics", choices=("image", "running"), default="image", help=statistics)
    resize = "how an up-sampling that is no transposed convolution enlarges, which no file says"
    parser.add_argument("--resize", choices=("nearest", "bilinear"), default="nearest", help=resize)
    parser.add_argument("--formats", nargs="*", default=(), help="graphs beside the weights: stablehlo, onnx")


def run(args: argparse.Namespace, rest: list[str]) -> None:
    """Import, and say what was recognised."""
    from nasjax.export.teachers import COUNTED_AT, import_teacher

    source = Path(args.teacher)
    # A file without an ending has the name that its bundle would get.
    default = source.with_suffix("") if source.suffix else source.with_name(f"{source.name}_bundle")
    folder = Path(args.to) if args.to else default
    found, costs, _ = import_teacher(
        source, folder, part=args.part, statistics=args.statistics, resize=args.resize, formats=args.formats
    )
    print(f"{found.architecture}, {found.norm}, up-sampling by {found.up}")
    print(
        f"{found.num_params:,} parameters, {costs.macs / 1e9:.2f} GMACs at {COUNTED_AT}x{COUNTED_AT} pixels "
        f"({costs.macs_torchprofile / 1e9:.2f} as torchprofile counts)"
    )
    print(f"written to {folder}; try it: nasjax apply {folder} photo.png out.png")
