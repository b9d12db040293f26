"""StyleNAS as it was published, on one supernet: the whole VGG16 encoder and the 31 bits, for a GPU.

Paper: StyleNAS (arXiv 1906.02470): VGG16 to relu5_1, a decoder of the same widths, plain convolutions. Every bit is a
choice here: 21 of the path, 10 transfers. The paper trained each candidate from scratch, on 50 GPUs or more.
Needs: pip install "nasjax[perceptual]" (VGG16's relu4_1 and relu5_1); a folder of pictures of 256 pixels a side or more
to train on; a folder with NN_content.* and NN_style.*: even numbers steer the search, odd ones are left for tables.
Command: nasjax search stylenas --data.source folder:photographs --system.pairs.search pairs
Time and score: not measured yet; run through on a CPU at a toy size (all 31 bits and levels, 20 steps, 64 pixels).
"""

from nasjax.config import ConfirmConfig, DataConfig, Experiment, FinalConfig, StageConfig
from nasjax.systems import StyleTransfer
from nasjax.systems.style_transfer.system import PairsConfig
from nasjax.train.config import TrainConfig


def config() -> Experiment:
    """One operator and one width a stage: the operator and channel stages have nothing to decide, nor to train."""
    return Experiment(
        StyleTransfer(
            encoder="vgg16", levels=5, ops=("conv",), pairs=PairsConfig("pairs", take="even", number=16, size=256)
        ),
        name="stylenas",
        data=DataConfig(source="folder:photographs", on_bad="skip", patch=256),
        macs_at=(512, 512),
        latency_at=(512, 512),
        stages=(
            StageConfig("path", _train(20_000), batch=2, population=48, generations=20),
            StageConfig("operator", _train(1), population=4, generations=1),
            StageConfig("channel", _train(1), population=4, generations=1),
            StageConfig("transfer", _train(1), population=48, generations=20),
        ),
        confirm=ConfirmConfig(("path",), _train(2000), batch=8),
        final=FinalConfig(number=4, seeds=3, train=_train(10_000), batch=8, scratch=False),
    )


def _train(steps: int) -> TrainConfig:
    return TrainConfig(steps=steps, lr=1e-3, log_every=100)
