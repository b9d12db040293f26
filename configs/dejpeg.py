"""JPEG noise taken out of photographs, compressed once, or twice on shifted grids.

Paper: one of the corrections of the poster "photorealistic style transfer for automatic image editing";
a small network of neighbours at half or full resolution.
Command: nasjax search dejpeg --data.source degraded:jpeg:folder:PHOTOGRAPHS (default: the embedded ones)
Time and score: not measured yet; scripts/evaluate_filters.py scores a bundle of it on held-out photographs.
"""

from nasjax.config import DataConfig, Experiment, FinalConfig, StageConfig
from nasjax.systems import PhotoFilter
from nasjax.systems.photo_filter.system import FilterHeads, FilterWidths
from nasjax.tasks.photo_filter import FilterLoss
from nasjax.train.config import TrainConfig


def config() -> Experiment:
    """Most of it is the restoring branch; a map of colours may follow."""
    short = TrainConfig(steps=300, lr=2e-3, log_every=50)
    return Experiment(
        PhotoFilter(
            widths=FilterWidths(restore=(16, 24, 32)),
            heads=FilterHeads(
                colour=("none", "curves"),
                grid=("none", "a8x4"),
                bands=("0", "1"),
                restore=("none", "half2conv", "half4conv", "full2conv"),
            ),
            sides=(64,),
            loss=FilterLoss(pixel=1.0, lab=0.5),
        ),
        name="dejpeg",
        data=DataConfig(source="degraded:jpeg:embedded", patch=48, val_patches=12, val_patch=128, test_crop=None),
        cost="macs",
        macs_at=(2400, 2400),
        stages=(
            StageConfig("path", short, batch=2, population=16, generations=6),
            StageConfig("operator", short, batch=2, population=16, generations=6),
            StageConfig("channel", short, batch=2, population=16, generations=4),
        ),
        final=FinalConfig(train=TrainConfig(steps=2000, lr=2e-3, log_every=100), batch=8, scratch=False),
    )
