"""Haze taken off photographs.

Paper: one of the corrections of the poster "photorealistic style transfer for automatic image editing";
a bilateral grid and a colour map, which see how light lies over the picture.
Command: nasjax search dehaze --data.source degraded:haze:folder:PHOTOGRAPHS (default: the embedded ones)
Time and score: not measured yet; scripts/evaluate_filters.py scores a bundle of it on held-out photographs.
"""

from nasjax.config import DataConfig, Experiment, FinalConfig, StageConfig
from nasjax.systems import PhotoFilter
from nasjax.systems.photo_filter.system import FilterHeads
from nasjax.tasks.photo_filter import FilterLoss
from nasjax.train.config import TrainConfig


def config() -> Experiment:
    """Everything that knows the place and the colour of a pixel; detail is left alone."""
    short = TrainConfig(steps=300, lr=2e-3, log_every=50)
    return Experiment(
        PhotoFilter(
            heads=FilterHeads(restore=("none", "full2sep"), bands=("0", "1")),
            size=120,
            loss=FilterLoss(pixel=1.0, lab=1.0),
            decides="ciede2000",
        ),
        name="dehaze",
        data=DataConfig(source="degraded:haze:embedded", patch=96, val_patches=12, val_patch=112, test_crop=None),
        cost="macs",
        macs_at=(2400, 2400),
        stages=(
            StageConfig("path", short, batch=2, population=16, generations=6),
            StageConfig("operator", short, batch=2, population=16, generations=6),
            StageConfig("channel", short, batch=2, population=16, generations=4),
        ),
        final=FinalConfig(train=TrainConfig(steps=1500, lr=3e-3, log_every=100), batch=4, scratch=False),
    )
