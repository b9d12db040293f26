"""Haze taken off photographs.

Paper: one of the corrections of the poster "photorealistic style transfer for automatic image editing";
a bilateral grid and a colour map, which see how light lies over the picture.
Command: nasjax search dehaze --data.source degraded:haze:folder:PHOTOGRAPHS (default: the embedded ones)
Time and score: some 20 minutes of one core. With the costs of the network chosen by hand as its budget, and 259
photographs to learn by, 25.2 ± 0.2 dB for 67 to 82 % of the MACs, that network 24.8 (three seeds);
the embedded ones are too few to tell: docs/results/filter.md.
"""

from nasjax.config import Experiment
from nasjax.systems.photo_filter.corrections import recolouring
from nasjax.tasks.photo_filter import FilterLoss


def config() -> Experiment:
    """Everything that knows the place and the colour of a pixel; detail is left alone."""
    by_hand = "colour=mix9x2 grid=a16x4 grid.guide=luma"
    return recolouring("dehaze", "haze", loss=FilterLoss(pixel=1.0, lab=1.0), by_hand=by_hand, table="mix9x2")
