"""Horse to zebra at 256 pixels, full size, with CycleGAN's recipe.

Paper: CycleGAN (arXiv 1703.10593): LSGAN, cycle 10, identity 0.5, pool of 50, Adam 2e-4 with betas (0.5, 0.999), linear
decay from half-way on. Peers: ResNet-9 11.4M parameters, FID 65.75; GAN Compression
0.355M, 2.64G MACs, 65.19.
Command: nasjax search horse2zebra (downloads the data set; needs the extra tfds)
Time and score: never run at this size.
"""

from dataclasses import replace

from nasjax.chain.configs import load_config
from nasjax.config import Experiment
from nasjax.tasks.adversarial import Adversarial
from nasjax.tasks.translation import Translation


def config() -> Experiment:
    """The space of edges2shoes; at most 0.36M parameters and 2.6G MACs, one image a stream and step."""
    shoes = load_config("edges2shoes")
    game = Adversarial("lsgan", weight=2.0, pool=50)  # the code's, which does not halve the generator's side
    recipe = Translation(adversarial=game, cycle=10.0, identity=0.5)
    return replace(
        shoes,
        system=replace(shoes.system, recipe=recipe),
        name="horse2zebra",
        data=replace(shoes.data, source="tfds:cycle_gan/horse2zebra"),
        budget=("params<=0.36M", "macs<=2.6G"),
        stages=tuple(replace(stage, batch=1) for stage in shoes.stages),
        final=replace(shoes.final, batch=1),
    )
