"""Views of a run beside its own record, behind one protocol: TensorBoard, Weights & Biases, or a writer of your own.

with closing(TensorBoard("run/tensorboard")) as board, RunLog("run", "finetune", 600, writers=[board]) as log:
    fit(task, space, sampler, data=data, config=config, log=log)
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, final, runtime_checkable

from nasjax.extras import load_extra


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
        summaries = load_extra("tensorboardX", "tensorboard", "writing for TensorBoard")
        self._board: Any = summaries.SummaryWriter(str(folder))

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
        wandb = load_extra("wandb", "wandb", "writing for Weights & Biases")
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
