"""Edges to furniture at 64 pixels: small generators from pairs, on the pictures that come with the package.

Paper: coarse-to-fine search for efficient generators (arXiv 2104.09223), its edges->shoes at a size for two CPU cores;
losses of pix2pix (arXiv 1611.07004).
Command: nasjax search translation
Time and score: see docs/results/translation.md.
"""

from nasjax.config import ConfirmConfig, DataConfig, Experiment, FinalConfig, StageConfig
from nasjax.systems import ImageTranslation
from nasjax.systems.translation.settings import Comparison, Critic
from nasjax.tasks.adversarial import Adversarial
from nasjax.tasks.translation import Translation
from nasjax.train.config import TrainConfig


def config() -> Experiment:
    """Up to six blocks, a trunk of 32 to 64 channels, at most 80M MACs (the usual network has 3.1G at this size)."""
    game = Adversarial("hinge", augment=("colour", "translation"))
    return Experiment(
        ImageTranslation(
            widths=((8, 12, 16), (16, 24, 32), (32, 48, 64), (16, 24, 32), (8, 12, 16)),
            inner=(16, 32, 64),
            blocks=6,
            recipe=Translation(pairs=True, l1=100.0, adversarial=game),
            critic=Critic(width=32, layers=2),
            size=64,
            compare=Comparison(number=100, side=64),
        ),
        name="translation",
        data=DataConfig(source="furniture", patch=64),
        budget=("macs<=80M",),
        macs_at=(64, 64),
        latency_at=(64, 64),
        stages=(
            StageConfig("path", _train(600), batch=2, population=24, generations=5),
            StageConfig("operator", _train(600), batch=1, population=24, generations=5),
            StageConfig("channel", _train(600), batch=1, population=24, generations=6),
        ),
        confirm=ConfirmConfig(("path",), _train(250)),
        final=FinalConfig(seeds=2, train=_train(4000), batch=4),
    )


def _train(steps: int) -> TrainConfig:
    return TrainConfig(steps=steps, lr=4e-4, betas=(0.5, 0.999), schedule="linear", clip=0.0, ema=0.995, log_every=25)
