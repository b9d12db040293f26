"""The run folder: everything a run knows, written atomically, so that it can be read and resumed at any moment."""

import contextlib
import fcntl
import json
import os
import platform
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax

import nasjax
from nasjax.export.weights import read_weights, write_weights
from nasjax.files import read_json, to_json, write_json
from nasjax.train.log import closed
from nasjax.train.processes import is_first
from nasjax.typing import Params

LOCK, CONFIG = "owner.json", "config.json"
_WAIT_S = 0.2


@dataclass(frozen=True)
class RunFolder:
    """One folder an experiment. Of several processes, all of which see it, the first one writes."""

    path: Path

    def write(self, name: str, value: Any) -> None:
        """Replace a JSON file as a whole: readers see the old or the new one. Raises OSError naming the file."""
        if is_first():
            write_json(self.path / name, value)

    def read(self, name: str, default: Any = None) -> Any:
        """A JSON file's content, or `default` where it does not exist. Raises ValueError naming one that is broken."""
        target = self.path / name
        return read_json(target) if target.is_file() else default

    def save_params(self, name: str, params: Params) -> None:
        """Keep params as `checkpoints/NAME.safetensors`."""
        if is_first():
            write_weights(params, self.weights(name), {"phase": name})

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

    def say_state(self, values: Mapping[str, Any]) -> None:
        """Change values in `status.json`."""
        self.write("status.json", {**self.read("status.json", {}), **values, "updated": time.time()})

    def wait_for(self, *files: Path) -> None:
        """Return when the files are there: what the first of several processes makes alone, the others wait for."""
        while not all(file.is_file() for file in files):
            time.sleep(_WAIT_S)


@contextlib.contextmanager
def owned(path: str | Path) -> Iterator[RunFolder]:
    """The run folder, created where it is missing, for this process alone, and its state closed at the end.

    Raises ValueError naming the process that has it, and since when; what a dead process left is taken over. What ends
    the block decides the state in `status.json`: done, stopped or failed, with what was said.
    """
    run = RunFolder(Path(path))
    if run.path.exists() and not run.path.is_dir():
        raise ValueError(f"{run.path} is a file, not a run folder")
    with _lock(run):
        before = run.read("status.json")
        try:
            yield run
        except BaseException as error:
            _close(run, before, error)
            raise
        _close(run, before, None)


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
        "processes": jax.process_count(),
        "threads": os.cpu_count(),
        "flags": os.environ.get("XLA_FLAGS", ""),
    }


@contextlib.contextmanager
def _lock(run: RunFolder) -> Iterator[None]:
    """Hold the folder's lock: the system frees it with the process, however that ends."""
    if not is_first():
        yield
        return
    run.path.mkdir(parents=True, exist_ok=True)
    with open(run.path / LOCK, "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise ValueError(f"{run.path} is in use by {_owner(file.read())}; choose another --run") from error
        file.truncate(0)
        file.write(to_json({"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}))
        file.flush()
        yield


def _owner(text: str) -> str:
    try:
        owner = json.loads(text)
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(owner["since"]))
        return f"process {owner['pid']} on {owner['host']} since {since}"
    except (ValueError, KeyError, TypeError):
        return "another process"


def _close(run: RunFolder, before: Any, error: BaseException | None) -> None:
    """The state after a command: that of a finished run stays, whatever else was done in its folder since."""
    now = run.read("status.json")
    if now is None or now == before or (error is None and now.get("done") is True):
        return
    if isinstance(before, dict) and before.get("done") is True:
        run.write("status.json", before)
    elif error is None:
        run.say_state({"state": "stopped", "message": "the command has ended"})
    else:
        # A full disk is the likeliest reason to be here: what ended the run must not be hidden by what it prevents.
        with contextlib.suppress(OSError):
            run.say_state(closed(error))
