"""A training in a process of its own, to be killed: `python -m tests.train.runner FOLDER STEPS`."""

import sys
from pathlib import Path

from nasjax.sampling import strict_fair
from nasjax.train.log import RunLog
from nasjax.train.loop import Training, fit_training
from nasjax.train.state import TrainState
from tests.train import parts

SAMPLER = strict_fair(parts.SPACE)
TASK = parts.table_task(parts.SPACE, SAMPLER)
_STEPS = {}  # compiled ones, by config: shared as the trainings of a run share theirs


def train(folder: Path, steps: int, **changes) -> TrainState:
    """Train the table task in a run folder, saving often; `changes` are of the config, or `data`."""
    data = changes.pop("data", None) or parts.Numbers(TASK)
    config = parts.config(steps, **({"checkpoint_every": 3, "log_every": 1} | changes))
    with RunLog(folder, "supernet/path", steps) as log:
        return fit_training(Training(TASK, parts.SPACE, SAMPLER, data, config, log, steps=_STEPS))


if __name__ == "__main__":
    train(Path(sys.argv[1]), int(sys.argv[2]))
