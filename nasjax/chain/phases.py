"""What each phase of a run depends on: what may be read back, and what must not be mixed with another config."""

import ast
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nasjax.basis import differences, in_words
from nasjax.chain.configs import as_dict, source_of
from nasjax.chain.folder import RunFolder
from nasjax.config import Experiment
from nasjax.data.spec import open_source
from nasjax.systems import SYSTEMS

FILE = "phases.json"
# Touches no number: how often is looked and saved.
_FREE = ("log_every", "validate_every", "checkpoint_every", "checkpoint_seconds", "keep", "changed")
_SEARCH = ("algorithm", "population", "generations")


def depends(experiment: Experiment, phase: str, pictures: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The values of the config, by field, that a phase's result depends on, with those of the phases before it.

    Phases are `supernet/STAGE`, `search/STAGE`, `confirm/STAGE-N`, and what follows the stages: `finalist/...`,
    `scratch/...`, `rival/...`, `evaluate`. The data are known by the names of their pictures, wherever these are:
    `pictures`, if that is known already; a path in the system's settings by what is there; a system of the user's own
    by its code as well.
    """
    pictures = pictures_of(experiment) if pictures is None else pictures
    config = as_dict(experiment)
    kind, _, rest = phase.partition("/")
    stage, stages = rest.partition("-")[0] if kind == "confirm" else rest, [s["stage"] for s in config["stages"]]
    last = stages.index(stage) if stage in stages else len(stages)
    found = {"seed": config["seed"], "system": _there(config["system"]), "kind": config["kind"]["name"]}
    found |= {"code": code} if (code := code_of(experiment)) else {}
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
    given: Mapping[str, str] | None = None,
) -> None:
    """Note in `phases.json` what a phase that begins depends on: its config (`pictures` as in `depends`), and `given`.

    That is what the config does not say, such as an arch or what was decided before. Raises ValueError where the phase
    is finished and was given something else: what it left would be taken for what it is asked for now.
    """
    was, given = next((row.get("given", {}) for row in run.read(FILE, []) if row["phase"] == phase), {}), given or {}
    if run.weights(phase).is_file() and (differ := differences(was, given)):
        raise ValueError(f"{run.path} holds {phase} of another kind: {in_words(differ)}; choose another folder")
    run.replace_row(FILE, "phase", {"phase": phase, "depends": depends(experiment, phase, pictures), "given": given})


def held(run: RunFolder, experiment: Experiment) -> dict[str, dict[str, str]]:
    """Of each phase that the folder has begun, what is another now, `{field: was this, now that}`; {} where it holds.

    Settings of a training that has not ended may differ where its `train.changed` names them.
    """
    found, rows = {}, run.read(FILE, [])
    pictures = pictures_of(experiment) if rows else {}
    for row in rows:
        then, now = row["depends"], depends(experiment, row["phase"], pictures)
        names = [n for n in dict.fromkeys([*then, *now]) if then.get(n) != now.get(n)]
        if not run.weights(row["phase"]).is_file():
            names = [n for n in names if n not in _changed(experiment, row["phase"])]
        found[row["phase"]] = {n: f"was {then.get(n)!r}, now {now.get(n)!r}" for n in names}
    return found


def _changed(experiment: Experiment, phase: str) -> set[str]:
    """The fields of a phase's training that differ on purpose from what was begun."""
    kind, _, rest = phase.partition("/")
    stages = {f"stages.{s.stage}": s.train for s in experiment.stages if kind == "supernet" and s.stage == rest}
    final = {"confirm": experiment.confirm.train} if kind == "confirm" else {"final": experiment.final.train}
    return {f"{place}.train.{name}" for place, train in (stages or final).items() for name in train.changed}


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


def code_of(experiment: Experiment) -> str | None:
    """A checksum of the file that a system of the user's own is defined in; None for a shipped one, or without a file.

    Comments, layout and the function `config` do not count: settings are compared one by one.
    """
    file = None if type(experiment.system) in SYSTEMS.values() else source_of(experiment)
    if file is None:
        return None
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    tree.body = [part for part in tree.body if not (isinstance(part, ast.FunctionDef) and part.name == "config")]
    return f"#{zlib.crc32(ast.unparse(tree).encode()):08x}"


def _there(value: Any) -> Any:
    """Settings, of which paths that exist stand for what is there: files by their content, folders by their names."""
    if isinstance(value, Mapping):
        return {name: _there(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_there(inner) for inner in value]
    path = Path(value) if isinstance(value, str) and os.sep in value else None
    if path is not None and path.is_file():
        return f"a file ({zlib.crc32(path.read_bytes()):08x})"
    if path is not None and path.is_dir():
        names = sorted(inner.name for inner in path.iterdir())
        return f"a folder of {len(names)} ({zlib.crc32(chr(10).join(names).encode()):08x})"
    return value


def _flat(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name not in _FREE:
                yield from _flat(inner, f"{where}.{name}" if where else name)
    else:
        yield where, value
