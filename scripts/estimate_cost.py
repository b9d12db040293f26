"""What the phases of a full-size search cost: operations and memory of a step, hours at a measured throughput.

    python scripts/estimate_cost.py [CONFIG ...] [--source furniture] [--measured 64]

For every supernet and for the fine-tuning of finalists the training step is lowered as it would be run, but neither
compiled nor run; XLA counts its operations. Throughput is that of this machine: the same recipe, fine-tuning the
smallest network on pictures of `--measured` pixels, median of five steps. Hours are operations through throughput.
Pictures of `--source`, enlarged to the patch, stand in for the data set, which need not be there. Memory is what the
state keeps and about what gradients keep from the forward pass. Rivals, scoring and decoding are not counted. Prints
Markdown.
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import jax

from nasjax.chain.configs import load_config
from nasjax.chain.problem import cost_table
from nasjax.config import Experiment
from nasjax.cost.feasible import check_feasible
from nasjax.sampling import Sampler, single, strict_fair
from nasjax.space import SearchSpace
from nasjax.systems import ImageTranslation
from nasjax.task import Task
from nasjax.tasks.base import extracted_model, supernet_model
from nasjax.train.config import TrainConfig
from nasjax.train.memory import readable_bytes, step_memory
from nasjax.train.parallel import data_mesh, host_spec, put_batch
from nasjax.train.precision import compute_dtype
from nasjax.train.schedules import optimiser
from nasjax.train.state import TrainState, init_state
from nasjax.train.step import make_step


class Step(NamedTuple):
    """A training step and what it is given."""

    function: Any
    task: Task
    sampler: Sampler
    state: TrainState
    batch: Any


class Phase(NamedTuple):
    """A training of the search."""

    name: str
    steps: int
    times: int
    step: Step


def main() -> None:
    """A table a config."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="*", default=["edges2shoes", "horse2zebra"], metavar="CONFIG")
    parser.add_argument("--source", default="furniture", help="pictures that stand in for the data set")
    parser.add_argument("--measured", type=int, default=64, help="side of the pictures that throughput is measured on")
    args = parser.parse_args()
    for name in args.configs:
        if not isinstance(load_config(name).system, ImageTranslation):
            raise SystemExit(f"{name}: only image translations are estimated, such as edges2shoes and horse2zebra")
        table(name, stand_in(load_config(name), args.source), args.measured)


def stand_in(experiment: Experiment, source: str) -> Experiment:
    """The same experiment on other pictures, enlarged to its patch; nothing is compared, so none are held out."""
    form = source if experiment.system.recipe.pairs else f"unpaired:{source}"
    system = replace(experiment.system, size=experiment.data.patch)
    return replace(experiment, system=system, data=replace(experiment.data, source=form, test_crop=None))


def table(name: str, experiment: Experiment, measured: int) -> None:
    """Prints the phases of an experiment."""
    rate = throughput(experiment, measured)
    print(f"{name}: {jax.devices()[0].device_kind}, {rate / 1e9:.1f} GFLOP/s in training at {measured} pixels\n")
    print("| phase | steps | GFLOP a step | memory | hours |\n|---|---|---|---|---|", flush=True)
    total = 0.0
    for phase in phases(experiment):
        work, steps = flops(phase.step), phase.steps * phase.times
        hours = work * steps / rate / 3600
        total += hours
        memory = step_memory(phase.step.task, phase.step.sampler, phase.step.state, batch=phase.step.batch)
        times = "" if phase.times == 1 else f"{phase.times} x "
        need = readable_bytes(memory.total)
        print(f"| {phase.name} | {times}{phase.steps:,} | {work / 1e9:,.0f} | {need} | {hours:,.0f} |", flush=True)
    print(f"| all | | | | {total:,.0f} |\n")


def phases(experiment: Experiment) -> Iterator[Phase]:
    """Supernets of the stages, with the default options decided before each; then all finalists."""
    networks = experiment.system.networks()
    space, decided = networks.supernet.space, None
    for stage in experiment.stages:
        narrowed = space.at_stage(stage.stage, decided)
        net, sampler = networks.supernet.at(narrowed), strict_fair(narrowed)
        model = supernet_model(net, sampler, dtype=compute_dtype(stage.train), remat=stage.train.remat)
        yield Phase(
            f"supernet/{stage.stage}",
            stage.train.steps,
            1,
            made(experiment, model, sampler, narrowed, batch=stage.batch, config=stage.train),
        )
        decided = space.default_arch()
    final = experiment.final
    step = tuning(experiment, cheapest(experiment), batch=final.batch, config=final.train)
    yield Phase("finalists", final.train.steps, final.number * final.seeds, step)


def cheapest(experiment: Experiment) -> Any:
    """A network that keeps the budget."""
    networks = experiment.system.networks()
    table, budgets = cost_table(experiment, networks)
    return check_feasible(networks.supernet.space, table, budgets).arch


def tuning(experiment: Experiment, arch: Any, *, batch: int, config: TrainConfig) -> Step:
    """A step of fine-tuning one network."""
    net, sampler = experiment.system.networks().supernet, single(arch)
    model = extracted_model(net, arch, dtype=compute_dtype(config))
    return made(experiment, model, sampler, net.space, batch=batch, config=config)


def made(
    experiment: Experiment, model: Any, sampler: Sampler, space: SearchSpace, *, batch: int, config: TrainConfig
) -> Step:
    """A training step as the chain makes it, on one device."""
    ground = experiment.system.prepare(experiment, experiment.system.networks())
    task, mesh = ground.task(model, sampler, batch), data_mesh(jax.devices()[:1])
    optimisers = {player: optimiser(config) for player in task.players}
    state = init_state(task, space, optimisers, mesh=mesh, seed=0)
    function = make_step(task, space, sampler, optimisers=optimisers, mesh=mesh, ema=config.ema)
    given = put_batch(next(iter(ground.batches(host_spec(task.batch_spec, mesh), 0, (0, 1)))), mesh)
    return Step(function, task, sampler, state, given)


def flops(step: Step) -> float:
    """Operations of one step, as XLA counts them before it optimises."""
    return float(step.function.lower(step.state, step.batch).cost_analysis()["flops"])


def throughput(experiment: Experiment, side: int) -> float:
    """Operations a second, of the recipe on small pictures."""
    system, data = replace(experiment.system, size=side), replace(experiment.data, patch=side)
    small, final = replace(experiment, system=system, data=data), experiment.final
    step = tuning(small, cheapest(experiment), batch=final.batch, config=final.train)
    work, state, took = flops(step), step.state, []
    for _ in range(6):
        begun = time.perf_counter()
        state, logs = step.function(state, step.batch)
        jax.block_until_ready((state, logs))
        took.append(time.perf_counter() - begun)
    return work / statistics.median(took[1:])


if __name__ == "__main__":
    main()
