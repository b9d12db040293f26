"""The colour of the light taken off photographs.

Paper: one of the corrections of the poster "photorealistic style transfer for automatic image editing";
a colour map, decided by the whole picture.
Command: nasjax search whitebalance --data.source degraded:whitebalance:folder:PHOTOGRAPHS (default: the embedded ones)
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
            loss=FilterLoss(pixel=0.5, lab=2.0),
            decides="ciede2000",
        ),
        name="whitebalance",
        data=DataConfig(
            source="degraded:whitebalance:embedded", patch=96, val_patches=12, val_patch=112, test_crop=None
        ),
        cost="macs",
        macs_at=(2400, 2400),
        stages=(
            StageConfig("path", short, batch=2, population=16, generations=6),
            StageConfig("operator", short, batch=2, population=16, generations=6),
            StageConfig("channel", short, batch=2, population=16, generations=4),
        ),
        final=FinalConfig(train=TrainConfig(steps=1500, lr=3e-3, log_every=100), batch=4, scratch=False),
    )
