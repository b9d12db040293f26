"""Configs as files and as JSON: loading an experiment, and the way back from `config.json`."""

import dataclasses
import importlib.util
from pathlib import Path
from typing import Any

from nasjax.chain.style.config import ConfirmConfig, FinalistsConfig, PairsConfig, StyleConfig, StyleSpaceConfig
from nasjax.config import Config, DataConfig, FinalConfig, SpaceConfig, StageConfig
from nasjax.train.config import TrainConfig


def load_config(name: str) -> Config | StyleConfig:
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
    package = Path(__file__).parents[1]
    folders = [package / "configs", package.parent / "configs"]
    return {p.stem: p for folder in folders for p in sorted(folder.glob("*.py"))}


def _run_file(path: Path) -> Config | StyleConfig:
    spec = importlib.util.spec_from_file_location(f"nasjax_config_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ValueError(f"config file {path} cannot be read as Python")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        made = getattr(module, "config", lambda: None)()
    except TypeError as error:  # an unknown field of one of the dataclasses
        raise ValueError(f"config file {path}: {error}") from error
    if not isinstance(made, Config | StyleConfig):
        raise ValueError(
            f"config file {path} must define 'def config() -> Config' (or StyleConfig), got {type(made).__name__}"
        )
    return made


def as_dict(config: Config | StyleConfig) -> dict[str, Any]:
    """The config as JSON values, for `config.json`."""
    return dataclasses.asdict(config)


def from_dict(values: dict[str, Any]) -> Config | StyleConfig:
    """The config that `as_dict` wrote; raises ValueError naming an unknown field."""
    whole = StyleConfig if "finalists" in values else Config
    parts = {**_PARTS[whole], "train": TrainConfig}

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
        return _tuples(value)

    return build(whole, values, "")


def restoration(config: Config | StyleConfig, place: str) -> Config:
    """The config, where only super-resolution is meant; raises ValueError naming `place` otherwise."""
    if isinstance(config, StyleConfig):
        raise ValueError(f"{place} is a style-transfer experiment; of the commands, 'profile' and 'search' take those")
    return config


_PARTS: dict[type, dict[str, type]] = {
    Config: {"space": SpaceConfig, "data": DataConfig, "final": FinalConfig},
    StyleConfig: {
        "space": StyleSpaceConfig,
        "data": DataConfig,
        "pairs": PairsConfig,
        "confirm": ConfirmConfig,
        "finalists": FinalistsConfig,
    },
}


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
