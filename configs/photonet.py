"""Photorealistic style transfer: find a network for `nasjax stylize`, on the embedded photographs.

Paper: StyleNAS (arXiv 1906.02470), its space in one supernet with operators and widths beside the original 31 bits.
Command: nasjax search photonet
"""

from nasjax.chain.style.config import FinalistsConfig, PairsConfig, StyleConfig, StyleSpaceConfig
from nasjax.config import DataConfig, StageConfig
from nasjax.train.config import TrainConfig


def config() -> StyleConfig:
    """The narrow encoder to relu4_1; three operators; decoder widths from half the encoder's to the same."""
    return StyleConfig(
        space=StyleSpaceConfig(decoder=((8, 16), (16, 32), (32, 64))),
        data=DataConfig(patch=96),
        pairs=PairsConfig(number=12, size=128),
        stages=(
            StageConfig("path", _train(900), batch=2, population=24, generations=8),
            StageConfig("operator", _train(500), batch=2, population=24, generations=4),
            StageConfig("channel", _train(400), batch=4, population=8, generations=1),
        ),
        finalists=FinalistsConfig(number=2, seeds=2, train=_train(1000), batch=8),
    )


def _train(steps: int) -> TrainConfig:
    return TrainConfig(steps=steps, lr=3e-3, log_every=50)
