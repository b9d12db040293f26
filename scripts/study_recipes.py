"""Which GAN recipe suits small translators: the same network, the same steps, unpaired edges to furniture at 64 pixels.

    python scripts/study_recipes.py [--run runs/recipes] [--steps 2000] [--seeds 0 1] [--only cycle lsgan ...] [--table]

Arms are a game (hinge with spectral norm, LSGAN, relativistic with lazy R1 and R2), each with and without DiffAugment
and reconstruction start (a tenth of the steps in which the generator reproduces pictures of the target domain, before
those that are counted), with a cycle or with CUT's contrast. Each is trained by one optimiser, at one rate, on batches
of four; scored are the averaged weights on the 100 test pictures: Gram-MMD and VGG16-KID to 200 pictures of the target
domain, LPIPS to the true pair, which no training has seen. Each arm and seed is a phase of `--run` and goes on where it
was stopped; arms are gone through seed by seed, so that a table of one seed is there first. `--only` keeps arms whose
name has all the words. `--table` trains nothing and prints what is there, as Markdown.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from nasjax.chain.configs import load_config
from nasjax.config import Experiment
from nasjax.data.domains import OneSide
from nasjax.data.pipeline import patches
from nasjax.data.sides import open_sides
from nasjax.files import write_json
from nasjax.sampling import single
from nasjax.systems.translation.rivals import hand_scaled
from nasjax.systems.translation.settings import Critic
from nasjax.tasks.adversarial import Adversarial
from nasjax.tasks.base import extracted_model
from nasjax.tasks.networks import Networks
from nasjax.tasks.translation import Translation, translation
from nasjax.train.config import TrainConfig
from nasjax.train.log import RunLog
from nasjax.train.loop import fit
from nasjax.train.parallel import data_mesh, host_spec

# Of a generator at 64x64: a quarter of what the shipped configs allow, as are critics, so that 48 trainings take hours.
MACS = 20_000_000
GAMES = {
    "hinge + SN": (Adversarial("hinge"), Critic(width=16, layers=2, norm="none", spectral=True)),
    "LSGAN": (Adversarial("lsgan"), Critic(width=16, layers=2)),
    "relativistic + R1/R2": (
        Adversarial("relativistic", r1=1.0, r2=1.0, every=8),
        Critic(width=16, layers=2, norm="none"),
    ),
}
AUGMENTS = {"": (), "DiffAugment": ("colour", "translation")}
FORMS = {"cycle": {"cycle": 10.0, "identity": 0.5}, "CUT": {"contrast": 1.0, "identity": 1.0}}


@dataclass(frozen=True)
class Mirrored:
    """Pictures that should become themselves."""

    source: Any

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> dict[str, Any]:
        found = self.source[index]
        return {"name": found["name"], "input": found["image"], "target": found["image"]}

    def name(self, index: int) -> str:
        return self.source.name(index)

    def size(self, index: int) -> tuple[int, int]:
        return self.source.size(index)


def arms() -> Iterator[tuple[str, Experiment, bool]]:
    """Names, experiments, and whether reconstruction comes first."""
    base = load_config("unpaired")
    for started in (False, True):
        for form, terms in FORMS.items():
            for augment, policy in AUGMENTS.items():
                for game, (play, critic) in GAMES.items():
                    recipe = Translation(adversarial=replace(play, augment=policy), **terms)
                    words = [form, game, augment, "reconstruction start" if started else ""]
                    system = replace(base.system, recipe=recipe, critic=critic)
                    yield ", ".join(filter(None, words)), replace(base, system=system), started


def train(folder: Path, name: str, experiment: Experiment, *, started: bool, seed: int, steps: int) -> dict[str, Any]:
    """Train one arm to the end and score it."""
    plain = {"ways": ("narrower",), "space": "resnet", "blocks": 4, "norm": "instance", "up": "nearest"}
    (rival,) = hand_scaled(MACS, size=(64, 64), **plain)
    net, arch = rival.networks.supernet, rival.arch
    model, sampler, phase = extracted_model(net, arch), single(arch), f"{seed}-{name.replace(' ', '_')}"
    phase = phase.replace("/", "")
    config = TrainConfig(
        steps=steps, seed=seed, lr=4e-4, betas=(0.5, 0.999), schedule="linear", clip=0.0, ema=0.995, warmup=0
    )
    ground = experiment.system.prepare(experiment, rival.networks)
    params = {}
    if started:
        params["generator"] = reconstruct(
            folder, experiment, model, sampler, net.space, replace(config, steps=max(1, steps // 10))
        )
    task = ground.task(model, sampler, 4)
    data = ground.batches(host_spec(task.batch_spec, data_mesh()), seed, (0, 1))
    with RunLog(folder, phase, steps) as log:
        state = fit(task, net.space, sampler, data=data, config=config, log=log, params=params)
    trained = jax.tree.map(np.asarray, state.ema["generator"])
    module = net.extract(arch)
    program = jax.jit(lambda p, x: module.apply({"params": p}, x))
    paired = load_config("translation")
    truth = paired.system.prepare(paired, rival.networks)
    return dict(truth.test(lambda x: program(trained, x)).values)


def reconstruct(folder: Path, experiment: Experiment, model: Any, sampler: Any, space: Any, config: TrainConfig) -> Any:
    """The generator after it has learnt to reproduce the target domain; arms of one seed share it."""
    task = translation(Translation(patch=64, batch=4, pairs=True, l1=1.0), Networks(model), sampler)
    sides = open_sides("furniture", "train", size=experiment.system.size)
    source = Mirrored(OneSide(sides.whole, "target"))
    data = patches(source, patch=64, batch=4, seed=config.seed, augment="mirror")
    with RunLog(folder, f"{config.seed}-reconstruction", config.steps) as log:
        state = fit(task, space, sampler, data=data, config=config, log=log)
    return jax.tree.map(np.asarray, state.ema["generator"])


def table(rows: list[dict[str, Any]]) -> str:
    """What is there, the least LPIPS first: means, and half the range over seeds."""
    names = ("gram", "vgg16_gaussian", "vgg16_kernel", "lpips", "diversity")
    heads = ("Gram-MMD", "VGG16-MMD", "VGG16-KID", "LPIPS", "diversity")
    lines = [f"| recipe | seeds | {' | '.join(heads)} |", "|---" * (len(heads) + 2) + "|"]
    grouped: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        grouped.setdefault(row["arm"], []).append(row["values"])
    for arm, values in sorted(grouped.items(), key=lambda item: np.mean([v["lpips"] for v in item[1]])):
        found = [[v[n] for v in values] for n in names]
        cells = [f"{np.mean(v):.3f}" + (f" ± {np.ptp(v) / 2:.3f}" if len(v) > 1 else "") for v in found]
        lines.append(f"| {arm} | {len(values)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Train what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/recipes"))
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args()
    file = args.run / f"scores-{args.steps}.json"
    rows = json.loads(file.read_text()) if file.is_file() else []
    for seed in args.seeds:
        for name, experiment, started in arms():
            known = any((r["arm"], r["seed"]) == (name, seed) for r in rows)
            if args.table or known or not all(word in name for word in args.only):
                continue
            values = train(args.run, name, experiment, started=started, seed=seed, steps=args.steps)
            rows.append({"arm": name, "seed": seed, "steps": args.steps, "values": values})
            write_json(file, rows)
            print(name, seed, {k: round(v, 4) for k, v in values.items()}, flush=True)
            jax.clear_caches()
    print(table(rows))


if __name__ == "__main__":
    main()
