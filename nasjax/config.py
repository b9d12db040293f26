"""What an experiment is: frozen dataclasses whose defaults live here and nowhere else.

A config file is Python: `configs/NAME.py` with a function `config() -> Config` and a docstring that is its lab record.
"""

import dataclasses
import importlib.util
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from nasjax.train.config import TrainConfig

Sampler = Literal["strict-fair", "pairwise-fair", "uniform", "sandwich"]
Algorithm = Literal["nsga2", "aging-evolution", "reinforce", "random"]


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
    sampler: Sampler = "strict-fair"
    slots: int = 4  # streams a step of the samplers that are not fair
    algorithm: Algorithm = "nsga2"
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
    cost: Literal["params", "macs", "activations"] = "macs"  # the second objective of the Pareto front
    macs_at: tuple[int, int] = (1280, 720)  # width, height of the output that MACs are stated for
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
        return replace(self, space=space, data=data, stages=stages, final=replace(self.final, train=short, batch=2))


def load_config(name: str) -> Config:
    """The config of a Python file, or of a shipped experiment by its bare name.

    Raises ValueError naming the shipped ones, or what the file lacks.
    """
    path = Path(name)
    if path.suffix != ".py":
        known = shipped()
        if name not in known:
            raise ValueError(f"unknown config {name!r}; a path to a .py file, or one of: {', '.join(sorted(known))}")
        path = known[name]
    if not path.is_file():
        raise ValueError(f"config file {path} does not exist")
    return _run_file(path)


def shipped() -> dict[str, Path]:
    """The experiments that come with the package, by name."""
    package = Path(__file__).parent
    folders = [package / "configs", package.parent / "configs"]
    return {p.stem: p for folder in folders for p in sorted(folder.glob("*.py"))}


def _run_file(path: Path) -> Config:
    spec = importlib.util.spec_from_file_location(f"nasjax_config_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ValueError(f"config file {path} cannot be read as Python")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except TypeError as error:  # an unknown field of one of the dataclasses
        raise ValueError(f"config file {path}: {error}") from error
    if not isinstance(made := getattr(module, "config", lambda: None)(), Config):
        raise ValueError(f"config file {path} must define 'def config() -> Config', got {type(made).__name__}")
    return made


def as_dict(config: Config) -> dict[str, Any]:
    """The config as JSON values, for `config.json`."""
    return dataclasses.asdict(config)


def from_dict(values: dict[str, Any]) -> Config:
    """The config that `as_dict` wrote; raises ValueError naming an unknown field."""
    parts = {"space": SpaceConfig, "data": DataConfig, "final": FinalConfig, "train": TrainConfig}

    def build(kind: type, given: dict[str, Any], where: str) -> Any:
        known = {f.name for f in dataclasses.fields(kind)}
        if unknown := sorted(set(given) - known):
            raise ValueError(f"config: unknown field {where}{unknown[0]!r}; allowed: {', '.join(sorted(known))}")
        return kind(**{name: convert(name, v, f"{where}{name}.") for name, v in given.items()})

    def convert(name: str, value: Any, where: str) -> Any:
        if name == "stages":
            return tuple(build(StageConfig, v, where) for v in value)
        if name in parts:
            return build(parts[name], value, where)
        return tuple(value) if isinstance(value, list) else value

    return build(Config, values, "")
