"""Single steps of the chain, for `nasjax train`, `finetune`, `evaluate` and `export`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nasjax.chain.configs import from_dict, restoration
from nasjax.chain.folder import Experiment, RunFolder, begin
from nasjax.chain.live import LiveReport
from nasjax.chain.outcome import Outcome, export_network
from nasjax.chain.phases import train_network, train_supernet
from nasjax.chain.problem import Problem, make_problem
from nasjax.chain.score import picture_scores
from nasjax.config import Config
from nasjax.data.evaluation import eval_images
from nasjax.data.spec import open_source
from nasjax.export.bundle import load_bundle
from nasjax.metrics.image import sr_protocol
from nasjax.ops.params import merge_params

Say = Callable[[str], None]


def train_stage(config: Config, path: str | Path, stage: str, *, decided: str | None = None, say: Say = print) -> str:
    """Train one stage's supernet and return where its weights are.

    It starts from the weights of the stage before where the run has them. Raises ValueError for an unknown stage, or
    when `decided` is missing or no arch of the space.
    """
    problem = make_problem(config, path, say=say)
    space = problem.supernet.space
    arch = None if decided is None else space.parse(decided)
    narrowed = space.at_stage(stage, arch)
    settings = next(s for s in config.stages if s.stage == stage)
    experiment = begin(path, problem, say)
    run = experiment.run
    before = space.stages[: space.stages.index(stage)]
    have = [s for s in before if run.weights(f"supernet/{s}").is_file()]
    say(f"{stage}: {len(narrowed.free)} free choices, from {'the stage ' + have[-1] if have else 'random weights'}")
    params = problem.supernet.init(jax.random.fold_in(problem.key, 0))
    for name in have:
        params = merge_params(params, run.load_params(f"supernet/{name}"))
    train_supernet(experiment, settings, narrowed, params=params)
    experiment.live.write()
    return str(run.weights(f"supernet/{stage}"))


def finetune_arch(
    config: Config, path: str | Path, arch_text: str, *, from_scratch: bool = False, say: Say = print
) -> str:
    """Train one arch, from the run's newest shared weights unless `from_scratch`; returns where its weights are."""
    problem = make_problem(config, path, say=say)
    arch = problem.supernet.space.parse(arch_text)
    experiment = begin(path, problem, say)
    run = experiment.run
    shared = None if from_scratch else _newest_shared(run, problem)
    if shared is None and not from_scratch:
        raise ValueError(f"{run.path} has no shared weights yet; train a stage first, or add --from-scratch")
    start = None if shared is None else jax.tree.map(np.asarray, problem.supernet.extract_params(shared, arch))
    phase = f"{'scratch' if from_scratch else 'finetune'}-{problem.supernet.space.digest(arch)}"
    say(f"{phase}: {int(problem.table(arch)['params'])} params")
    train_network(experiment, phase, problem.supernet, arch=arch, params=start)
    experiment.live.write()
    return str(run.weights(phase))


def evaluate_bundle(folder: str | Path, data: str, split: str) -> dict[str, Any]:
    """Mean PSNR and SSIM of a bundle on a data set's whole pictures, with the protocol."""
    bundle = load_bundle(folder)
    scale = int(bundle.card["scale"])
    images = eval_images(open_source(data, split), scale)
    scores, _, each = picture_scores(lambda x: jnp.asarray(bundle.apply(x)), images, scale)
    named = {image.name: round(value, 3) for image, value in zip(images, each, strict=True)}
    return {**scores, "images": named, "data": f"{data}, {split}", "protocol": str(sr_protocol(scale))}


def export_run(path: Path) -> dict[str, Any]:
    """Write the bundle of a finished run again, from its weights and its config; returns the manifest."""
    run = RunFolder(path)
    config, results = run.read("config.json"), run.read("results.json")
    if config is None or results is None:
        raise ValueError(
            f"{path} is not a finished run: it lacks {'config.json' if config is None else 'results.json'}"
        )
    problem = make_problem(restoration(from_dict(config), str(path)), path)
    arch = problem.supernet.space.parse(results["arch"])
    tuned = run.load_params("finetune")
    experiment = Experiment(run, problem, print, LiveReport(path, print))
    return export_network(experiment, Outcome(arch, tuned, tuned, None, None), results)


def _newest_shared(run: RunFolder, problem: Problem) -> dict[str, Any] | None:
    have = [s for s in problem.supernet.space.stages if run.weights(f"supernet/{s}").is_file()]
    params = problem.supernet.init(jax.random.fold_in(problem.key, 0))
    for stage in have:
        params = merge_params(params, run.load_params(f"supernet/{stage}"))
    return params if have else None
