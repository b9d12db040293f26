"""Photorealistic style transfer: find a network for `nasjax stylize`, on the embedded photographs.

Paper: StyleNAS (arXiv 1906.02470), its space in one supernet with operators and widths beside the original 31 bits.
Command: nasjax search photonet
Time and score: 36 minutes on one CPU core; what decides was 0.599 and 0.610 in two runs (docs/results/style.md).
"""

from nasjax.config import ConfirmConfig, DataConfig, Experiment, FinalConfig, StageConfig
from nasjax.systems import StyleTransfer
from nasjax.systems.style_transfer.system import PairsConfig
from nasjax.train.config import TrainConfig


def config() -> Experiment:
    """The narrow encoder to relu3_1; three operators; decoder widths from half the encoder's to the same."""
    return Experiment(
        StyleTransfer(decoder=((8, 16), (16, 32)), pairs=PairsConfig(number=12, size=128)),
        name="photonet",
        data=DataConfig(patch=96),
        macs_at=(512, 512),
        latency_at=(512, 512),
        stages=(
            StageConfig("path", _train(700), batch=2, population=24, generations=8),
            StageConfig("operator", _train(300), batch=2, population=24, generations=4),
            StageConfig("channel", _train(300), batch=4, population=4, generations=1),
            StageConfig("transfer", population=24, generations=4),
        ),
        confirm=ConfirmConfig(("path",), _train(200)),
        final=FinalConfig(number=2, seeds=2, train=_train(500), batch=8, scratch=False),
    )


def _train(steps: int) -> TrainConfig:
    return TrainConfig(steps=steps, lr=2e-3, log_every=50)
