"""The colour of the light taken off photographs.

Paper: one of the corrections of the poster "photorealistic style transfer for automatic image editing";
a colour map, decided by the whole picture.
Command: nasjax search whitebalance --data.source degraded:whitebalance:folder:PHOTOGRAPHS (default: the embedded ones)
Time and score: some 13 minutes of one core; with the costs of the network chosen by hand as its budget
(scripts/bench_arms.py) 31.6 dB, and that network 32.5 (three seeds): its tables are better chosen by hand; see
docs/results/filter.md.
"""

from nasjax.config import Experiment
from nasjax.systems.photo_filter.corrections import recolouring
from nasjax.tasks.photo_filter import FilterLoss


def config() -> Experiment:
    """Everything that knows the place and the colour of a pixel; detail is left alone."""
    return recolouring(
        "whitebalance", "whitebalance", loss=FilterLoss(pixel=0.5, lab=2.0), by_hand="colour=mix9x8 grid=none"
    )
