"""Edges to furniture at 64 pixels without knowing which belong together, on the pictures of the package.

Paper: CycleGAN (arXiv 1703.10593) as a search: both directions share each step, and each sub-network.
Command: nasjax search unpaired
Time and score: see docs/results/translation.md.
"""

from dataclasses import replace

from nasjax.chain.configs import load_config
from nasjax.config import Experiment
from nasjax.tasks.adversarial import Adversarial
from nasjax.tasks.translation import Translation


def config() -> Experiment:
    """The space and the training of the paired search; CycleGAN's terms, and the game that suits small networks best.

    Hinge loss, spectral norm and DiffAugment: of 24 recipes that with the least VGG16-KID, and nearly the least LPIPS
    to pairs that it has not seen (docs/results/translation.md). CycleGAN's own is LSGAN with a pool of 50.
    """
    paired = load_config("translation")
    game = Adversarial("hinge", augment=("colour", "translation"))
    critic = replace(paired.system.critic, norm="none", spectral=True)
    system = replace(paired.system, recipe=Translation(adversarial=game, cycle=10.0, identity=0.5), critic=critic)
    data = replace(paired.data, source="unpaired:furniture")
    final = replace(paired.final, train=replace(paired.final.train, steps=1000))
    return replace(paired, system=system, name="unpaired", data=data, final=final)
