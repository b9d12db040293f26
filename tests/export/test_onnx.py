"""The ONNX writer on functions beyond the shipped operations, and its errors."""

import json
import sys

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import pytest
from jax import export

from nasjax.export.network import Function, Network
from nasjax.export.onnx.model import load_onnx, write_onnx, write_onnx_function
from nasjax.ops.blocks import global_mean
from nasjax.ops.conv import conv, depthwise
from nasjax.ops.guided import keep_detail
from nasjax.ops.layers import pixel_shuffle
from nasjax.ops.norm import instance_norm
from nasjax.ops.reflect import fill_up, max_pool2, reflect_conv, reflect_pad, upsample2
from nasjax.ops.resize import upscale
from nasjax.ops.strided import double, halve
from tests.export.networks import sr_cell

_RNG = np.random.default_rng(0)


def _array(*shape):
    return jnp.asarray(_RNG.normal(size=shape).astype(np.float32))


CONV = {"w": 0.2 * _array(3, 3, 3, 12), "b": _array(12)}
TRANSPOSED = {"w": 0.2 * _array(4, 4, 12, 4), "b": _array(4)}
DEPTHWISE = {"w": _array(5, 5, 1, 3)}


def _own_shuffle(x):
    """Depth to space as a user may write it, not under a recognised name."""
    b, h, w, _ = x.shape
    y = conv(CONV, x, 12).reshape(b, h, w, 2, 2, 3)
    return y.transpose(0, 1, 3, 2, 4, 5).reshape(b, 2 * h, 2 * w, 3)


def _attention(x):
    """Products over positions, with every size dynamic."""
    b, h, w, c = x.shape
    flat = x.reshape(b, h * w, c)
    scores = jax.nn.softmax(jnp.einsum("bic,bjc->bij", flat, flat))
    return jnp.einsum("bij,bjc->bic", scores, flat).reshape(b, h, w, c)


def _max_window(x, *, window=(1, 3, 2, 1), strides=(1, 2, 1, 1), padding=((0, 0), (1, 0), (0, 1), (0, 0))):
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, strides, padding)


FUNCTIONS = {
    "bicubic x2": lambda x: upscale(x, 2, "bicubic"),
    "bicubic x3": lambda x: upscale(x, 3, "bicubic"),
    "bicubic x4": lambda x: upscale(x, 4, "bicubic"),
    "bilinear x2": lambda x: upscale(x, 2, "bilinear"),
    "bilinear x3": lambda x: upscale(x, 3, "bilinear"),
    "nearest x3": lambda x: upscale(x, 3, "nearest"),
    "pixel shuffle": lambda x: pixel_shuffle(conv(CONV, x, 12), 2),
    "own pixel shuffle": _own_shuffle,
    "global mean": lambda x: x * global_mean(x),
    "own global mean": lambda x: x - x.mean((1, 2), keepdims=True) + x.max((1, 2))[:, None, None],
    "channel reductions": lambda x: x / (1e-3 + x.sum(-1, keepdims=True) ** 2) + x.min(3)[..., None],
    "height reduction": lambda x: x + x.mean(1)[:, None] + x.sum((0, 3))[None, :, :, None],
    "instance norm": lambda x: instance_norm({"scale": jnp.arange(1.0, 4), "bias": jnp.arange(3.0)}, x, 3),
    "bare instance norm": lambda x: instance_norm({}, x, 3),
    "strided": lambda x: conv(CONV, x, 12, stride=2)[..., :3],
    "transposed": lambda x: jax.lax.conv_transpose(x, CONV["w"], (2, 2), "SAME")[..., :3],
    "transposed without borders": lambda x: jax.lax.conv_transpose(x, CONV["w"], (3, 2), "VALID")[..., :3],
    "transposed and cut": lambda x: jax.lax.conv_transpose(x, CONV["w"], (2, 2), ((1, 3), (0, 2)))[..., :3],
    "halved and doubled": lambda x: double(TRANSPOSED, halve(CONV, fill_up(x, 2), 12), 4)[..., 1:],
    "depthwise": lambda x: depthwise(DEPTHWISE, x),
    "reflect pad": lambda x: jnp.pad(x, ((0, 0), (2, 1), (1, 3), (0, 0)), mode="reflect"),
    "reflected border": lambda x: reflect_pad(x, 3),
    "reflected convolution": lambda x: jax.nn.relu(reflect_conv(CONV, x, 12))[..., :4],
    "maximum of tiles": lambda x: max_pool2(reflect_conv(CONV, x, 12)),
    "maximum of a window": _max_window,
    "doubled": lambda x: upsample2(reflect_conv(CONV, max_pool2(x), 12)),
    "edge pad": lambda x: jnp.pad(x, ((0, 0), (2, 1), (0, 3), (0, 0)), mode="edge"),
    "zero pad": lambda x: jnp.pad(x, ((0, 0), (2, 1), (0, 3), (0, 2)), constant_values=0.5),
    "slices": lambda x: x[:, 1:-1][:, :, ::2][..., 1:] + x[:, ::-1][:, 1:-1][:, :, ::2][..., :2],
    "look-ups": lambda x: x[..., 1][..., None] + x[:, :, 1:][:, :, :1] + jnp.take(x, jnp.array([2, 0, 2]), axis=-1),
    "joins": lambda x: jnp.concatenate([x, 2 * x, jnp.zeros_like(x)], -1)[..., 2:8],
    "stacks": lambda x: jnp.stack([x, -x], 3).reshape(*x.shape[:3], 6),
    "splits": lambda x: jnp.concatenate(jnp.split(x, [1], -1)[::-1], -1),
    "transposes": lambda x: x.transpose(0, 2, 1, 3).transpose(0, 2, 1, 3)[..., ::-1].transpose(0, 2, 1, 3),
    "activations": lambda x: jax.nn.gelu(x) + jax.nn.gelu(x, approximate=False) + jax.nn.elu(x) + jax.nn.softplus(x),
    "more activations": lambda x: jax.nn.leaky_relu(x) + jax.nn.relu6(x) + jax.nn.hard_swish(x) + jax.nn.mish(x),
    "inverse of tanh": lambda x: jnp.tanh(2 * jnp.arctanh(0.9 * x)),
    "arithmetic": lambda x: (
        jnp.sqrt(jnp.abs(x) + 1)
        + x**3
        - jax.lax.rsqrt(x * x + 1)
        + jnp.sign(x) * jnp.floor(3 * x)
        + jnp.cos(x) * 2.0**x
    ),
    "comparisons": lambda x: jnp.where((x > 0.2) & (x < 0.8) | ~(x >= -0.5), x, jnp.clip(3 * x, -0.7, 0.6)),
    "places of extremes": lambda x: x + jnp.argmax(x, 1).astype(float)[:, None] - jnp.argmin(x[0, 0]),
    "checkpoint": lambda x: jax.checkpoint(lambda x: jnp.tanh(x) * jnp.exp(x))(x),
    "attention": _attention,
    "guided filter": lambda x: keep_detail(x, x * x, radius=2, epsilon=0.1, stride=1),
    "coarse guided filter": lambda x: keep_detail(x, x * x, radius=4, epsilon=0.1, stride=2),
    "coordinates": lambda x: x + jnp.arange(3.0)[None, None, None] + x.shape[1] * 0.1,
    "identity": lambda x: x,
}


def _network(fn, **sizes) -> Network:
    return Network(lambda p, x: fn(x), {}, {"arch": "", "builder": None}, **sizes)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_with_dynamic_sizes(tmp_path, name):
    """onnxruntime agrees with JAX at sizes that the writer has not seen, batches of one and three among them."""
    write_onnx(_network(FUNCTIONS[name], min_size=4), tmp_path / "m.onnx", {})
    run = load_onnx(tmp_path / "m.onnx")
    for shape in ((1, 7, 9, 3), (3, 6, 4, 3)):
        x = np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)
        wanted = np.asarray(jax.jit(FUNCTIONS[name])(x))
        found = run(x)
        assert found.shape == wanted.shape
        np.testing.assert_allclose(found, wanted, atol=3e-6 * max(np.abs(wanted).max(), 1))


def test_several_inputs(tmp_path):
    """Each input has sizes of its own, a scalar has none, and weights that serve twice are stored once."""
    weights, scope = _array(3, 12), export.SymbolicScope()
    a, b = (export.symbolic_shape(text, scope=scope) for text in ("1, h, w, 3", "1, 2*i, j, 3"))

    def call(x, y, alpha):
        halved = y.reshape(1, y.shape[1] // 2, 2, y.shape[2], 3).sum(2)
        return x @ weights - alpha * (halved @ weights).mean((1, 2), keepdims=True) + y.shape[1]

    write_onnx_function(Function(call, {"x": a, "y": b, "alpha": ()}), tmp_path / "m.onnx", {})
    x, y, run = _array(1, 5, 4, 3), _array(1, 6, 3, 3), load_onnx(tmp_path / "m.onnx")
    np.testing.assert_allclose(run(x, y, 0.5), call(x, y, 0.5), atol=1e-5)
    model = onnx.load(tmp_path / "m.onnx")
    assert [i.name for i in model.graph.input] == ["x", "y", "alpha"]
    assert sum(tuple(c.dims) == (12, 3, 1, 1) for c in model.graph.initializer) == 1


def test_sizes_that_are_multiples(tmp_path):
    """A network that needs even sizes may compute with half of them."""
    fn = lambda x: x.reshape(x.shape[0], x.shape[1] // 2, 2, x.shape[2] // 2, 2, 3).mean((2, 4))  # noqa: E731
    write_onnx(_network(fn, size_multiple=2), tmp_path / "m.onnx", {})
    x = np.random.default_rng(1).uniform(-1, 1, (2, 6, 10, 3)).astype(np.float32)
    np.testing.assert_allclose(load_onnx(tmp_path / "m.onnx")(x), fn(x), atol=1e-6)


@pytest.mark.parametrize(
    "fn, message",
    [
        (lambda x: jnp.sort(x, -1), "primitive 'sort' .*supported: abs, add, .*functions pixel_shuffle"),
        (
            lambda x: jax.lax.conv_transpose(x, CONV["w"], (2, 2), "SAME", rhs_dilation=(2, 2)),
            "transposed convolutions must have stride 1, no kernel dilation and one group",
        ),
        (lambda x: _max_window(x, window=(1, 1, 1, 3)), "'reduce_window_max' is supported over height and width"),
        (lambda x: x.mean((1, 2)), "output must be float32 .b, h, w, c., got float32 .batch, 3."),
    ],
)
def test_what_cannot_be_translated_is_named(tmp_path, fn, message):
    """The error says what, and what could be used instead; no file is written."""
    with pytest.raises(ValueError, match=message):
        write_onnx(_network(fn), tmp_path / "m.onnx", {})
    assert not (tmp_path / "m.onnx").exists()


def test_the_graph_is_small_and_says_what_it_is(tmp_path):
    """Absent edges leave nothing, biases and leaky ReLUs are fused, sizes are dynamic, the card is inside."""
    network = sr_cell(4, {"b1": "res", "b2": "off", "image": "bicubic"})
    write_onnx(network, tmp_path / "m.onnx", {"name": "tiny", "scale": 4})
    model = onnx.load(tmp_path / "m.onnx")
    operators = [node.op_type for node in model.graph.node]
    expected = [
        "Transpose",
        "Conv",
        "Conv",
        "LeakyRelu",
        "Conv",
        "Add",
        "Conv",
        "Add",
        "Conv",
        *("DepthToSpace", "Reshape"),
        *("Pad", "Conv", "DepthToSpace", "Reshape"),  # bicubic, as its phases
    ]
    # Sizes are spelled out behind what tools cannot tell them of, by arithmetic on the input's.
    operators = [name for name in operators if name not in ("Shape", "Gather", "Mul", "Concat")]
    assert operators == [*expected, "Add", "Transpose", "Identity"]
    assert [len(n.input) for n in model.graph.node if n.op_type == "Conv"] == [3, 3, 3, 3, 3, 2]
    assert [d.dim_param for d in model.graph.input[0].type.tensor_type.shape.dim[:3]] == ["batch", "height", "width"]
    assert model.opset_import[0].version == 20
    assert json.loads(model.metadata_props[0].value) == {"name": "tiny", "scale": 4}
    assert model.graph.input[0].name == "image" and model.graph.output[0].name == "output"


@pytest.mark.parametrize("package, call", [("onnx", "write"), ("onnxruntime", "load")])
def test_a_missing_extra_is_named(tmp_path, monkeypatch, package, call):
    """Without the optional package the error says how to install it."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'nasjax\[onnx\]'"):
        if call == "write":
            write_onnx(_network(lambda x: x), tmp_path / "m.onnx", {})
        else:
            load_onnx(tmp_path / "m.onnx")
