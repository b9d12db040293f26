"""What each phase of a run depends on: what may be read back, and what must not be mixed with another config."""

import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from nasjax.chain.configs import as_dict
from nasjax.chain.folder import RunFolder
from nasjax.config import Experiment
from nasjax.data.spec import open_source

FILE = "phases.json"
# Touches no number: how often is looked and saved.
_FREE = ("log_every", "validate_every", "checkpoint_every", "checkpoint_seconds", "keep", "changed")
_SEARCH = ("algorithm", "population", "generations")


def depends(experiment: Experiment, phase: str, pictures: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The values of the config, by field, that a phase's result depends on, with those of the phases before it.

    Phases are `supernet/STAGE`, `search/STAGE`, `confirm/STAGE-N`, and what follows the stages: `finalist/...`,
    `scratch/...`, `rival/...`, `evaluate`. The data are known by the names of their pictures, wherever these are:
    `pictures`, if that is known already.
    """
    pictures = pictures_of(experiment) if pictures is None else pictures
    config = as_dict(experiment)
    kind, _, rest = phase.partition("/")
    stage, stages = rest.partition("-")[0] if kind == "confirm" else rest, [s["stage"] for s in config["stages"]]
    last = stages.index(stage) if stage in stages else len(stages)
    found = {"seed": config["seed"], "system": config["system"], "kind": config["kind"]["name"]}
    data = dict(config["data"])
    found["data"] = {"train": pictures["train"], "patch": data["patch"], "augment": data["augment"]}
    for i, settings in enumerate(config["stages"][: last + 1]):
        trained = {k: v for k, v in settings.items() if k not in _SEARCH}
        found[f"stages.{settings['stage']}"] = trained if i == last and kind == "supernet" else settings
        if i < last or kind != "supernet":
            found |= {name: config[name] for name in ("budget", "cost", "macs_at", "latency_at")}
            found["data"] |= {name: data[name] for name in ("val_patches", "val_patch")}
            found["data"]["val"] = pictures["val"]
        if settings["stage"] in config["confirm"]["decisions"] and (i < last or kind == "confirm"):
            found["confirm"] = config["confirm"]
    if last == len(stages):
        final = {k: v for k, v in config["final"].items() if k not in ("formats", "trainable")}
        only = ("train", "batch") if kind != "evaluate" else tuple(final)
        found["final"] = {name: final[name] for name in only}
    if kind == "evaluate":
        found["data"] |= {"test_crop": data["test_crop"], "test": pictures["test"]}
    return dict(_flat(found, ""))


def claim(
    run: RunFolder,
    experiment: Experiment,
    phase: str,
    *,
    pictures: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Note in `phases.json` what a phase that begins depends on; `pictures` as in `depends`."""
    found = depends(experiment, phase, pictures)
    run.replace_row(FILE, "phase", {"phase": phase, "depends": {**found, **(extra or {})}})


def held(run: RunFolder, experiment: Experiment) -> dict[str, list[str]]:
    """Of each phase that the folder has begun, what is another now: `field was this, now that`; [] where it holds.

    Settings of a training that has not ended may differ where its `train.changed` names them.
    """
    found, rows = {}, run.read(FILE, [])
    pictures = pictures_of(experiment) if rows else {}
    for row in rows:
        then, now = row["depends"], depends(experiment, row["phase"], pictures)
        now |= {k: v for k, v in then.items() if k.startswith("given.")}
        names = [n for n in dict.fromkeys([*then, *now]) if then.get(n) != now.get(n)]
        if not run.weights(row["phase"]).is_file():
            names = [n for n in names if n not in _changed(experiment, row["phase"])]
        found[row["phase"]] = [f"{n} was {then.get(n)!r}, now {now.get(n)!r}" for n in names]
    return found


def _changed(experiment: Experiment, phase: str) -> set[str]:
    """The fields of a phase's training that differ on purpose from what was begun."""
    kind, _, rest = phase.partition("/")
    stages = {f"stages.{s.stage}": s.train for s in experiment.stages if kind == "supernet" and s.stage == rest}
    final = {"confirm": experiment.confirm.train} if kind == "confirm" else {"final": experiment.final.train}
    return {f"{place}.train.{name}" for place, train in (stages or final).items() for name in train.changed}


def extended(run: RunFolder, experiment: Experiment, phase: str) -> bool:
    """Whether a search differs only in how long it goes on: its candidates count as before."""
    stage = phase.removeprefix("search/")
    lengths = {f"stages.{stage}.generations"}
    row = next(row for row in run.read(FILE, []) if row["phase"] == phase)
    then, now = row["depends"], depends(experiment, phase)
    return phase.startswith("search/") and {n for n in {*then, *now} if then.get(n) != now.get(n)} <= lengths


def pictures_of(experiment: Experiment) -> dict[str, str]:
    """By split, how many pictures there are and a checksum of their names; "none" where a system has its own."""
    data, found = experiment.data, {}
    for split, part in (("train", "train"), ("val", "val"), ("test", data.test)):
        try:
            source = open_source(data.source, part, on_error=data.on_bad)
        except ValueError:
            found[split] = "none"
            continue
        names = "\n".join(source.name(i) for i in range(len(source)))
        found[split] = f"{len(source)} pictures ({zlib.crc32(names.encode()):08x})"
    return found


def _flat(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name not in _FREE:
                yield from _flat(inner, f"{where}.{name}" if where else name)
    else:
        yield where, value
