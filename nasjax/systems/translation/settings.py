"""Settings of image translation beside the space and the recipe: the discriminator, and what is compared on what."""

from dataclasses import dataclass
from typing import Literal

from nasjax.nets.discriminators import patch_discriminator
from nasjax.tasks.adversarial import Judge
from nasjax.tasks.translation import Translation


@dataclass(frozen=True)
class Critic:
    """The discriminator (`nets.discriminators.patch_discriminator`): with three layers a score sees 70 pixels."""

    width: int = 64  # of its first layer
    layers: int = 3  # that halve
    norm: Literal["instance", "none"] = "instance"
    spectral: bool = False  # spectral norm
    scales: int = 1  # discriminators, each on images half as large


@dataclass(frozen=True)
class Comparison:
    """What networks are compared on: squares from the middle of held-out pictures, and which scores decide."""

    number: int = 48  # pictures of the validation split that candidates are compared on
    side: int = 64  # pixels of their squares; of the test split's too, unless `data.test_crop` says otherwise
    tested: int = 100  # pictures of the test split that finished networks are compared on
    reference: int = 200  # pictures of the target domain of the training split that sets are compared with
    weights: tuple[float, float, float] = (1.0, 0.0, 1.0)  # of lpips, ssim and gram, as far as they are measured

    def __post_init__(self) -> None:
        if min(self.number, self.tested) < 1 or self.side < 32 or self.reference < 3:
            raise ValueError(
                "config.system.compare: number and tested must be 1 or more, side 32 and reference 3, got "
                f"{self.number}, {self.tested}, {self.side}, {self.reference}"
            )
        if len(self.weights) != 3 or min(self.weights) < 0:
            raise ValueError(f"config.system.compare.weights must be three numbers >= 0, got {self.weights}")


@dataclass(frozen=True)
class Tutor:
    """A usual generator that is trained beside the networks, which follow it (online distillation, arXiv 2108.06908).

    It alone plays against the discriminator; it is as deep as the deepest network of the space.
    """

    recipe: Translation  # by which it is trained
    width: int = 64  # of its stem

    def __post_init__(self) -> None:
        if self.width < 1 or self.recipe.teaching is not None:
            raise ValueError(
                f"config.system.tutor: width must be 1 or more, and its recipe has no teaching, got {self}"
            )


def make_critic(critic: Critic, recipe: Translation) -> Judge:
    """The discriminator; of pairs it sees what the pictures are made from, too, if the recipe says so."""
    made = patch_discriminator(
        6 if recipe.pairs and recipe.conditional else 3,
        width=critic.width,
        layers=critic.layers,
        norm=critic.norm,
        spectral=critic.spectral,
        scales=critic.scales,
    )
    return Judge(made.init, made.apply, made.advance if critic.spectral else None)
