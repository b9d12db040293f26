"""InceptionV3, FID, KID and resizing against torch-fidelity and clean-fid, on the same random weights.

    python scripts/check_fid.py reference FOLDER      where torch, torch-fidelity and clean-fid are installed
    python scripts/check_fid.py compare FOLDER        where nasjax is installed; prints a JSON object

The first writes FOLDER/reference.npz: random pictures and weights, and what the two packages make of them. The real
weights are not needed: equal functions are equal on any. Batch norms get the statistics of the features that they see,
so that features stay in range through 94 layers.
"""

import argparse
import json
from pathlib import Path

import numpy as np

SIZES, PICTURES = ((64, 64), (128, 96), (299, 299), (333, 480)), 12


def pictures() -> list[np.ndarray]:
    """Sums of random waves and noise, uint8, of several sizes."""
    found = []
    for k in range(PICTURES):
        rng = np.random.default_rng(k)
        height, width = SIZES[k % len(SIZES)]
        y, x = np.mgrid[0:height, 0:width][..., None] / height
        waves = [np.sin(rng.normal(0, 30, 3) * y + rng.normal(0, 30, 3) * x + rng.uniform(0, 6, 3)) for _ in range(6)]
        found.append(np.clip(128 + 25 * sum(waves) + rng.normal(0, 10, (height, width, 3)), 0, 255).astype(np.uint8))
    return found


def feature_sets() -> list[np.ndarray]:
    """Two sets of features, correlated and of full rank: with as few as the pictures, roots of rounding would show."""
    rng = np.random.default_rng(0)
    return [rng.normal(size=(1000, 256)) @ rng.normal(size=(256, 256)) / 16 + 0.1 * k for k in range(2)]


def reference(folder: Path) -> None:
    """Write what torch-fidelity and clean-fid compute."""
    import cleanfid.resize
    import torch
    from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x as bilinear
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torch_fidelity.metric_kid import kid_features_to_metric

    network = random_network(folder)
    tensors = [torch.from_numpy(p.transpose(2, 0, 1))[None] for p in pictures()]
    features = torch.cat([network(t)[0] for t in tensors])
    tensorflow = [bilinear(t.float(), (299, 299), align_corners=False) for t in tensors]
    resized = {
        "clean": [cleanfid.resize.build_resizer("clean")(p) for p in pictures()],
        "legacy-tensorflow": [t[0].numpy().transpose(1, 2, 0) for t in tensorflow],
        "legacy-pytorch": [cleanfid.resize.build_resizer("legacy_pytorch")(p) for p in pictures()],
    }
    sets = [torch.from_numpy(x) for x in feature_sets()]
    statistics = [fid_features_to_statistics(x) for x in sets]
    kid = kid_features_to_metric(*sets, kid_subsets=1, kid_subset_size=1000, verbose=False)
    np.savez(
        folder / "reference.npz",
        features=features.numpy(),
        fid=fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"],
        kid=kid["kernel_inception_distance_mean"],
        **{f"resized:{name}": np.stack(stack).astype(np.float32) for name, stack in resized.items()},
        **{f"weights:{name}": t.numpy() for name, t in network.state_dict().items()},
    )


def random_network(folder: Path):
    """torch-fidelity's network with random weights, batch norms set to what they see on some of the pictures."""
    import torch
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    class Random(FeatureExtractorInceptionV3):
        def load_state_dict(self, state_dict):
            """Keep the initial weights."""

    torch.manual_seed(0)
    torch.save({}, folder / "none.pth")
    network = Random("inception", ["2048"], feature_extractor_weights_path=folder / "none.pth")
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.uniform_(0.5, 1.5)
            module.bias.normal_(0, 0.3)
            module.momentum = None  # a plain mean over the pictures
    network.train()
    for p in pictures()[:: len(SIZES) + 1]:
        network(torch.from_numpy(p.transpose(2, 0, 1))[None])
    return network.eval()


def compare(folder: Path) -> dict:
    """Our figures beside theirs: largest differences of features and pixels, relative difference of distances."""
    import jax

    from nasjax.metrics import frechet_distance, inception_input, kernel_distance, moments
    from nasjax.nets.inception import convert_inception, inception_features

    saved = np.load(folder / "reference.npz")
    params = convert_inception({k.partition(":")[2]: saved[k] for k in saved.files if k.startswith("weights:")})
    run, theirs = jax.jit(inception_features), saved["features"]
    ours = np.concatenate([run(params, inception_input(p, "legacy-tensorflow")[None]) for p in pictures()])
    given = np.concatenate([run(params, (x[None] - 128) / 128) for x in saved["resized:legacy-tensorflow"]])
    pixels = {}
    for protocol in ("clean", "legacy-tensorflow", "legacy-pytorch"):
        scale = (lambda x: (x + 1) * 127.5) if protocol == "legacy-pytorch" else (lambda x: x * 128 + 128)
        mine = np.stack([scale(inception_input(p, protocol).astype(np.float64)) for p in pictures()])
        pixels[protocol] = float(np.abs(mine - saved[f"resized:{protocol}"]).max())

    sets = feature_sets()
    found = frechet_distance(*map(moments, sets)), kernel_distance(*sets)
    return {
        "pictures": PICTURES,
        "feature_std": float(theirs.std()),
        "largest_feature_difference": float(np.abs(ours - theirs).max()),
        "given_their_resized_pictures": float(np.abs(given - theirs).max()),
        "largest_pixel_difference_of_255": pixels,
        "frechet": {"torch_fidelity": float(saved["fid"]), "nasjax": found[0]},
        "kid": {"torch_fidelity": float(saved["kid"]), "nasjax": found[1]},
    }


def main() -> None:
    """Run one of the two halves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("half", choices=("reference", "compare"))
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    if args.half == "reference":
        reference(args.folder)
    else:
        print(json.dumps(compare(args.folder), indent=1))


if __name__ == "__main__":
    main()
