"""The exportable form: the transform with Newton-Schulz roots as an ONNX graph of dynamic sizes."""

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import pytest

from nasjax.export.network import Network
from nasjax.export.onnx.model import load_onnx, write_onnx
from nasjax.linalg import wct
from tests.linalg.pixels import pixels

MIX = np.float32(np.random.default_rng(0).normal(size=(3, 3)))


def _restyled(params, x, method="newton-schulz"):
    """The image in the statistics of a distorted copy of itself: content and style depend on the input."""
    return wct(x, jnp.tanh(jnp.concatenate([x, x**2], 1) @ MIX) + 0.2, method=method, alpha=0.9)


def _network(**options) -> Network:
    return Network(lambda p, x: _restyled(p, x, **options), {}, {"arch": "", "builder": None}, min_size=4)


def test_onnx_parity(tmp_path):
    """onnxruntime agrees with JAX at sizes and batches that the writer has not seen."""
    write_onnx(_network(), tmp_path / "m.onnx", {})
    run = load_onnx(tmp_path / "m.onnx")
    reference = jax.jit(lambda x: _restyled(None, x))
    for shape in ((1, 9, 7, 3), (3, 6, 16, 3)):
        x = pixels(1, shape, condition=100.0)
        np.testing.assert_allclose(run(x), reference(x), atol=2e-5)
    flat = np.full((1, 9, 7, 3), 0.3, np.float32)
    np.testing.assert_allclose(run(flat), reference(flat), atol=1e-5)
    # Products are MatMul nodes, which runtimes have fast kernels for.
    operators = [node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node]
    assert "Einsum" not in operators
    assert operators.count("MatMul") > 50


def test_what_onnx_lacks_is_named(tmp_path):
    """Eigenvectors have no ONNX operator: the error says so, where the other form works."""
    with pytest.raises(ValueError, match="no translation of the primitive 'eigh'"):
        write_onnx(_network(method="eigh"), tmp_path / "m.onnx", {})
