"""The run folder: everything a run knows, written atomically, so that it can be read and resumed at any moment."""

import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax

import nasjax
from nasjax.chain.configs import as_dict, from_dict
from nasjax.chain.live import LiveReport
from nasjax.chain.problem import Problem
from nasjax.chain.style.config import StyleConfig
from nasjax.config import Config
from nasjax.export.weights import read_weights, write_weights
from nasjax.typing import Params

_FREE = ("log_every", "validate_every", "checkpoint_every", "checkpoint_seconds", "keep")


@dataclass(frozen=True)
class RunFolder:
    """One folder an experiment; `open_run` makes it."""

    path: Path

    def write(self, name: str, value: Any) -> None:
        """Replace a JSON file as a whole: readers see the old or the new one."""
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.part")
        beside.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
        os.replace(beside, target)

    def read(self, name: str, default: Any = None) -> Any:
        """A JSON file's content, or `default` where it does not exist."""
        target = self.path / name
        return json.loads(target.read_text(encoding="utf-8")) if target.is_file() else default

    def save_params(self, name: str, params: Params) -> None:
        """Keep a phase's final params as `checkpoints/NAME.safetensors`."""
        target = self.weights(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.part")
        write_weights(params, beside, {"phase": name})
        os.replace(beside, target)

    def load_params(self, name: str) -> dict[str, Any]:
        """The params that `save_params` kept."""
        return read_weights(self.weights(name))

    def weights(self, name: str) -> Path:
        """Where a phase's final params are."""
        return self.path / "checkpoints" / f"{name.replace('/', '-')}.safetensors"

    def replace_row(self, name: str, key: str, row: Mapping[str, Any]) -> None:
        """Put `row` into a JSON list, in the place of the one with the same `key`, or at its end."""
        rows = {r[key]: r for r in self.read(name, [])}
        rows[row[key]] = dict(row)  # a dict keeps the place of a key that it has already
        self.write(name, list(rows.values()))

    def enter(self, phase: str) -> None:
        """Say in `status.json` which of the phases without steps has begun."""
        now = {"phase": phase, "step": None, "steps": None, "steps_per_s": None, "eta_s": None}
        self.write("status.json", {**now, "updated": time.time(), "done": False, "message": "started"})

    def finish(self) -> None:
        """Say in `status.json` that nothing more will come."""
        end = {"phase": "done", "done": True, "updated": time.time(), "message": "finished"}
        self.write("status.json", {**self.read("status.json", {}), **end})


class Experiment(NamedTuple):
    """What every phase is given: where it writes, what it works on, and how it tells a person: by line and by page."""

    run: RunFolder
    problem: Problem
    say: Callable[[str], None]
    live: LiveReport


def begin(path: str | Path, problem: Problem, say: Callable[[str], None]) -> Experiment:
    """Open or create the run folder of a problem's config, with a report from the first moment on (see `open_run`)."""
    run = open_run(path, problem.config)
    live = LiveReport(run.path, say)
    live.write()
    return Experiment(run, problem, say, live)


def open_run(path: str | Path, config: Config | StyleConfig) -> RunFolder:
    """Open or create the folder of a run.

    Raises ValueError when the folder belongs to another config, naming the first fields that differ.
    """
    run = RunFolder(Path(path))
    if run.path.exists() and not run.path.is_dir():
        raise ValueError(f"{run.path} is a file, not a run folder")
    mine, found = json.loads(json.dumps(as_dict(config))), run.read("config.json")
    if found is not None and (changed := _differences(_completed(found), mine)):
        raise ValueError(f"{run.path} holds a run of another config: {'; '.join(changed[:3])}. Choose another folder")
    run.write("config.json", mine)
    run.write("environment.json", environment())
    return run


def environment() -> dict[str, Any]:
    """Versions, devices and flags that a result depends on."""
    import flax

    return {
        "nasjax": nasjax.__version__,
        "jax": jax.__version__,
        "flax": flax.__version__,
        "python": platform.python_version(),
        "platform": jax.default_backend(),
        "devices": [str(d) for d in jax.devices()],
        "threads": os.cpu_count(),
        "flags": os.environ.get("XLA_FLAGS", ""),
    }


def _completed(found: Any) -> Any:
    """The config of an older run, with the defaults of fields that did not exist then; as it is if it has others."""
    try:
        return json.loads(json.dumps(as_dict(from_dict(found))))
    except (ValueError, TypeError):
        return found


def _differences(found: Any, mine: Any, where: str = "") -> list[str]:
    """`field: theirs, now ours` for every leaf that decides a result and differs."""
    if isinstance(found, dict) and isinstance(mine, dict):
        keys = [k for k in dict.fromkeys([*found, *mine]) if k not in _FREE]
        return [d for k in keys for d in _differences(found.get(k), mine.get(k), f"{where}.{k}" if where else k)]
    if isinstance(found, list) and isinstance(mine, list) and len(found) == len(mine):
        pairs = enumerate(zip(found, mine, strict=True))
        return [d for i, (a, b) in pairs for d in _differences(a, b, f"{where}[{i}]")]
    return [] if found == mine else [f"{where} was {found!r}, now {mine!r}"]
