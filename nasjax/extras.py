"""Packages that only some users need: imported when they are used, with an error that says how to get them."""

from importlib import import_module
from typing import Any


def load_extra(module: str, extra: str, what: str) -> Any:
    """The module; raises ImportError saying what needs it and which extra of nasjax brings it."""
    try:
        return import_module(module)
    except ImportError as error:
        missing = "" if error.name is None else f" ({error.name} is not installed)"
        raise ImportError(f"{what} needs the extra {extra!r}{missing}: pip install 'nasjax[{extra}]'") from error
