"""Fixed discriminators against the searched one: equal generator, equal training, several seeds; a table.

    python scripts/bench_tpsr.py tpsr --run runs/tpsr --seeds 3 --bench set5=PATH set14=PATH --out docs/results/tpsr.md

Runs the whole search of the config (called again it goes on where it was stopped), with every fixed discriminator that
the space holds as a rival, each trained as often as the found one from the same fidelity model. `--bench` are folders
of benchmark pictures, scored beside the config's own test pictures. `--steps` and `--proxy-steps` shorten the final and
the proxy trainings; what was run is said above the table.
"""

import argparse
import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from nasjax.chain.configs import load_config
from nasjax.chain.experiment import run_experiment
from nasjax.chain.folder import RunFolder
from nasjax.config import Experiment
from nasjax.data.evaluation import eval_images
from nasjax.data.spec import open_source
from nasjax.files import whole_file
from nasjax.nets.trunks import load_trunk
from nasjax.ops.params import interpolate
from nasjax.spaces.paired import generator_params, with_generator
from nasjax.supernet.base import Supernet
from nasjax.systems import PerceptualSuperResolution
from nasjax.systems.perceptual.score import Eye, tested
from nasjax.systems.perceptual.system import fixed_archs
from nasjax.systems.super_resolution.pictures import bicubic
from nasjax.typing import Params

FIXED = ("srgan", "esrgan", "unet", "patchgan")
Predict = Callable[[Any], Any]


def planned(args: argparse.Namespace) -> Experiment:
    """The config with all fixed discriminators, and its trainings as asked for."""
    experiment = load_config(args.config)
    system = experiment.system
    assert isinstance(system, PerceptualSuperResolution)
    proxy = system.proxy
    if args.proxy_steps:
        proxy = replace(proxy, train=replace(proxy.train, steps=args.proxy_steps))
    final = replace(experiment.final, seeds=args.seeds, rivals=True)
    if args.steps:
        final = replace(final, train=replace(final.train, steps=args.steps))
    stages = experiment.stages
    if args.start_steps:
        stages = (replace(stages[0], train=replace(stages[0].train, steps=args.start_steps)), *stages[1:])
    data = replace(experiment.data, source=args.data or experiment.data.source)
    system = replace(system, proxy=proxy, rivals=tuple(held(system)))
    return replace(experiment, system=system, data=data, stages=stages, final=final)


def held(system: PerceptualSuperResolution) -> Iterator[str]:
    """Those fixed discriminators that the space of the config holds."""
    net = system.networks().supernet
    for name in FIXED:
        with contextlib.suppress(ValueError):
            yield from fixed_archs(replace(system, rivals=(name,)), net)


def trained(run: Path, experiment: Experiment, results: Mapping[str, Any]) -> Iterator[tuple[str, int, list[Predict]]]:
    """(name, params of the pair, its generator as a function after each of its trainings) of every row with weights."""
    system, folder = experiment.system, RunFolder(run)
    pair, (generator, arch, *_) = system.networks().supernet, system.generating()
    program = jax.jit(lambda p, x: generator.extract(arch).apply({"params": p}, x))

    def predict(params: Any) -> Predict:
        own = generator_params(pair, params)
        return lambda x: program(own, x)

    place = results["weights"].split("/")[1].split("-")[0]
    fidelity = folder.load_params("supernet/start")
    rows = {row["name"]: row for row in results["rows"]}
    yield "fidelity, no game", rows["fidelity"]["values"]["params"], [predict(fidelity)]
    names = {"found": ("found, fine-tuned", f"finalist/{place}"), **{n: (n, f"rival/{n}") for n in FIXED}}
    for name, (row, phase) in names.items():
        if row in rows:
            params = [folder.load_params(f"{phase}-{seed}") for seed in range(experiment.final.seeds)]
            yield name, rows[row]["values"]["params"], [predict(p) for p in params]
            if name == "found":
                half = predict(with_generator(pair, params[0], _halfway(pair, fidelity, params[0])))
                yield "found, half sharpness", rows[row]["values"]["params"], [half]


def _halfway(pair: Supernet, fidelity: Params, params: Params) -> Params:
    return interpolate(generator_params(pair, fidelity), generator_params(pair, params), 0.5)


def cells(predicts: Sequence[Predict], images: Sequence[Any], scale: int, eye: Eye) -> str:
    """LPIPS and PSNR, mean and half the range over trainings."""
    found = [tested(predict, images, scale, eye=eye).values for predict in predicts]

    def cell(name: str, digits: int) -> str:
        values = [v[name] for v in found]
        spread = f" ± {np.ptp(values) / 2:.{digits}f}" if len(values) > 1 else ""
        return f"{np.mean(values):.{digits}f}{spread}"

    return f"{cell('lpips', 4)} / {cell('psnr_y', 2)}"


def table(experiment: Experiment, args: argparse.Namespace, results: Mapping[str, Any]) -> str:
    """The whole page."""
    system, eye = experiment.system, Eye(*load_trunk("alexnet"))
    sources = {"test pictures": (experiment.data.source, experiment.data.test)}
    sources |= {name: (f"folder:{path}", "all") for name, path in (b.split("=") for b in args.bench)}
    sets = {n: eval_images(open_source(source, split), system.scale) for n, (source, split) in sources.items()}
    rows = [("bicubic", 0, [bicubic(system.scale)]), *trained(args.run, experiment, results)]
    lines = [f"| discriminator | params of the pair | {' | '.join(f'{n}, LPIPS / Y-PSNR' for n in sets)} |"]
    lines.append("| --- | --- |" + " --- |" * len(sets))
    for name, params, predicts in rows:
        told = " | ".join(cells(predicts, images, system.scale, eye) for images in sets.values())
        lines.append(f"| {name} | {int(params) or ''} | {told} |")
    return "\n".join([*_head(experiment, args, results), *lines, ""])


def _head(experiment: Experiment, args: argparse.Namespace, results: Mapping[str, Any]) -> list[str]:
    start, game = experiment.stages
    proxy, final = experiment.system.proxy, experiment.final
    given = [f"--{n} {v}" for n, v in (("proxy-steps", args.proxy_steps), ("steps", args.steps)) if v]
    given += [f"--start-steps {args.start_steps}"] if args.start_steps else []
    command = " ".join(["scripts/bench_tpsr.py", args.config, "--seeds", str(args.seeds), *given])
    asked, minutes = game.population * game.generations, results["seconds"] / 60
    scale = (
        f"Scale of the run: the generator learnt fidelity for {start.train.steps} steps of {start.batch} pictures; "
        f"{asked} discriminators were asked for ({game.algorithm}), each trained for up to {proxy.train.steps} steps "
        f"of {proxy.batch}; the found one and every fixed one then {final.train.steps} steps of {final.batch}, "
        f"{final.seeds} times, from the same fidelity model. Mean ± half the range over these trainings. LPIPS v0.1 "
        "(AlexNet) of 8-bit RGB, whole pictures, not cropped; Y-PSNR by the usual protocol."
    )
    return [
        "# Perceptual super-resolution: the searched discriminator against fixed ones",
        "",
        f"`{command}`, {jax.default_backend()}, {minutes:.0f} minutes of work.",
        "",
        scale,
        "",
        f"Found: `{results['arch']}`",
        "",
    ]


def main() -> None:
    """Run, score, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--proxy-steps", type=int, default=0)
    parser.add_argument("--start-steps", type=int, default=0)
    parser.add_argument("--data", default=None)
    parser.add_argument("--bench", nargs="*", default=[])
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    experiment = planned(args)
    results = run_experiment(experiment, args.run)
    text = table(experiment, args, results)
    print(text)
    if args.out:
        with whole_file(args.out) as part:
            part.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
