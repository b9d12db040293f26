"""What each phase of a run depends on: what may be read back, and what must not be mixed with another config."""

import ast
import dataclasses
import functools
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from nasjax.basis import differences, in_words
from nasjax.chain.configs import as_dict, source_of
from nasjax.chain.folder import RunFolder
from nasjax.config import Experiment
from nasjax.data.source import Source, image_keys
from nasjax.data.spec import open_source
from nasjax.files import to_json
from nasjax.systems import SYSTEMS

FILE = "phases.json"
# Touches no number: how often is looked and saved.
_FREE = ("log_every", "validate_every", "checkpoint_every", "checkpoint_seconds", "keep", "changed")
_SEARCH = ("algorithm", "population", "generations")
_STAND_INS = "stand-ins for later stages"
_PACKAGED = ("embedded", "furniture")
_LOOKED_AT = 3  # pictures of a split whose pixels are compared


class Known(NamedTuple):
    """What the config does not say of a run, and its phases depend on."""

    pictures: Mapping[str, str]  # by split (`pictures_of`)
    stand_ins: str = ""  # options that stand for those of later stages, which a budget may choose; "": not known here


def depends(experiment: Experiment, phase: str, known: Known) -> dict[str, Any]:
    """The values of the config, by field, that a phase's result depends on, with those of the phases before it.

    Phases are `supernet/STAGE`, `search/STAGE`, `confirm/STAGE-N`, and what follows the stages: `finalist/...`,
    `scratch/...`, `rival/...`, `evaluate`. A path in the system's settings is known by what is there, a system of the
    user's own by its code as well.
    """
    pictures = known.pictures
    config = as_dict(experiment)
    kind, _, rest = phase.partition("/")
    stage, stages = rest.partition("-")[0] if kind == "confirm" else rest, [s["stage"] for s in config["stages"]]
    last = stages.index(stage) if stage in stages else len(stages)
    found = {"seed": config["seed"], "system": _there(config["system"]), "kind": config["kind"]["name"]}
    found |= {"code": code} if (code := code_of(experiment)) else {}
    found |= {_STAND_INS: known.stand_ins} if known.stand_ins else {}
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
    known: Known,
    given: Mapping[str, str] | None = None,
) -> None:
    """Note in `phases.json` what a phase that begins depends on: its config, what is `known`, and `given`.

    That is what the config does not say, such as an arch or what was decided before. Raises ValueError where the phase
    is finished and was given something else: what it left would be taken for what it is asked for now.
    """
    was, given = next((row.get("given", {}) for row in run.read(FILE, []) if row["phase"] == phase), {}), given or {}
    if run.weights(phase).is_file() and (differ := differences(was, given)):
        raise ValueError(f"{run.path} holds {phase} of another kind: {in_words(differ)}; choose another folder")
    run.replace_row(FILE, "phase", {"phase": phase, "depends": depends(experiment, phase, known), "given": given})


def held(run: RunFolder, experiment: Experiment, known: Known | None = None) -> dict[str, dict[str, str]]:
    """Of each phase that the folder has begun, what is another now, `{field: was this, now that}`; {} where it holds.

    Settings of a training that has not ended may differ where its `train.changed` names them. A setting that there was
    not when the phase began was what it is by default. Without `known`, pictures are looked at and stand-ins are not.
    """
    found, rows = {}, run.read(FILE, [])
    if known is None:
        known = Known(pictures_of(experiment) if rows else {})
    later = dict(_flat({"system": _defaults(experiment.system)}, ""))
    for row in rows:
        then, now = row["depends"], depends(experiment, row["phase"], known)
        names = [n for n in dict.fromkeys([*then, *now]) if then.get(n) != now.get(n)]
        names = [n for n in names if n in then or n not in later or later[n] != now[n]]
        names = [n for n in names if n != _STAND_INS or (n in then and n in now)]
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
    """By split, how many pictures there are, and a checksum; "none" where a system has its own.

    Of their names, wherever they are, and of the pixels of some that do not come with the package.
    """
    data, found = experiment.data, {}
    for split, part in (("train", "train"), ("val", "val"), ("test", data.test)):
        try:
            source = open_source(data.source, part, on_error=data.on_bad)
        except ValueError:
            found[split] = "none"
            continue
        own = data.source.endswith(_PACKAGED)
        found[split] = f"{len(source)} pictures ({_mark(source, looked_at=0 if own else _LOOKED_AT):08x})"
    return found


def _mark(source: Source, *, looked_at: int) -> int:
    """A checksum of the names of pictures, and of the pixels of some from the first to the last."""
    mark = zlib.crc32("\n".join(source.name(i) for i in range(len(source))).encode())
    for i in sorted({k * (len(source) - 1) // max(looked_at - 1, 1) for k in range(looked_at)}):
        element = source[i]
        for key in image_keys(element):
            mark = zlib.crc32(element[key].tobytes(), mark)
    return mark


def code_of(experiment: Experiment) -> str | None:
    """A checksum of the file that a system of the user's own is defined in; None for a shipped one, or without a file.

    Comments, layout and the function `config` do not count: settings are compared one by one.
    """
    file = None if type(experiment.system) in SYSTEMS.values() else source_of(experiment)
    return None if file is None else _code(Path(file).read_text(encoding="utf-8"))


@functools.lru_cache(8)  # every phase that is asked about asks
def _code(text: str) -> str:
    tree = ast.parse(text)
    tree.body = [part for part in tree.body if not (isinstance(part, ast.FunctionDef) and part.name == "config")]
    return f"#{zlib.crc32(ast.unparse(tree).encode()):08x}"


def _there(value: Any) -> Any:
    """Settings, of which paths that exist stand for what is there: files by their content, folders by their names."""
    if isinstance(value, Mapping):
        return {name: _there(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_there(inner) for inner in value]
    path = Path(value) if isinstance(value, str) and (os.sep in value or "." in value) else None
    if path is not None and path.is_file():
        return f"a file ({zlib.crc32(path.read_bytes()):08x})"
    if path is not None and path.is_dir():
        names = sorted(inner.name for inner in path.iterdir())
        return f"a folder of {len(names)} ({zlib.crc32(chr(10).join(names).encode()):08x})"
    return value


def _defaults(settings: Any) -> dict[str, Any]:
    """What the fields of a dataclass, and of those in it that are there by default, are where nobody says anything."""
    found = {}
    for field in dataclasses.fields(settings):
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        if dataclasses.is_dataclass(default):
            found[field.name] = _defaults(getattr(settings, field.name) or default)
        elif default is not dataclasses.MISSING:
            found[field.name] = json.loads(to_json(default))
    return found


def _flat(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name not in _FREE:
                yield from _flat(inner, f"{where}.{name}" if where else name)
    else:
        yield where, value
