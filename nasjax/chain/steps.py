"""Single steps of the chain, for `nasjax train`, `finetune`, `evaluate` and `export`."""

import functools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from nasjax.apply.images import predict
from nasjax.basis import fingerprint
from nasjax.chain.alone import phase_alone, train_alone
from nasjax.chain.compare import Entry, predictor
from nasjax.chain.configs import from_dict, load_config
from nasjax.chain.folder import CONFIG, RunFolder, owned
from nasjax.chain.live import LiveReport
from nasjax.chain.problem import Problem, make_problem
from nasjax.chain.run import Run, open_run
from nasjax.chain.score import Scorer
from nasjax.chain.ship import export_network
from nasjax.chain.stages import train_stage
from nasjax.config import Experiment
from nasjax.export.bundle import ARCH, EXPORTERS, load_bundle
from nasjax.export.manifest import bundle_folder
from nasjax.export.trainable import load_trainable
from nasjax.files import read_json
from nasjax.ops.params import merge_params
from nasjax.say import Say
from nasjax.system import Tested
from nasjax.systems import SYSTEMS
from nasjax.typing import Params


def train_one(
    experiment: Experiment, path: str | Path, stage: str, *, decided: str | None = None, say: Say = print
) -> str:
    """Train one stage's supernet and return where its weights are.

    It starts from the weights of the stages before where the run has them. Raises ValueError for an unknown stage, or
    when `decided` is missing or no arch of the space.
    """
    with owned(path) as folder:
        problem = make_problem(experiment, path, say=say)
        space = problem.space
        narrowed = space.at_stage(stage, None if decided is None else space.parse(decided))
        settings = next(s for s in experiment.stages if s.stage == stage)
        run = open_run(folder, problem, say)
        params, have = newest_shared(run, space.stages[: space.stages.index(stage)])
        say(f"{stage}: {len(narrowed.free)} free choices, from {'the stage ' + have[-1] if have else 'random weights'}")
        train_stage(run, settings, narrowed, params=params)
        run.live.write()
    return str(folder.weights(f"supernet/{stage}"))


def finetune_arch(
    experiment: Experiment,
    path: str | Path,
    arch_text: str | None = None,
    *,
    bundle: str | Path | None = None,
    from_scratch: bool = False,
    say: Say = print,
) -> str:
    """Train one arch and return where its weights are.

    It starts from a bundle's weights (`load_trainable`; the arch is the bundle's, if none is given; a run folder stands
    for its bundle), at random if `from_scratch`, else from the run's newest shared weights. Raises ValueError where
    these are missing or of another arch.
    """
    bundle = None if bundle is None else bundle_folder(bundle)
    if bundle is not None and arch_text is None:
        arch_text = read_json(bundle / ARCH)["arch"]
    if arch_text is None or (bundle is not None and from_scratch):
        raise ValueError("finetune: needs an arch (--arch), and one start: a bundle (--from), random or shared weights")
    problem = make_problem(experiment, path, decides=False, say=say)
    arch = problem.space.parse(arch_text)
    with owned(path) as folder:
        run = open_run(folder, problem, say)
        shared, have = newest_shared(run, problem.space.stages)
        if not have and not from_scratch and bundle is None:
            raise ValueError(f"{path} has no shared weights yet; train a stage first, or add --from-scratch")
        net, phase = problem.networks.supernet, tuned_phase(problem, arch, from_scratch)
        start, origin = None, "random weights"
        if not from_scratch:
            start, origin = net.extract_params(shared, arch), f"supernet/{have[-1]}" if have else ""
        if bundle is not None:
            deploy_fn = functools.partial(net.deploy_params, arch=arch)
            start = load_trainable(bundle, net.extract_params(shared, arch), deploy_fn=deploy_fn, say=say)
            origin = f"bundle {fingerprint(start)}"
        say(f"{phase}: {int(problem.table(arch)['params'])} params")
        final = experiment.final
        train_alone(run, [phase_alone(run, phase, net, arch=arch, settings=final, start=start, origin=origin)])
        run.live.write()
    return str(folder.weights(phase))


def evaluate_arch(
    path: str | Path,
    arch_text: str | None = None,
    *,
    data: str | None = None,
    split: str = "test",
    say: Say = print,
) -> dict[str, Any]:
    """The measures of an arch of a run, by default the found one, on the best weights that the run has for it.

    `data` and `split` name other pictures than those that the run's own networks were compared on. Raises ValueError
    for them where the system compares networks on what its config says only.
    """
    run, arch, params, source = _network(Path(path), arch_text, say, data=data, split=split)
    if run.problem.ground.test is None and (data is not None or split != "test"):
        title, protocol = run.problem.experiment.system.title, run.problem.ground.protocol
        raise ValueError(f"{path}: {title} is compared on {protocol}; --data and --split cannot change that")
    return _measures(run, arch, params, source)


def _measures(run: Run, arch: np.ndarray, params: Params, source: str) -> dict[str, Any]:
    problem = run.problem
    entry = Entry("", "", "", "", problem.networks, arch, [params])
    if problem.ground.test is None:
        shared, _ = newest_shared(run, problem.space.stages)
        tested = Tested(Scorer(problem, shared)(problem.scored, arch, params))
    else:
        tested = problem.ground.test(predictor(problem, entry))
    costs = {name: int(problem.table(arch)[name]) for name in ("params", "macs")}
    return {"arch": problem.space.text(arch), "weights": source, **_shown(problem, tested), **costs}


def evaluate_bundle(folder: Path, data: str | None = None, split: str = "test", *, say: Say = print) -> dict[str, Any]:
    """The measures of a bundle by the protocol of the system that it was found by, on other pictures if `data` says so.

    Raises ValueError where its card names no experiment, or its system compares finished networks with others of the
    run only.
    """
    card = read_json(folder / "card.json")
    if not card.get("experiment"):
        raise ValueError(
            f"{folder}: its card names no experiment, so how it is to be scored is unknown; evaluate a run"
        )
    moved = _elsewhere(from_dict(card["experiment"], folder / "card.json"), data, split)
    problem = make_problem(moved, decides=False, say=say)
    if problem.ground.test is None:
        raise ValueError(f"{folder}: {problem.experiment.system.title} is scored in its run: nasjax evaluate RUN")
    bundle = load_bundle(folder)
    tested = problem.ground.test(lambda x: predict(bundle, x))
    return {"arch": bundle.arch, **_shown(problem, tested), "params": card["params"]}


def _elsewhere(experiment: Experiment, data: str | None, split: str) -> Experiment:
    """The experiment, with finished networks compared on other pictures: as many of those as are large enough."""
    own = experiment.data
    crop = own.test_crop if data is None and split == "test" else None
    other: dict[str, Any] = {} if data is None else {"source": data, "on_bad": "skip"}
    # Nothing is searched, so that no patches are needed: known of the shipped ones only.
    if data is not None and type(experiment.system) in SYSTEMS.values():
        other["val_patches"] = 0
    return replace(experiment, budget=(), data=replace(own, test=split, test_crop=crop, **other))


def _shown(problem: Problem, tested: Tested) -> dict[str, Any]:
    pictures = {"pictures": {k: dict(v) for k, v in tested.pictures.items()}} if tested.pictures else {}
    values = {name: float(v) for name, v in tested.values.items()}
    return {**values, "protocol": problem.ground.protocol, **pictures}


def export_arch(
    path: str | Path,
    arch_text: str | None = None,
    to: str | Path | None = None,
    *,
    formats: Sequence[str] | None = None,
    trainable: bool | None = None,
    say: Say = print,
) -> dict[str, Any]:
    """Write an arch of a run, by default the found one, as a bundle: its `export/`, or `to`; returns the manifest.

    `formats` and `trainable` are those of `FinalConfig`; None: as the run's config says.
    """
    if arch_text is not None and to is None:
        raise ValueError("export: an arch of your choice needs a folder of its own: --to FOLDER")
    run, arch, params, source = _network(Path(path), arch_text, say)
    found = _measures(run, arch, params, source)
    target = run.folder.path / "export" if to is None else Path(to)
    values = {name: v for name, v in found.items() if isinstance(v, int | float)}
    given = {name: v for name, v in (("formats", formats), ("trainable", trainable)) if v is not None}
    experiment = run.problem.experiment
    problem = replace(run.problem, experiment=replace(experiment, final=replace(experiment.final, **given)))
    return dict(export_network(problem, target, arch, params=params, values=values))


def unshipped(experiment: Experiment, path: str | Path) -> str:
    """What a finished run's bundle lacks of what is asked for by now, and the command that adds it; "" for nothing."""
    run, final = RunFolder(Path(path)), experiment.final
    was, files = run.read(CONFIG)["final"], run.read("export/manifest.json", {}).get("files", {})
    lacks = [EXPORTERS[name].file for name in final.formats if name not in was.get("formats", ())]
    lacks = [file for file in lacks if file not in files]
    if final.trainable and not was.get("trainable") and not _goes_on(run):
        lacks.append("weights to train on from")
    if not lacks:
        return ""
    wanted = " ".join(("--formats", *final.formats, *(("--trainable",) if final.trainable else ())))
    return f"{run.path / 'export'} has no {' and no '.join(lacks)}; nasjax export {run.path} {wanted} adds that"


def _goes_on(run: RunFolder) -> bool:
    """Whether the bundle of a finished run has the weights as they were trained."""
    try:
        load_trainable(run.path / "export", run.load_params(run.read("results.json")["weights"]))
    except (ValueError, OSError):
        return False
    return True


def newest_shared(run: Run, stages: tuple[str, ...]) -> tuple[Params, list[str]]:
    """The shared weights after those of `stages` that the run has trained, and which these are."""
    have = [s for s in stages if run.folder.weights(f"supernet/{s}").is_file()]
    params = run.problem.init()
    for stage in have:
        params = merge_params(params, run.folder.load_params(f"supernet/{stage}"))
    return run.problem.frozen(params), have


def tuned_phase(problem: Problem, arch: np.ndarray, from_scratch: bool = False) -> str:
    """The phase of an arch that is trained by command."""
    return f"{'scratch' if from_scratch else 'finetune'}-{problem.space.digest(arch)}"


def _network(
    path: Path, arch_text: str | None, say: Say, *, data: str | None = None, split: str = "test"
) -> tuple[Run, np.ndarray, Params, str]:
    """An arch of a run with the best weights that the run has for it, and where these are from."""
    folder = RunFolder(path)
    if not (path / CONFIG).is_file():
        raise ValueError(f"{path} is not a run folder: it has no {CONFIG}")
    experiment = load_config(path)
    moved = experiment if data is None and split == "test" else _elsewhere(experiment, data, split)
    problem = make_problem(moved, path, decides=False, say=say)
    run, results = Run(folder, problem, say, LiveReport(path, say)), folder.read("results.json")
    if arch_text is None and results is None:
        raise ValueError(
            f"{path} is not a finished run: it has no results.json; name an arch (--arch), or go on with it"
        )
    arch = problem.space.parse(results["arch"] if arch_text is None else arch_text)
    for name in _trained_as(run, arch, results):
        if folder.weights(name).is_file():
            return run, arch, problem.frozen(folder.load_params(name)), name
    shared, have = newest_shared(run, problem.space.stages)
    if not have:
        raise ValueError(f"{path} has no weights of {problem.space.text(arch)} yet")
    params = jax.tree.map(np.asarray, problem.networks.supernet.extract_params(shared, arch))
    return run, arch, params, "shared weights as they are"


def _trained_as(run: Run, arch: np.ndarray, results: Any) -> list[str]:
    """Phases that may have trained an arch alone, the preferred one first."""
    names = [tuned_phase(run.problem, arch), tuned_phase(run.problem, arch, True)]
    if results is not None and results["arch"] == run.problem.space.text(arch):
        names = [results["weights"], *names]
    return names
