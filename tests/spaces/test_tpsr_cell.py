"""TPSR's cell: the released network is a member of the space, whatever its weights."""

import math
import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from nasjax.nets.torch_file import read_tensors
from nasjax.spaces.tpsr_cell import TPSR, tpsr_cell, tpsr_params

RELEASED = Path(os.environ.get("NASJAX_TPSR", "TPSR_D2X4.pt"))  # not ours to ship: github.com/royson/tpsr
_MEAN = 255 * np.array([0.4488, 0.4371, 0.4040], np.float32)
_SEPARABLE = {"early_layers.Node_0": 5, "middle_main_layers.Node_6": 3}
_DENSE = {
    "early_layers.Node_1": 7,
    "early_layers.Node_2": 7,
    "middle_main_layers.Node_4": 3,
    "middle_main_layers.Node_5": 5,
    "middle_side_layers.Node_3": 3,
    "middle_side_layers.Node_7": 5,
    "middle_side_layers.Node_8": 3,
    "skip_layer.Node_9": 7,
}


def _name(node, kind, k):
    return f"{node}_Operation_0_type_{kind}_{k}x{k}.model"


def _state(seed=0):
    """A state dict as the released ones are, with random numbers, slopes of both signs among them."""
    rng = np.random.default_rng(seed)
    shapes = {"first_layer": (16, 3, 3), "up_mod.0.extend": (12, 16, 3), "up_mod.1.extend": (12, 3, 3)}
    shapes |= {f"{_name(node, 'Conv2d', k)}.0": (16, 16, k) for node, k in _DENSE.items()}
    shapes |= {f"{_name(node, 'Sep2d', k)}.2": (16, 16, 1) for node, k in _SEPARABLE.items()}
    state = {}
    for name, (out, c, k) in shapes.items():
        state[f"{name}.weight"] = rng.normal(0, 1 / math.sqrt(c * k * k), (out, c, k, k)).astype(np.float32)
        state[f"{name}.bias"] = rng.normal(0, 3, out).astype(np.float32)
    for node, k in _SEPARABLE.items():
        state[f"{_name(node, 'Sep2d', k)}.0.weight"] = rng.normal(0, 1 / k, (16, 1, k, k)).astype(np.float32)
    slopes = [f"{_name(node, 'Conv2d', k)}.1" for node, k in _DENSE.items()]
    slopes += [f"{_name(node, 'Sep2d', k)}.{i}" for node, k in _SEPARABLE.items() for i in (1, 3)]
    for name in (*slopes, "merge_op_act"):
        state[f"{name}.weight"] = rng.uniform(-0.5, 1.5, 1).astype(np.float32)
    return state | {"sub_mean.bias": -_MEAN, "add_mean.bias": _MEAN}


def _reference(state, x):
    """The released network written out once more, channels first, on pictures of 0 to 255, `[b, 3, h, w]`."""

    def conv(name, x, groups=1):
        w = state[f"{name}.weight"]
        y = lax.conv_general_dilated(x, w, (1, 1), "SAME", feature_group_count=groups)
        return y + state[f"{name}.bias"].reshape(1, -1, 1, 1) if f"{name}.bias" in state else y

    def prelu(name, x):
        return jnp.where(x > 0, x, state[f"{name}.weight"].reshape(1, 1, 1, 1) * x)

    def dense(node, x):
        name = _name(node, "Conv2d", _DENSE[node])
        return prelu(f"{name}.1", conv(f"{name}.0", x))

    def separable(node, x):
        name = _name(node, "Sep2d", _SEPARABLE[node])
        return prelu(f"{name}.3", conv(f"{name}.2", prelu(f"{name}.1", conv(f"{name}.0", x, groups=16))))

    def shuffle(x):
        b, c, h, w = x.shape
        return x.reshape(b, c // 4, 2, 2, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(b, c // 4, 2 * h, 2 * w)

    first = conv("first_layer", x - _MEAN.reshape(1, 3, 1, 1))
    h = separable("early_layers.Node_0", first)
    early = dense("early_layers.Node_2", dense("early_layers.Node_1", h))
    main = dense("middle_main_layers.Node_5", dense("middle_main_layers.Node_4", early))
    side = dense("middle_side_layers.Node_7", dense("middle_side_layers.Node_3", early))
    side = dense("middle_side_layers.Node_8", side)
    long = dense("skip_layer.Node_9", first)
    h = prelu("merge_op_act", long + side + separable("middle_main_layers.Node_6", main))
    y = shuffle(conv("up_mod.1.extend", shuffle(conv("up_mod.0.extend", h))))
    return y + _MEAN.reshape(1, 3, 1, 1)


def _both(state, pixels):
    """(ours, the reference) in levels, of uint8 `[b, h, w, 3]`."""
    net = tpsr_cell(4, widths=(16,))
    module, params = net.extract(net.space.encode(TPSR)), tpsr_params(state)
    ours = jax.jit(lambda p, x: module.apply({"params": p}, x))(params, pixels.astype(np.float32) / 127.5 - 1)
    theirs = jax.jit(_reference)(state, pixels.astype(np.float32).transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    return (np.asarray(ours) + 1) * 127.5, np.asarray(theirs)


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(1).integers(0, 256, (1, 11, 14, 3)).astype(np.uint8)


def test_the_released_network_is_a_member_with_its_params_and_its_output(pixels):
    """61,097 parameters, as TPSR counts them; the same picture as the network written out by itself, to rounding."""
    state = _state()
    ours, theirs = _both(state, pixels)
    assert np.abs(ours - theirs).max() < 1e-4 * np.abs(theirs).max() and np.ptp(theirs) > 50
    assert sum(a.size for a in jax.tree.leaves(tpsr_params(state))) == 61_097


@pytest.mark.skipif(not RELEASED.is_file(), reason="TPSR's released weights are not here; NASJAX_TPSR names the file")
def test_the_released_weights_enlarge_as_their_network_does(pixels):
    """Out of the file itself, which nothing is executed of."""
    state = read_tensors(RELEASED)[""]
    ours, theirs = _both(state, pixels)
    assert np.abs(ours - theirs).max() < 0.01


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.pop("merge_op_act.weight"), r"merge_op_act.weight is missing; it needs \(1,\)"),
        (lambda s: s.update({"first_layer.bias": np.zeros(8)}), r"first_layer.bias has shape \(8,\)"),
        (lambda s: s.update({"more.weight": np.zeros(8)}), "more.weight is no part of the network"),
    ],
)
def test_other_files_are_refused(change, said):
    """Naming the tensor: one that is missing, one of another size, one too many."""
    state = _state()
    change(state)
    with pytest.raises(ValueError, match=said):
        tpsr_params(state)


def test_unsuitable_spaces_are_refused():
    """By scale, operations and widths."""
    for arguments, said in (({"scale": 5}, "scale 5"), ({"ops": ("c9",)}, "c9"), ({"widths": (8, 4)}, "ascending")):
        with pytest.raises(ValueError, match=said):
            tpsr_cell(**arguments)
