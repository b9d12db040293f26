"""Edges to shoes at 256 pixels, full size: the first headline of the coarse-to-fine paper.

Paper: coarse-to-fine search (arXiv 2104.09223): 2.56 MB (about 0.64M parameters), FID 24.13, 8 GPU hours. Losses of
pix2pix (arXiv 1611.07004) with hinge, as GAN Compression trains its edges->shoes (arXiv 2003.08936, appendix).
Command: nasjax search edges2shoes --data.source side-by-side:FOLDER (pix2pix's edges2shoes, one picture AB a pair;
it comes with train/ and val/, and the table needs test/: move 2,000 pictures of train/ there)
Time and score: never run at this size.
"""

from nasjax.config import ConfirmConfig, DataConfig, Experiment, FinalConfig, StageConfig
from nasjax.systems import ImageTranslation
from nasjax.systems.translation.settings import Comparison
from nasjax.tasks.adversarial import Adversarial
from nasjax.tasks.translation import Translation
from nasjax.train.config import TrainConfig


def config() -> Experiment:
    """Nine blocks, widths of a quarter to all of the usual ones, at most 0.64M parameters and 4.8G MACs."""
    return Experiment(
        ImageTranslation(
            ops=("res", "sep", "ir", "dil", "incep"),
            recipe=Translation(pairs=True, l1=100.0, adversarial=Adversarial("hinge")),
            compare=Comparison(number=200, side=256, tested=2000, reference=2000),
        ),
        name="edges2shoes",
        data=DataConfig(source="side-by-side:edges2shoes", patch=256),
        budget=("params<=0.64M", "macs<=4.8G"),
        macs_at=(256, 256),
        latency_at=(256, 256),
        stages=tuple(StageConfig(s, _train(50000), batch=4, generations=20) for s in ("path", "operator", "channel")),
        confirm=ConfirmConfig(("path",), _train(2000)),
        final=FinalConfig(number=2, seeds=3, train=_train(200000), batch=4),
    )


def _train(steps: int) -> TrainConfig:
    return TrainConfig(
        steps=steps, lr=2e-4, betas=(0.5, 0.999), schedule="linear", hold=0.5, clip=0.0, precision="bfloat16"
    )
