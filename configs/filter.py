"""A look or a correction learned from two folders: pictures as they are, and pictures as they should be.

Paper: the photo filter of the poster "photorealistic style transfer for automatic image editing": a generator of two
sets of pictures. Here it is a small network that decides how every pixel of the whole picture changes, and pictures of
equal names in both folders are learned from as pairs.
Command: nasjax search filter --a before/ --b after/
Loss: levels, CIE Lab, and the structure of its lightness; grids are held smooth as well. The corrections that come with
the package were trained without the last two, which have weights here only.
Time and score: not run at its full size; a search by two sets of photographs at a third of it, and what two sets teach
a network that was chosen by hand, are in docs/results/looks.md.
"""

from nasjax.config import DataConfig, Experiment, FinalConfig, StageConfig
from nasjax.systems import PhotoFilter
from nasjax.systems.photo_filter.system import FilterHeads
from nasjax.tasks.photo_filter import FilterLoss
from nasjax.train.config import TrainConfig


def config() -> Experiment:
    """Everything but restoration at half resolution; pictures are first made 360 pixels high or wide."""
    short = TrainConfig(steps=400, lr=2e-3, log_every=50)
    return Experiment(
        PhotoFilter(
            heads=FilterHeads(restore=("none", "full2sep")),
            size=360,
            loss=FilterLoss(ssim=0.1, grid=1e-2),
        ),
        name="filter",
        data=DataConfig(source="pairs:filter", patch=192, val_patches=12, val_patch=256),
        macs_at=(2400, 2400),
        stages=(
            StageConfig("path", short, batch=2, population=16, generations=6),
            StageConfig("operator", short, batch=2, population=16, generations=6),
            StageConfig("channel", short, batch=2, population=16, generations=4),
        ),
        final=FinalConfig(train=TrainConfig(steps=3000, lr=2e-3, log_every=100), batch=4, scratch=False),
    )
