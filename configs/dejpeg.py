"""JPEG noise taken out of photographs, compressed once, or twice on shifted grids.

Paper: one of the corrections of the poster "photorealistic style transfer for automatic image editing";
a small network of neighbours at half or full resolution.
Command: nasjax search dejpeg --data.source degraded:jpeg:folder:PHOTOGRAPHS (default: the embedded ones)
Time and score: some 13 minutes of one core; with the costs of the network chosen by hand as its budget
(scripts/bench_arms.py) 29.0 dB, like that network; see docs/results/filter.md.
"""

from nasjax.config import Experiment
from nasjax.systems.photo_filter.corrections import restoration
from nasjax.tasks.photo_filter import FilterLoss


def config() -> Experiment:
    """Most of it is the restoring branch; a map of colours may follow."""
    return restoration("dejpeg", "jpeg", bands=("0", "1"), loss=FilterLoss(pixel=1.0, lab=0.5), by_hand="bands=0")
