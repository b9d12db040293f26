"""A small x4 super-resolution network in minutes, on the embedded photographs.

Paper: coarse-to-fine search for efficient generators (arXiv 2104.09223), at a size that two CPU cores finish.
Command: scripts/quickstart, or: nasjax quickstart
Time and score: two to three minutes on two CPU cores, 26.24 dB Y-PSNR, where a plain network of equal size has 26.18,
and a larger one that takes longer than the found one 26.19; see docs/results/quickstart.md.
"""

from nasjax.config import DataConfig, Experiment, FinalConfig, StageConfig
from nasjax.systems import SuperResolution
from nasjax.train.config import TrainConfig


def config() -> Experiment:
    """Five blocks, three operators, four trunk and four inner widths; at most 27K parameters."""
    short = TrainConfig(steps=350, lr=3e-3, log_every=25)
    return Experiment(
        SuperResolution(
            blocks=5,
            trunk=(12, 16, 20, 24),
            inner=(8, 16, 24, 32),
            ops=("res", "rep", "spab"),
            nominal=1,
            attention=("sa",),
            by_hand=(1.0, 1.25),
        ),
        name="quickstart",
        data=DataConfig(val_patches=16, test_crop=(72, 128)),
        budget=("params<=27K",),
        cost="params",
        stages=(
            StageConfig("path", short, batch=4, population=20, generations=6),
            StageConfig("operator", short, batch=4, population=20, generations=6),
            StageConfig("channel", short, batch=4, population=20, generations=6),
        ),
        final=FinalConfig(train=TrainConfig(steps=800, lr=5e-3, log_every=50), batch=16, scratch=False),
    )
