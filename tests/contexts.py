"""One MLIR context for many programs: JAX makes one for each, which takes longer than writing down a small program."""

import threading
from typing import Any


def share_contexts() -> dict[int, Any]:
    """From now on each thread lowers into a context of its own; returns them by thread, to be cleared now and then.

    What a context has seen stays in it: types, attributes, constants. Private to JAX, and left alone where it is not
    found: tests take longer then.
    """
    from jax._src.interpreters import mlir

    made: dict[int, Any] = {}
    make = getattr(mlir, "make_ir_context", None)
    if make is not None:

        def kept() -> Any:
            found = made.get(threading.get_ident())
            if found is None:
                found = made[threading.get_ident()] = make()
            return found

        mlir.make_ir_context = kept
    return made
