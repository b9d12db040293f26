"""Trains the corrections that are shipped with the package, and writes them as bundles.

    python scripts/train_filters.py [NAME ...] [--runs runs/filters] [--steps N]

Each is one network of `nasjax.spaces.photo_filter`, chosen by hand (`by_hand` of its config; of those that restore, a
narrower one without Laplacian bands) and trained from random weights by the config of its name on the embedded
photographs (CC0 and public domain). Stopped and called again it goes on where it was. `nasjax search NAME` searches the
network as well.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from nasjax.chain.configs import load_config
from nasjax.chain.problem import make_problem
from nasjax.chain.steps import export_arch, finetune_arch
from nasjax.systems.photo_filter.rivals import arch_of

SHIPPED = Path(__file__).parents[1] / "nasjax" / "apply" / "filters"
STEPS = {
    "whitebalance": 4500,
    "exposure": 4500,
    "dehaze": 4500,
    "dejpeg": 14_000,
    "deblur": 9000,
}  # 3 to 9 minutes of a core
OTHERWISE = {"dejpeg": "restore.w=24", "deblur": "restore.w=24 bands=0"}  # than `by_hand`


def main() -> None:
    """One after the other, each to its bundle."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(STEPS), metavar="NAME", help=", ".join(STEPS))
    parser.add_argument("--runs", type=Path, default=Path("runs/filters"))
    parser.add_argument("--steps", type=int, help="of each, instead of those of STEPS")
    parser.add_argument("--to", type=Path, default=SHIPPED)
    args = parser.parse_args()
    for name in args.names:
        train(name, args.runs / name, args.to / name, steps=args.steps)


def train(name: str, run: Path, bundle: Path, *, steps: int | None) -> None:
    """The network of a correction, from random weights to its bundle."""
    experiment = load_config(name)
    short = replace(experiment.final.train, steps=steps or STEPS[name], checkpoint_seconds=60.0)
    final = replace(experiment.final, train=short, formats=("onnx",))
    experiment = replace(experiment, final=final)
    networks = make_problem(experiment).networks
    options = f"{experiment.system.by_hand} {OTHERWISE.get(name, '')}"
    arch = networks.supernet.space.text(arch_of(networks, options))
    print(name, arch, flush=True)
    finetune_arch(experiment, run, arch, from_scratch=True)
    bundle.parent.mkdir(parents=True, exist_ok=True)
    export_arch(run, arch, bundle)
    print(f"{name}: {bundle}", flush=True)


if __name__ == "__main__":
    main()
