"""Photographs with too little or too much light, set right.

Paper: one of the corrections of the poster "photorealistic style transfer for automatic image editing";
a colour map or a bilateral grid.
Command: nasjax search exposure --data.source degraded:exposure:folder:PHOTOGRAPHS (default: the embedded ones)
Time and score: some 20 minutes of one core. With the costs of the network chosen by hand as its budget, and 259
photographs to learn by, 25.4 ± 0.1 dB for 41 to 63 % of the MACs, that network 25.1 (three seeds);
the embedded ones are too few to tell: docs/results/filter.md.
"""

from nasjax.config import Experiment
from nasjax.systems.photo_filter.corrections import recolouring
from nasjax.tasks.photo_filter import FilterLoss


def config() -> Experiment:
    """Everything that knows the place and the colour of a pixel; detail is left alone."""
    loss = FilterLoss(pixel=1.0, lab=1.0, white=0.2)
    return recolouring("exposure", "exposure", loss=loss, by_hand="colour=mix9x8 grid=a8x4 grid.guide=luma")
