"""A 60.1K x4 network that looks sharp, its discriminator searched at the size of the paper; for accelerators.

Paper: Journey Towards Tiny Perceptual Super-Resolution (arXiv 2007.04356), its second search; rates are ESRGAN's
(arXiv 1809.00219), and so is the loss but for its weights (`tasks.perceptual.Perception`). Needs the extra
`perceptual`, a folder of training photographs (DIV2K or like it), and, to begin with, a bundle of a fidelity search
(`nasjax search sr_x4`, or any bundle of sr_cell for x4), or its run folder.
Command: nasjax search tpsr_full --data.source folder:DIV2K --system.generator runs/sr_x4
Time and score: never run at this size.
Released weights of TPSR at 61K on Set5 / Set14 / B100: LPIPS .1207 / .2185 / .2835 at 29.60 / 26.88 / 26.24 dB.
"""

from nasjax.config import ConfirmConfig, DataConfig, Experiment, FinalConfig, StageConfig
from nasjax.systems import PerceptualSuperResolution
from nasjax.systems.perceptual.settings import Proxy
from nasjax.tasks.perceptual import Perception
from nasjax.train.config import TrainConfig


def config() -> Experiment:
    """A generator shaped as the package's `medium`; 512 pairs, with discriminators from 6.5K to 4.9M parameters.

    Finalists and rivals are trained with three seeds.
    """
    game = TrainConfig(steps=4000, lr=1e-4, warmup=0, schedule="constant", betas=(0.9, 0.99), clip=0.0, ema=0.999)
    return Experiment(
        PerceptualSuperResolution(
            blocks=8,
            width=20,
            op="rep",
            tail="sep",
            # Against the grid of the pixel shuffle, which LPIPS, and so the reward, does not mind.
            perception=Perception(repeated=0.01),
            proxy=Proxy(train=game, batch=16, pictures=4096, rungs=(0.125, 0.25, 0.5, 1.0)),
            rivals=("srgan", "esrgan", "unet", "patchgan"),
        ),
        name="tpsr_full",
        data=DataConfig(patch=32, val_patches=64),
        budget=("params<=5M",),
        cost="params",
        stages=(
            StageConfig("start", TrainConfig(steps=200000, lr=5e-4), batch=32, population=1, generations=1),
            StageConfig("game", game, algorithm="reinforce", population=32, generations=16),
        ),
        confirm=ConfirmConfig(),
        final=FinalConfig(
            number=3,
            seeds=3,
            train=TrainConfig(steps=100000, lr=1e-4, betas=(0.9, 0.99), clip=0.0),
            batch=16,
            scratch=False,
        ),
    )
