"""What an experiment is: frozen dataclasses whose defaults live here and nowhere else.

A config file is Python: `configs/NAME.py` with a function `config() -> Experiment` and a docstring that is its lab
record. The system is a frozen dataclass too, with settings of its own (`nasjax.systems`, or a class of the file).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, Literal, Protocol, TypeVar, runtime_checkable

from nasjax.options import check_options
from nasjax.search.algorithms import ALGORITHMS
from nasjax.system import Ground, Networks
from nasjax.train.config import TrainConfig

SystemT = TypeVar("SystemT", bound="System", covariant=True)


@runtime_checkable
class System(Protocol):
    """What is searched for: settings as the fields of a frozen dataclass, and the answers to the chain's questions."""

    @property
    def title(self) -> str:
        """What a person calls it: "x4 super-resolution"."""
        ...

    def networks(self) -> Networks:
        """The space and its networks; reads no pictures. Raises ValueError for settings that do not fit."""
        ...

    def prepare(self, experiment: "Experiment", networks: Networks) -> Ground:
        """Everything read and checked before the first step; raises ValueError for what a training would fall over."""
        ...

    def tiny(self) -> "System":
        """The same, small enough to try a whole experiment in a minute; itself where it is small already."""
        ...


@dataclass(frozen=True)
class DataConfig:
    """Pictures to train, search and test on; sizes are those of the network's input."""

    source: str = "embedded"  # embedded, a folder, folder:PATH or tfds:NAME
    on_bad: Literal["fail", "skip"] = "fail"  # unreadable or too small pictures: stop, or leave them out
    patch: int = 24  # side of a training patch
    augment: bool = True  # flips and quarter turns
    val_patches: int = 48  # fixed textured patches that candidates are compared on; 0: none, where nothing is searched
    val_patch: int = 32  # their side
    test: Literal["test", "val", "train", "all"] = "test"  # the split that finished networks are compared on
    test_crop: tuple[int, int] | None = None  # (height, width) cut from the middle of test pictures; None: whole


@dataclass(frozen=True)
class StageConfig:
    """One stage: train the supernet over what the stage leaves open, then search it on the shared weights."""

    stage: str  # a stage of the space: path, operator, channel
    train: TrainConfig = TrainConfig(steps=5000)
    batch: int = 4  # images a stream and step
    sampler: Literal["strict-fair", "pairwise-fair", "uniform", "sandwich"] = "strict-fair"
    slots: int = 4  # streams a step of the samplers that are not fair
    algorithm: str = "nsga2"  # see nasjax.search.algorithms
    population: int = 32  # archs asked for at once
    generations: int = 20


@dataclass(frozen=True)
class ConfirmConfig:
    """Short training before a stage decides: of each open option the best network, alone, from the shared weights."""

    decisions: tuple[str, ...] = ()  # of which stages; (): shared weights decide all of them
    train: TrainConfig = TrainConfig(steps=150)
    batch: int = 4


@dataclass(frozen=True)
class FinalConfig:
    """What happens to the best networks of the last stage, and what the found one is compared with."""

    number: int = 1  # finalists, of which the one with the best mean is found
    seeds: int = 1  # each fine-tuned so often, with other batches; as often each rival
    train: TrainConfig = TrainConfig(steps=20000)  # fine-tuning of an extracted network
    batch: int = 16
    scratch: bool = True  # train the found arch from scratch, too
    rivals: bool = True  # train what the system compares with
    formats: tuple[Literal["stablehlo", "onnx"], ...] = ("stablehlo", "onnx")  # graphs beside the weights
    trainable: bool = False  # also ship the weights as they were trained, for `nasjax finetune --from BUNDLE`


@dataclass(frozen=True)
class Experiment(Generic[SystemT]):
    """One experiment; `nasjax search` runs all of it."""

    system: SystemT
    name: str = "search"
    seed: int = 0
    data: DataConfig = field(default_factory=DataConfig)
    budget: tuple[str, ...] = ()  # see nasjax.cost.budget; all must be kept, e.g. ("params<=60K",)
    cost: Literal["params", "macs", "activations", "latency"] = "macs"  # what "cost" means in objectives
    macs_at: tuple[int, int] = (1280, 720)  # width, height that MACs are stated for: of the output, if it is larger
    # The same of latency, where no budget states it.
    latency_at: tuple[int, int] = (640, 480)
    stages: tuple[StageConfig, ...] = (StageConfig("path"), StageConfig("operator"), StageConfig("channel"))
    confirm: ConfirmConfig = field(default_factory=ConfirmConfig)
    final: FinalConfig = field(default_factory=FinalConfig)

    def __post_init__(self) -> None:
        check_options(self, "config")
        if not self.stages:
            raise ValueError("config.stages is empty; give at least one StageConfig")
        known = [s.stage for s in self.stages]
        for stage in self.stages:
            if min(stage.batch, stage.slots, stage.population, stage.generations) < 1:
                raise ValueError(f"config.stages[{stage.stage!r}]: batch, slots, population, generations must be >= 1")
            if stage.algorithm not in ALGORITHMS:
                raise ValueError(
                    f"config.stages[{stage.stage!r}].algorithm: unknown {stage.algorithm!r}; "
                    f"allowed: {', '.join(ALGORITHMS)}"
                )
        if unknown := [name for name in self.confirm.decisions if name not in known]:
            raise ValueError(f"config.confirm.decisions: {unknown[0]!r} is none of the stages {', '.join(known)}")
        if min(self.final.number, self.final.seeds, self.final.batch, self.confirm.batch) < 1:
            raise ValueError("config: final.number, final.seeds, final.batch and confirm.batch must be >= 1")

    def tiny(self) -> "Experiment":
        """The same experiment, small enough for a test: two steps a phase, four candidates at once, small pictures."""
        short = TrainConfig(steps=2, log_every=1, warmup=0)
        stages = tuple(replace(s, train=short, batch=1, population=4, generations=2) for s in self.stages)
        data = replace(self.data, patch=8, val_patches=2, val_patch=8, test_crop=(48, 64))
        confirm = replace(self.confirm, train=short, batch=1)
        final = replace(self.final, number=min(2, self.final.number), seeds=1, train=short, batch=1)
        small = replace(self, system=self.system.tiny(), data=data, stages=stages, confirm=confirm, final=final)
        return replace(small, macs_at=(64, 64), latency_at=(64, 48))


def check_first_steps(experiment: Experiment, first: Mapping[str, int]) -> None:
    """Raises ValueError where a training is no longer than the `first` steps that a field of the recipe sets apart.

    What is compared after it would never have been trained for what it is compared on.
    """
    of, least = max(first.items(), key=lambda item: item[1])
    trainings = {f"stages.{i}.train.steps": stage.train.steps for i, stage in enumerate(experiment.stages)}
    for name, steps in {**trainings, "final.train.steps": experiment.final.train.steps}.items():
        if steps <= least:
            raise ValueError(
                f"config.{name} {steps}: all of it would be initial training (system.recipe.{of} {least}), and "
                f"none of it the game by which two sets of pictures are learned from; train for longer, or lower {of}"
            )
