"""Where the time of a training step goes, by operation: of a config's supernet, or of its largest network alone.

    python scripts/profile_step.py CONFIG [--stage path] [--top 20]

Without `--stage`, the network of most parameters, as finalists are trained. Prints the best of five steps, and the
operations that took longest in two more by JAX's profiler: their milliseconds a step (those of a loop are counted with
what is in it, too), their result, and what they stem from. CPUs name operations so; other backends may not.
"""

import argparse
import collections
import gzip
import json
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from nasjax.chain.configs import load_config
from nasjax.chain.folder import RunFolder
from nasjax.chain.live import LiveReport
from nasjax.chain.problem import Problem, make_problem
from nasjax.chain.run import Run
from nasjax.chain.stages import make_sampler
from nasjax.chain.training import Learner, Phase, _batches
from nasjax.sampling import single
from nasjax.say import silent
from nasjax.tasks.base import extracted_model, supernet_model
from nasjax.train.parallel import data_mesh, put_batch
from nasjax.train.schedules import optimiser
from nasjax.train.state import init_state
from nasjax.train.step import make_step

_STEPS = 2  # that are traced


def phase_of(problem: Problem, stage: str | None) -> Phase:
    """What is trained."""
    experiment, networks = problem.experiment, problem.networks
    if stage is None:
        arch = problem.table.maximum("params").arch
        sampler, model = single(arch), extracted_model(networks.supernet, arch)
        learner = Learner(problem.ground.task(model, sampler, experiment.final.batch), sampler, {})
        return Phase("final", learner, problem.space, experiment.final.train)
    settings = next((s for s in experiment.stages if s.stage == stage), None)
    if settings is None:
        raise SystemExit(f"--stage {stage!r}: {experiment.name} has {', '.join(s.stage for s in experiment.stages)}")
    first = problem.space.stages[0]
    space = problem.space.at_stage(stage, None if stage == first else np.asarray(problem.space.default_arch()))
    sampler = make_sampler(problem, settings, space)
    model = supernet_model(networks.supernet.at(space), sampler)
    learner = Learner(problem.ground.task(model, sampler, settings.batch), sampler, {})
    return Phase(stage, learner, space, settings.train)


def stepping(run: Run, phase: Phase) -> tuple[Callable[[], None], str]:
    """A call that makes a step, and the program behind it."""
    mesh, config, (task, sampler, _) = data_mesh(jax.devices()[:1]), phase.config, phase.learner
    optimisers = {player: optimiser(config) for player in task.players}
    held = [init_state(task, phase.space, optimisers, mesh=mesh, seed=0)]
    batch = put_batch(next(_batches(run, phase, mesh, (0, 1))), mesh)
    step = make_step(task, phase.space, sampler, optimisers=optimisers, mesh=mesh, ema=config.ema)
    compiled = step.lower(held[0], batch).compile()

    def once() -> None:
        held[0], logs = compiled(held[0], batch)
        jax.block_until_ready(logs)

    once()
    return once, compiled.as_text()


def spent(once: Callable[[], None]) -> collections.Counter[str]:
    """Microseconds by operation, as the profiler names them."""
    found: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            for _ in range(_STEPS):
                once()
        (file,) = Path(folder).rglob("*.trace.json.gz")
        for event in json.loads(gzip.decompress(file.read_bytes()))["traceEvents"]:
            if event.get("ph") == "X" and (name := event.get("args", {}).get("hlo_op")):
                found[name] += event["dur"]
    return found


def origins(text: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Of every operation of a program: its result, and what it stems from."""
    for line in text.splitlines():
        if found := re.match(r"\s*(?:ROOT )?%?([\w.\-]+) = (\S+)", line):
            origin = re.search(r'op_name="([^"]*)"', line)
            yield found[1], (found[2], origin[1][-80:] if origin else "")


def main() -> None:
    """Print the step's time, and a line an operation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("--stage")
    parser.add_argument("--top", type=int, default=20)
    args = parser.parse_args()
    problem = make_problem(load_config(args.config), decides=False, say=silent)
    folder = RunFolder(Path(tempfile.gettempdir()) / "no-run")  # nothing is written
    once, text = stepping(Run(folder, problem, silent, LiveReport(folder.path, silent)), phase_of(problem, args.stage))
    times: list[float] = []
    for _ in range(5):
        start = time.perf_counter()
        once()
        times.append(time.perf_counter() - start)
    print(f"{args.config}, {args.stage or 'alone'}: {1000 * min(times):.1f} ms a step")
    known: dict[str, Any] = dict(origins(text))
    for name, micros in spent(once).most_common(args.top):
        result, origin = known.get(name, ("", ""))
        print(f"{micros / _STEPS / 1000:8.2f} ms  {name[:34]:34s} {result[:34]:34s} {origin}")


if __name__ == "__main__":
    main()
