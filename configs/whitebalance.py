"""The colour of the light taken off photographs.

Paper: one of the corrections of the poster "photorealistic style transfer for automatic image editing";
a colour map, decided by the whole picture.
Command: nasjax search whitebalance --data.source degraded:whitebalance:folder:PHOTOGRAPHS (default: the embedded ones)
Time and score: some 20 minutes of one core. With the costs of the network chosen by hand as its budget, and 259
photographs to learn by, 33.2 ± 0.3 dB for 38 to 97 % of the MACs, that network 32.9 (three seeds);
the embedded ones are too few to tell: docs/results/filter.md.
"""

from nasjax.config import Experiment
from nasjax.systems.photo_filter.corrections import recolouring
from nasjax.tasks.photo_filter import FilterLoss


def config() -> Experiment:
    """Everything that knows the place and the colour of a pixel; detail is left alone."""
    return recolouring(
        "whitebalance", "whitebalance", loss=FilterLoss(pixel=0.5, lab=2.0), by_hand="colour=mix9x8 grid=none"
    )
