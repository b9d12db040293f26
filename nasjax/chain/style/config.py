"""What a style-transfer experiment is; a config file's `config()` returns one of these instead of a `Config`."""

from dataclasses import dataclass, field, replace
from typing import Literal

from nasjax.config import DataConfig, StageConfig
from nasjax.train.config import TrainConfig

OBJECTIVES: tuple[str, ...] = ("edge", "style", "teacher", "cost")


@dataclass(frozen=True)
class StyleSpaceConfig:
    """The search space of stylising networks (`nasjax.spaces.photonet`)."""

    encoder: Literal["narrow", "vgg16"] = "narrow"  # a quarter of VGG16's widths, distilled; or VGG16 itself
    levels: int = 3  # 3 to 5 (relu3_1 to relu5_1); the narrow encoder that is shipped has 3
    ops: tuple[Literal["conv", "sep", "ir"], ...] = ("conv", "sep", "ir")  # how decoder convolutions may be made
    decoder: tuple[tuple[int, ...], ...] = ()  # widths of the decoder's stages 1, 2, ...; (): the encoder's


@dataclass(frozen=True)
class PairsConfig:
    """What candidates are compared on: content and style photographs."""

    search: str = "embedded"  # embedded (photographs paired with one another), or a folder of NAME_content, NAME_style
    take: Literal["all", "even", "odd"] = "all"  # which of a folder's pairs, by the number in their name
    number: int = 16  # how many pairs
    size: int = 128  # pixels a side
    method: Literal["eigh", "newton-schulz", "cholesky"] = "newton-schulz"  # of the transfer


@dataclass(frozen=True)
class ConfirmConfig:
    """Short training before a stage decides: of each open option the best network, alone, from the shared weights."""

    decisions: tuple[str, ...] = ("path",)  # of which stages; (): shared weights decide all of them
    train: TrainConfig = TrainConfig(steps=150)
    batch: int = 4


@dataclass(frozen=True)
class FinalistsConfig:
    """What happens to the best of the last stage before one of them is chosen."""

    number: int = 3  # networks
    seeds: int = 2  # each fine-tuned so often, with other batches
    train: TrainConfig = TrainConfig(steps=400)
    batch: int = 8


@dataclass(frozen=True)
class StyleConfig:
    """One style-transfer experiment; `nasjax search` runs all of it."""

    name: str = "photonet"
    seed: int = 0
    space: StyleSpaceConfig = field(default_factory=StyleSpaceConfig)
    data: DataConfig = field(default_factory=lambda: DataConfig(patch=96))
    pairs: PairsConfig = field(default_factory=PairsConfig)
    budget: tuple[str, ...] = ()  # see nasjax.cost.budget; e.g. ("macs<=4G",)
    macs_at: tuple[int, int] = (512, 512)  # width, height that MACs are stated for
    objectives: tuple[str, ...] = ("edge", "style", "cost")
    # What a stage decides by, and in what the finalists are ordered: the smallest weighted sum of all four.
    weights: tuple[float, float, float, float] = (1.0, 1.0, 0.0, 0.1)
    smooth: bool = True  # scored is what `nasjax stylize` writes by default: filtered along the content's edges
    pixel: float = 4.0  # weights of pixel and feature errors in training (`tasks.style_transfer`)
    feature: float = 0.5
    # The training of the last one is not used: transfers have no parameters.
    stages: tuple[StageConfig, ...] = tuple(map(StageConfig, ("path", "operator", "channel", "transfer")))
    confirm: ConfirmConfig = field(default_factory=ConfirmConfig)
    finalists: FinalistsConfig = field(default_factory=FinalistsConfig)

    def __post_init__(self) -> None:
        if not self.objectives or set(self.objectives) - set(OBJECTIVES):
            raise ValueError(f"config.objectives {self.objectives}: one or more of {', '.join(OBJECTIVES)}")
        if min(self.weights) < 0 or not any(self.weights):
            raise ValueError(f"config.weights must be four numbers >= 0, one of them positive, got {self.weights}")
        if not self.stages:
            raise ValueError("config.stages is empty; give at least one StageConfig")
        finalists, known = self.finalists, tuple(s.stage for s in self.stages)
        if unknown := [name for name in self.confirm.decisions if name not in known]:
            raise ValueError(f"config.confirm.decisions: {unknown[0]!r} is none of the stages {', '.join(known)}")
        numbers = (self.pairs.number, finalists.number, finalists.seeds, finalists.batch, self.confirm.batch)
        if min(numbers) < 1 or self.pairs.size < 32:
            raise ValueError(
                "config: pairs.number, confirm.batch and the finalists' numbers must be >= 1, and pairs.size >= 32"
            )

    def tiny(self) -> "StyleConfig":
        """The same experiment, small enough for a test: two steps a phase, four candidates a stage, two pairs."""
        short = TrainConfig(steps=2, log_every=1, warmup=0)
        stages = tuple(replace(s, train=short, batch=1, population=4, generations=1) for s in self.stages)
        space = replace(self.space, levels=3, ops=self.space.ops[:1], decoder=())
        pairs = replace(self.pairs, number=2, size=32)
        confirm = replace(self.confirm, train=short, batch=1)
        finalists = replace(self.finalists, number=2, seeds=1, train=short, batch=1)
        small = replace(self, space=space, stages=stages, pairs=pairs, data=replace(self.data, patch=32))
        return replace(small, confirm=confirm, finalists=finalists, macs_at=(64, 64))
