"""Neural architecture search for image generators: search is integers, networks are functions, tasks are losses."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Public name -> module that defines it, imported at first use: `import nasjax` itself costs nothing, not even jax.
PUBLIC = {
    "Choice": "nasjax.space",
    "Metric": "nasjax.metrics.base",
    "SearchSpace": "nasjax.space",
    "Searcher": "nasjax.search.base",
    "Supernet": "nasjax.supernet.base",
    "Task": "nasjax.task",
}


def __getattr__(name: str) -> Any:
    if name not in PUBLIC:
        raise AttributeError(f"module 'nasjax' has no attribute {name!r}; public names: {', '.join(sorted(PUBLIC))}")
    value = getattr(import_module(PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *PUBLIC})
