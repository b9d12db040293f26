"""How programs are compiled."""

import jax


def compiler_options() -> dict[str, int] | None:
    """How programs that run briefly are compiled on this backend: `jax.jit(fn, compiler_options=...)`.

    On a CPU, LLVM's first level of optimisation takes two thirds of the compile time of the default and the steps are
    as fast (`docs/results/speed.md`): their time goes into convolutions, which are compiled already.
    """
    return {"xla_backend_optimization_level": 1} if jax.default_backend() == "cpu" else None
