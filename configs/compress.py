"""A CycleGAN generator of 11.4M parameters made small, on the photographs that come with the package.

Paper: coarse-to-fine search for efficient generators (arXiv 2104.09223) under distillation, as in GAN Compression
(arXiv 2003.08936) and online distillation (arXiv 2108.06908). The teacher is that of the package vintagify.
Command: nasjax search compress, or, for a generator of your own, nasjax compress TEACHER IMAGES --budget BUDGET
(percentages are of the teacher's costs there; behind `search` they are of the dearest network of the space).
Time and score: see docs/results/compression.md.
"""

from dataclasses import replace

from nasjax.config import ConfirmConfig, Experiment, FinalConfig
from nasjax.systems.translation.compress import compression


def config() -> Experiment:
    """At most a twentieth of the teacher's parameters and a twelfth of its MACs, on crops of 64 pixels."""
    found = compression("vintagify", "embedded", ("params<=5%", "macs<=8%"), patch=64, steps=400)
    train = replace(found.stages[0].train, steps=1200)
    return replace(
        found,
        system=replace(found.system, crops=250),
        stages=tuple(replace(stage, population=24, generations=5) for stage in found.stages),
        confirm=ConfirmConfig(("path",), replace(train, steps=300)),
        final=FinalConfig(train=train, batch=4),
    )
