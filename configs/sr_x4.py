"""A x4 super-resolution network of the size of the shipped `medium`, in about an hour, on the embedded photographs.

Paper: coarse-to-fine search for efficient generators (arXiv 2104.09223). What the quick start has no time for:
paths that are confirmed by training, two finalists, and rivals of equal size and of equal latency, trained as long.
Command: nasjax search sr_x4
Time and score: not run at full length; see docs/results/quickstart.md.
"""

from nasjax.config import ConfirmConfig, DataConfig, Experiment, FinalConfig, StageConfig
from nasjax.systems import SuperResolution
from nasjax.train.config import TrainConfig


def config() -> Experiment:
    """Six blocks, three operators, four trunk and four inner widths; at most 61K parameters."""
    short = TrainConfig(steps=800, lr=3e-3, log_every=50)
    alone = TrainConfig(steps=400, lr=3e-3, log_every=50)
    return Experiment(
        SuperResolution(
            blocks=6,
            trunk=(16, 24, 28, 32),
            inner=(16, 24, 32, 40),
            ops=("res", "rep", "spab"),
            nominal=1,
            attention=("none", "sa"),
            by_hand=(1.0, 1.25),
        ),
        name="sr_x4",
        data=DataConfig(val_patches=32, test_crop=None),
        budget=("params<=61K",),
        cost="params",
        stages=(
            StageConfig("path", short, batch=4, population=24, generations=6),
            StageConfig("operator", short, batch=4, population=24, generations=6),
            StageConfig("channel", short, batch=4, population=24, generations=6),
        ),
        confirm=ConfirmConfig(("path",), alone, batch=16),
        final=FinalConfig(train=TrainConfig(steps=5000, lr=3e-3, log_every=100), batch=16, number=2, scratch=False),
    )
