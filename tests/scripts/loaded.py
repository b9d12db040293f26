"""A script as a module, for the tests of its functions."""

import importlib.util
from pathlib import Path
from types import ModuleType


def loaded(name: str) -> ModuleType:
    """The script of that name, whose file is no package's."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[2] / "scripts" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
