"""LPIPS of bicubic enlargement on the x4 benchmarks, beside the published figures.

    python scripts/check_lpips.py SR_BENCH [--network vgg16]

SR_BENCH holds set5, set14 and bsd100, each with HR and LR (MATLAB's bicubic). The enlargement is MATLAB's too, rounded
to uint8; the whole picture is compared, RGB in [-1, 1]. AlexNet's published figures are .3407, .4393 and .5249.
"""

import argparse
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from nasjax.data import folder
from nasjax.metrics import lpips
from nasjax.nets.trunks import load_trunk
from nasjax.ops.resize import imresize_reference

PUBLISHED = {"set5": 0.3407, "set14": 0.4393, "bsd100": 0.5249}


def main() -> None:
    """Print a JSON object: the mean of each set, and the published figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=Path)
    parser.add_argument("--network", default="alexnet", choices=("alexnet", "vgg16"))
    args = parser.parse_args()
    trunk, params = load_trunk(args.network)
    score = jax.jit(lambda x, target: lpips(trunk.apply, params, x, target=target))
    found = {name: round(mean_of(args.bench / name, score), 4) for name in PUBLISHED}
    print(json.dumps({"network": args.network, "found": found, "published_alexnet": PUBLISHED}, indent=1))


def mean_of(path: Path, score) -> float:
    """The mean over a set's pictures."""
    high, low = folder(path / "HR", "fail"), folder(path / "LR", "fail")
    scores = []
    for i in range(len(high)):
        pair = imresize_reference(low[i]["image"], 4), high[i]["image"]
        height, width = np.minimum(*(x.shape[:2] for x in pair))
        scores.append(float(score(*(jnp.asarray(x[:height, :width] / 127.5 - 1, jnp.float32) for x in pair))))
    return float(np.mean(scores))


if __name__ == "__main__":
    main()
