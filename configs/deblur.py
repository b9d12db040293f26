"""Photographs out of focus or moved, made sharper.

Paper: one of the corrections of the poster "photorealistic style transfer for automatic image editing";
gains of a Laplacian pyramid and a small network of neighbours.
Command: nasjax search deblur --data.source degraded:blur:folder:PHOTOGRAPHS (default: the embedded ones)
Time and score: some 13 minutes of one core; with the costs of the network chosen by hand as its budget
(scripts/bench_arms.py) 27.3 dB, that network 27.4 at twice the MACs (three seeds); see docs/results/filter.md.
"""

from nasjax.config import Experiment
from nasjax.systems.photo_filter.corrections import restoration
from nasjax.tasks.photo_filter import FilterLoss


def config() -> Experiment:
    """Bands and the restoring branch."""
    return restoration(
        "deblur", "blur", bands=("0", "1", "2", "3"), loss=FilterLoss(pixel=1.0, lab=0.25), by_hand="bands=3"
    )
