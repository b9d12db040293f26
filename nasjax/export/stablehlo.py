"""Networks as StableHLO by `jax.export`: weights inside, dynamic batch, height and width."""

from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
from jax import export

from nasjax.export.forgetful import forgetful
from nasjax.export.network import Function, Network, symbolic_input
from nasjax.ops.base import formulation

PLATFORMS = ("cpu", "cuda", "tpu")


def write_stablehlo(network: Network, path: Path) -> None:
    """Write the network for all of `PLATFORMS`; its one argument is a float32 image batch.

    Artifacts load in the JAX that wrote them and in newer ones for some months, not in older ones: the weights in
    safetensors are what lasts.
    """
    function = Function(lambda x: network.apply(network.params, x), {"image": symbolic_input(network)})
    write_stablehlo_function(function, path)


def write_stablehlo_function(function: Function, path: Path) -> None:
    """Write any function, its arguments in the order of its inputs; otherwise as `write_stablehlo`."""
    given = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in function.inputs.values()]
    with formulation("native"):
        exported = export.export(jax.jit(function.call), platforms=PLATFORMS)(*given)
    path.write_bytes(exported.serialize())


def load_stablehlo(path: Path) -> Callable[..., jax.Array]:
    """The file as a jitted function of its inputs (an image batch).

    Raises ValueError when this version of JAX cannot read it.
    """
    try:
        exported = export.deserialize(bytearray(path.read_bytes()))
    except Exception as error:  # flatbuffers and MLIR raise nearly every type there is on foreign or broken bytes
        raise ValueError(f"{path}: JAX {jax.__version__} cannot read this StableHLO file: {error}") from error
    return forgetful(jax.jit(exported.call))
