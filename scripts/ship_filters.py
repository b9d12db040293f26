"""Write corrections into the package: bundles with ONNX graphs, from those that were trained or from themselves.

    python scripts/ship_filters.py [NAME ...] [--bundles FOLDER]

FOLDER holds a bundle a name, as `scripts/train_filters.py --to FOLDER` leaves them. Without it, the bundles in the
package are written anew from their own weights, by this version: their graphs' parity is measured again, which every
release needs. Cards keep what they say.
"""

import argparse
import dataclasses
import json
from pathlib import Path

from train_filters import SHIPPED, STEPS

from nasjax.export.bundle import CARD, write_bundle
from nasjax.export.card import Card
from nasjax.export.network import Network, rebuild
from nasjax.export.weights import read_weights
from nasjax.files import read_json


def main() -> None:
    """One after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(STEPS), metavar="NAME", help=", ".join(STEPS))
    parser.add_argument("--bundles", type=Path, default=SHIPPED)
    args = parser.parse_args()
    for name in args.names:
        print(ship(args.bundles / name, SHIPPED / name))


def ship(bundle: Path, target: Path) -> Path:
    """A bundle's network and what its card says, written to another folder, or to itself."""
    description = read_json(bundle / "arch.json")
    network = Network(rebuild(description), read_weights(bundle / "model.safetensors"), description)
    said = json.loads((bundle / CARD).read_text(encoding="utf-8"))
    fields = {f.name: said[f.name] for f in dataclasses.fields(Card) if f.name in said}
    card = Card(**{**fields, "licence": "Apache-2.0"})  # of the weights, as of the package
    write_bundle(target, network, card=card, formats=("onnx",))
    return target


if __name__ == "__main__":
    main()
