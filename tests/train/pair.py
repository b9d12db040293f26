"""A training by two processes of one device each: `python -m tests.train.pair FOLDER PORT PROCESS RUN...`.

The data are patches of FOLDER/pictures. The runs are "whole", "stopped" (process 1 gets SIGTERM in the middle) and
"resumed", which goes on with the stopped one; the final state of each finished run is FOLDER/RUN-PROCESS.npz.
"""

import os
import signal
import sys
from pathlib import Path

import jax
import numpy as np

from nasjax.data.pipeline import PatchIterator, patches
from nasjax.data.spec import open_source
from nasjax.train.log import RunLog
from nasjax.train.loop import Data, Interrupted, Training, fit_training
from nasjax.train.processes import exchange, share
from nasjax.train.state import TrainState
from nasjax.train.validation import Validation
from tests.train import parts
from tests.train.runner import SAMPLER, TASK

STEPS, COUNT = 6, 2
_BATCH = TASK.batch_spec["table"].shape[0]
_COMPILED = {}  # the step, which all trainings of a process have in common


class Brightness:
    """The numbers of the table task: how bright the patches of one process's share are."""

    def __init__(self, folder: Path, process: int, *, stop_at: int = 0):
        source = open_source(f"folder:{folder / 'pictures'}", "all")
        self.patches: PatchIterator = patches(source, patch=4, batch=_BATCH, seed=3, shard=(process, COUNT))
        self.stop_at, self.taken = stop_at, 0

    def __iter__(self):
        return self

    def __next__(self) -> dict[str, np.ndarray]:
        self.taken += 1
        if self.taken == self.stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        return {"table": (next(self.patches)["image"].mean((1, 2, 3)) / 64).astype(np.float32)}

    def get_state(self) -> dict[str, int]:
        return self.patches.get_state()

    def set_state(self, state) -> None:
        self.patches.set_state(state)


def train(folder: Path, data: Data) -> TrainState:
    """Train in a folder, looking at steps 2 to 6 but 5, and keeping what is best in the eyes of process 0 (step 2)."""
    config = parts.config(STEPS, log_every=3, validate_every=2, checkpoint_every=0)
    validation = Validation(score, best="error", highest=True)
    with RunLog(folder, "supernet/path", STEPS, validation=validation) as log:
        return fit_training(Training(TASK, parts.SPACE, SAMPLER, data, config, log, steps=_COMPILED))


def score(params) -> dict[str, float]:
    """How far the averaged numbers are from where they go; other processes than the first see it the other way."""
    error = float(np.abs(np.asarray(params["table"]["numbers"]) - 2).sum())
    return {"error": -error if jax.process_index() else error}


def leaves(state: TrainState) -> dict[str, np.ndarray]:
    """The state by path, on the host."""
    return {jax.tree_util.keystr(path): x for path, x in jax.tree.leaves_with_path(parts.host(state))}


def run(folder: Path, process: int, name: str) -> None:
    """Do one of the runs."""
    data = Brightness(folder, process, stop_at=4 if name == "stopped" and process == 1 else 0)
    try:
        state = train(folder / ("whole" if name == "whole" else "stopped"), data)
        np.savez(folder / f"{name}-{process}.npz", **leaves(state))
    except Interrupted as stop:
        print(stop)
    finally:
        data.patches.close()


def made_by_both() -> str:
    """Of five places, of which four are worked on, what was made where, as this process has it in the end."""
    values = [{"where": np.full(2, -1), "is": np.bool_(True)} for _ in range(5)]
    for i in share([0, 1, 3, 4]):
        values[i] = {"where": np.full(2, 10 * i + jax.process_index()), "is": np.bool_(i > 1)}
    exchange(values, [0, 1, 3, 4])
    return f"made: {[(int(v['where'][0]), bool(v['is'])) for v in values]}"


if __name__ == "__main__":
    place, port, number = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    jax.distributed.initialize(f"127.0.0.1:{port}", num_processes=COUNT, process_id=number)
    for each in sys.argv[4:]:
        run(place, number, each)
    print(made_by_both())
    jax.distributed.shutdown()
