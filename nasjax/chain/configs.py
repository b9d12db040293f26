"""Experiments as files: loading one by name, from Python or from a run folder, and the way to `config.json`."""

import dataclasses
import importlib.util
import inspect
import json
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nasjax.config import Experiment
from nasjax.files import read_json, to_json
from nasjax.systems import SYSTEMS

VERSION = 2  # of config.json and the run folder around it
COPY = "config.py"  # in a run folder: the file that a system of the user's own is defined in
_UNIONS = (typing.Union, types.UnionType)
# The types that JSON has for an annotation.
_JSON = {int: (int,), float: (int, float), str: (str,), bool: (bool,), types.NoneType: (types.NoneType,)}


def load_config(name: str | Path) -> Experiment:
    """The experiment of a Python file, a run folder or its `config.json`, or a shipped one by its bare name.

    Raises ValueError naming the shipped ones, or what the file lacks.
    """
    path = Path(name)
    if (path / "config.json").is_file():
        path = path / "config.json"
    elif path.suffix not in (".json", ".py"):
        known = shipped()
        if str(name) not in known:
            kinds = "a .py file, a run folder, its config.json"
            raise ValueError(f"unknown config {str(name)!r}; {kinds}, or one of: {', '.join(sorted(known))}")
        path = known[str(name)]
    if not path.is_file():
        raise ValueError(f"config file {path} does not exist")
    if path.suffix == ".json":
        return from_dict(read_json(path), path)
    made = getattr(_module(path), "config", lambda: None)
    try:
        found = made()
    except TypeError as error:  # an unknown field of one of the dataclasses
        raise ValueError(f"config file {path}: {error}") from error
    if not isinstance(found, Experiment):
        raise ValueError(f"config file {path} must define 'def config() -> Experiment', got {type(found).__name__}")
    return found


def shipped() -> dict[str, Path]:
    """The experiments that come with the package, by name."""
    package = Path(__file__).parents[1]
    folders = [package / "configs", package.parent / "configs"]
    return {p.stem: p for folder in folders for p in sorted(folder.glob("*.py"))}


def as_dict(experiment: Experiment) -> dict[str, Any]:
    """The experiment as JSON values, for `config.json`; the system is named by `SYSTEMS`, or by class and file."""
    kind = type(experiment.system)
    name = next((n for n, known in SYSTEMS.items() if known is kind), None)
    where = {"name": name} if name else {"name": kind.__qualname__, "file": source_of(experiment)}
    return json.loads(to_json({"version": VERSION, "kind": where, **dataclasses.asdict(experiment)}))


def source_of(experiment: Experiment) -> str | None:
    """The file that the system's class is defined in; None where there is none, as in a notebook."""
    try:
        file = inspect.getsourcefile(type(experiment.system))
    except TypeError:
        return None
    return file if file and Path(file).is_file() else None


def from_dict(values: Mapping[str, Any], place: Path = Path("config.json")) -> Experiment:
    """The experiment that `as_dict` wrote; `place` is where the values were read.

    Raises ValueError naming it for another version, a field that is unknown or missing, or a value that is none of it.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"{place} holds a {type(values).__name__}, where the fields of an experiment belong")
    if (version := values.get("version", 1)) != VERSION:
        raise ValueError(
            f"{place} is of version {version} and this nasjax reads {VERSION}: its report, bundle and networks can be "
            "used as they are, but the run cannot go on; start a new one"
        )
    for name in ("kind", "system"):
        if not isinstance(values.get(name), Mapping):
            raise ValueError(
                f"{place}: needs {name!r}, an object as a run's config.json has it; got {values.get(name)!r}"
            )
    kind = _kind(values["kind"], place)
    rest = {name: v for name, v in values.items() if name not in ("version", "kind")}
    try:
        return _build(Experiment, rest | {"system": _build(kind, values["system"], "system.")}, "")
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error


def _kind(kind: Mapping[str, Any], place: Path) -> type:
    """The class of the system: shipped, or out of the file beside `place`, or where it was."""
    name = str(kind.get("name"))
    if kind.get("file") is None:
        if name in SYSTEMS:
            return SYSTEMS[name]
        raise ValueError(f"{place}: unknown system {name!r}; shipped: {', '.join(SYSTEMS)}")
    files = (place.with_name(COPY), Path(kind["file"]))
    file = next((f for f in files if f.is_file()), None)
    if file is None:
        raise ValueError(f"{place}: its system {name} was defined in {kind['file']}, which is gone")
    found = getattr(_module(file), name, None)
    if found is None:
        raise ValueError(f"{place}: {file} has no system {name}")
    return found


def _module(path: Path) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(f"nasjax_config_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ValueError(f"config file {path} cannot be read as Python")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name while they are made.
    import sys

    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except (SyntaxError, ImportError, TypeError, NameError, AttributeError) as error:
        # A module beside it would be missing in the run folder's copy, and its changes would go unseen.
        one = "; a system is one file: what it imports must be installed, or written in it"
        hint = one if isinstance(error, ModuleNotFoundError) else ""
        raise ValueError(f"config file {path}: {type(error).__name__}: {error}{hint}") from error
    return module


def _build(kind: type, given: Mapping[str, Any], where: str) -> Any:
    """A dataclass out of JSON values, by the annotations of its fields."""
    hints, known = typing.get_type_hints(kind), {f.name: f for f in dataclasses.fields(kind)}
    if unknown := sorted({*given} - {*known}):
        raise ValueError(f"unknown field {where + unknown[0]!r}; allowed: {', '.join(sorted(known))}")
    for name, field in known.items():
        if name not in given and field.default is field.default_factory is dataclasses.MISSING:
            raise ValueError(f"the field {where + name!r} is missing")
    # Defaults are as their author wrote them, whatever the annotation says.
    found = {n: v if v == known[n].default else _value(hints[n], v, where + n) for n, v in given.items()}
    return kind(**found)


def _value(hint: Any, value: Any, where: str) -> Any:
    """What a JSON value is by an annotation, lists as tuples; what is not known here (`options`) takes all.

    Raises ValueError naming the place of what the annotation does not allow.
    """
    wrong, options = None, typing.get_args(hint) if typing.get_origin(hint) in _UNIONS else (hint,)
    # What is built comes first: beside it, an option that takes all would leave the JSON as it is.
    for option in sorted(options, key=lambda o: not (dataclasses.is_dataclass(o) or typing.get_origin(o) is tuple)):
        if isinstance(option, type) and dataclasses.is_dataclass(option):
            if isinstance(value, Mapping):  # of one of them at most: nothing in the file would tell two apart
                return _build(option, value, f"{where}.")
        elif isinstance(value, list) and option not in _JSON:
            inside = typing.get_args(option) if typing.get_origin(option) is tuple else ()
            hints = inside if len(inside) > 1 and inside[-1] is not ... else (inside[:1] or (Any,)) * len(value)
            if len(hints) == len(value) and (inside or wrong is None):
                try:
                    return tuple(map(_value, hints, value, [f"{where}.{i}" for i in range(len(value))]))
                except ValueError as error:
                    wrong = error  # unless it is another tuple's; what takes all would hide it
        elif typing.get_origin(option) is not tuple and type(value) in _JSON.get(option, (type(value),)):
            return value
    allowed = inspect.formatannotation(hint).replace("typing.", "")
    raise wrong or ValueError(f"{where} must be {allowed}, got {value!r}")
