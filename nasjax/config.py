"""What an experiment is: frozen dataclasses whose defaults live here and nowhere else.

A config file is Python: `configs/NAME.py` with a function `config() -> Config` and a docstring that is its lab record.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

from nasjax.train.config import TrainConfig


@dataclass(frozen=True)
class SpaceConfig:
    """The search space of super-resolution generators (`nasjax.spaces.sr_cell`)."""

    scale: int = 4  # enlargement: 2, 3 or 4
    blocks: int = 8  # most blocks in the trunk
    trunk: tuple[int, ...] = (16, 24, 32, 48)  # trunk widths
    inner: tuple[int, ...] = (8, 16, 24, 40)  # inner widths of a block
    ops: tuple[str, ...] = (
        "res", "sep3", "sep5", "sep7", "ir2k3", "ir2k5", "ir4k3", "ir4k5", "rlfb", "spab", "group", "rep",
    )  # candidate operations of a block  # fmt: skip
    nominal: int | None = None  # place of the widths used before the channel stage; None: fitted to the budget


@dataclass(frozen=True)
class DataConfig:
    """Pictures to train, search and test on; sizes are low-resolution pixels."""

    source: str = "embedded"  # embedded, a folder, folder:PATH or tfds:NAME
    on_bad: Literal["fail", "skip"] = "fail"  # unreadable or too small pictures: stop, or leave them out
    patch: int = 24  # side of a training patch
    augment: bool = True  # flips and quarter turns
    val_patches: int = 48  # fixed textured patches that candidates are compared on
    val_patch: int = 32  # their side
    test_crop: tuple[int, int] | None = None  # (height, width) cut from the middle of test pictures; None: whole


@dataclass(frozen=True)
class StageConfig:
    """One stage: train the supernet over what the stage leaves open, then search it on the shared weights."""

    stage: str  # a stage of the space: path, operator, channel
    train: TrainConfig = TrainConfig(steps=5000)
    batch: int = 4  # images a stream and step
    sampler: Literal["strict-fair", "pairwise-fair", "uniform", "sandwich"] = "strict-fair"
    slots: int = 4  # streams a step of the samplers that are not fair
    algorithm: Literal["nsga2", "aging-evolution", "reinforce", "random"] = "nsga2"
    population: int = 32  # archs asked for at once
    generations: int = 20


@dataclass(frozen=True)
class FinalConfig:
    """What happens to the found network, and what it is compared with."""

    train: TrainConfig = TrainConfig(steps=20000)  # fine-tuning of the extracted network
    batch: int = 16
    scratch: bool = True  # train the same arch from scratch for as many steps
    handmade: bool = True  # train a plain residual network of equal size for as many steps
    formats: tuple[Literal["stablehlo", "onnx"], ...] = ("stablehlo", "onnx")  # graphs beside the weights


@dataclass(frozen=True)
class Config:
    """One experiment; `nasjax search` runs all of it."""

    name: str = "search"
    seed: int = 0
    space: SpaceConfig = field(default_factory=SpaceConfig)
    data: DataConfig = field(default_factory=DataConfig)
    budget: tuple[str, ...] = ("params<=60K",)  # see nasjax.cost.budget; all must be kept
    cost: Literal["params", "macs", "activations", "latency"] = "macs"  # the second objective of the Pareto front
    macs_at: tuple[int, int] = (1280, 720)  # width, height of the output that MACs are stated for
    # The same of latency, where no budget states it. Nothing is measured unless a budget or `cost` is latency.
    latency_at: tuple[int, int] = (640, 480)
    stages: tuple[StageConfig, ...] = (StageConfig("path"), StageConfig("operator"), StageConfig("channel"))
    final: FinalConfig = field(default_factory=FinalConfig)

    def __post_init__(self) -> None:
        if not self.stages:
            raise ValueError("config.stages is empty; give at least one StageConfig")
        for stage in self.stages:
            if min(stage.batch, stage.slots, stage.population, stage.generations) < 1:
                raise ValueError(f"config.stages[{stage.stage!r}]: batch, slots, population, generations must be >= 1")

    def tiny(self) -> "Config":
        """The same experiment, small enough for a test: two steps a phase, eight candidates a stage, small pictures."""
        short = TrainConfig(steps=2, log_every=1, warmup=0)
        stages = tuple(replace(s, train=short, batch=1, population=4, generations=2) for s in self.stages)
        data = replace(self.data, patch=8, val_patches=2, val_patch=8, test_crop=(48, 64))
        space = replace(self.space, blocks=1)
        final = replace(self.final, train=short, batch=2)
        return replace(self, space=space, data=data, stages=stages, final=final, latency_at=(64, 48))
