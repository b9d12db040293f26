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
    """The space and the training of the paired search; LSGAN with a pool of 50, cycle 10, identity a half of that."""
    paired = load_config("translation")
    # Twice the loss of LSGAN's paper, which halves the generator's side as well: CycleGAN's code does not.
    game = Adversarial("lsgan", weight=2.0, augment=("colour", "translation"), pool=50)
    system = replace(paired.system, recipe=Translation(adversarial=game, cycle=10.0, identity=0.5))
    data = replace(paired.data, source="unpaired:furniture")
    final = replace(paired.final, train=replace(paired.final.train, steps=1000))
    return replace(paired, system=system, name="unpaired", data=data, final=final)
