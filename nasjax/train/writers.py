"""Views of a run beside its own record, behind one protocol: TensorBoard, Weights & Biases, or a writer of your own.

with closing(TensorBoard("run/tensorboard")) as board, RunLog("run", "finetune", 600, writers=[board]) as log:
    fit(task, space, sampler, data=data, config=config, log=log)
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, final, runtime_checkable


@runtime_checkable
class Writer(Protocol):
    """Takes numbers by name; NaN and infinity come as they are."""

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write what was measured after `step` steps of a phase; names are "phase/name"."""
        ...

    def close(self) -> None:
        """Finish writing."""
        ...


@final
class TensorBoard:
    """Scalars for TensorBoard in `folder` (extra `tensorboard`)."""

    def __init__(self, folder: str | Path):
        try:
            from tensorboardX import SummaryWriter
        except ImportError as error:
            raise ImportError("writing for TensorBoard needs the extra: pip install 'nasjax[tensorboard]'") from error
        self._board: Any = SummaryWriter(str(folder))

    def write(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._board.add_scalar(name, value, step)

    def close(self) -> None:
        self._board.close()


@final
class WandB:
    """Scalars for Weights & Biases (extra `wandb`), in the run that `wandb.init` has begun, or in a new one.

    `project` and `name` are those of the new run. Call `wandb.init` yourself for anything else.
    """

    def __init__(self, project: str = "nasjax", name: str | None = None):
        try:
            wandb: Any = import_module("wandb")  # too large to be there wherever types are checked
        except ImportError as error:
            raise ImportError("writing for Weights & Biases needs the extra: pip install 'nasjax[wandb]'") from error
        self._run: Any = wandb.run or wandb.init(project=project, name=name)
        self._phases: set[str] = set()

    def write(self, step: int, values: Mapping[str, float]) -> None:
        for phase in {name.rpartition("/")[0] for name in values} - self._phases:
            # Each phase counts its own steps, where the run itself only knows steps that grow.
            self._phases.add(phase)
            self._run.define_metric(f"{phase}/*", step_metric=f"{phase}/step")
        steps = {f"{phase}/step": step for phase in {name.rpartition("/")[0] for name in values}}
        self._run.log(dict(values) | steps)

    def close(self) -> None:
        self._run.finish()
