"""InceptionV3: declaration, conversion, and small parts by hand; the whole is checked by scripts/check_fid.py."""

import hashlib
import io
import struct

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.nets import inception
from nasjax.nets.inception import convert_inception, inception_params, load_inception


def state_dict(rng):
    """The tensors of the PyTorch port, small numbers."""
    state = {}
    for name, spec in inception_params().items():
        height, width, channels, out = spec["w"].shape
        state[f"{name}.conv.weight"] = rng.normal(size=(out, channels, height, width)).astype(np.float32)
        for part in ("weight", "bias", "running_mean", "running_var"):
            state[f"{name}.bn.{part}"] = rng.uniform(0.5, 1.5, out).astype(np.float32)
    return state


@pytest.fixture(scope="module")
def state():
    """One state dict for the module: 22 million numbers."""
    return state_dict(np.random.default_rng(0))


def test_declaration_has_the_published_size(state):
    """94 convolutions; with four numbers a channel for the norms, the port's 21.8 M parameters and buffers."""
    assert len(inception_params()) == 94
    assert sum(a.size for n, a in state.items() if "conv" in n.split(".")[-2]) == 21_751_136
    assert jax.eval_shape(inception.inception_features, *_shapes()).shape == (2, 2048)


def _shapes():
    specs = {n: {k: jax.ShapeDtypeStruct(p.shape, jnp.float32) for k, p in s.items()} for n, s in _specs().items()}
    return specs, jax.ShapeDtypeStruct((2, 299, 299, 3), jnp.float32)


def _specs():
    return inception_params()


def test_a_folded_convolution_is_the_convolution_and_its_norm(state):
    """One layer by hand in float64: the norm's epsilon is 0.001, kernels are turned to [h, w, i, o]."""
    params = convert_inception({k: v for k, v in state.items()} | {"fc.weight": np.zeros(3)})
    name = "Mixed_6b.branch7x7_2"
    x, layer = np.random.default_rng(1).normal(size=(128, 7)), state[f"{name}.conv.weight"]  # one place of a 1x7 kernel
    assert layer.shape == (128, 128, 1, 7)
    norm = {part: np.float64(state[f"{name}.bn.{part}"]) for part in ("weight", "bias", "running_mean", "running_var")}
    plain = np.einsum("ik,oik->o", x, np.float64(layer[:, :, 0]))
    wanted = (plain - norm["running_mean"]) / np.sqrt(norm["running_var"] + 1e-3) * norm["weight"] + norm["bias"]
    found = np.einsum("ik,kio->o", x, params[name]["w"][0]) + params[name]["b"]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-3)


def test_conversion_names_what_does_not_fit(state):
    """A tensor that is missing, and one of another shape."""
    first = "Conv2d_1a_3x3.conv.weight"
    with pytest.raises(ValueError, match=f"{first} is missing"):
        convert_inception({k: v for k, v in state.items() if k != first})
    with pytest.raises(ValueError, match=r"Conv2d_1a_3x3.bn.bias must have the shape \(32,\), got \(3,\)"):
        convert_inception({**state, "Conv2d_1a_3x3.bn.bias": np.zeros(3)})


def test_averages_ignore_what_lies_outside():
    """Means of 3x3 windows over ones are ones at the border too, unlike torchvision's."""
    np.testing.assert_allclose(inception._POOLS["average"](jnp.ones((1, 4, 5, 2))), np.ones((1, 4, 5, 2)), rtol=1e-6)
    x = jnp.arange(9.0).reshape(1, 3, 3, 1)
    assert float(inception._POOLS["average"](x)[0, 0, 0, 0]) == pytest.approx((0 + 1 + 3 + 4) / 4)
    assert inception._POOLS["halve"](x).ravel() == 8 and float(inception._POOLS["max"](x)[0, 0, 0, 0]) == 4


def test_without_the_weights_there_is_one_clear_message(tmp_path):
    """Which file, whence, what instead; another file is told by its sum and never read."""
    with pytest.raises(ValueError, match="pt_inception-2015-12-05-6726825d.pth .*VGG16 features instead"):
        load_inception(None)
    with pytest.raises(ValueError, match="nothing.pth is not a file"):
        load_inception(tmp_path / "nothing.pth")
    (tmp_path / "other.pth").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(ValueError, match="sha256 .* expected 6726825d.* no FID"):
        load_inception(tmp_path / "other.pth")


def test_a_file_of_the_right_sum_is_read(tmp_path, monkeypatch, state):
    """A PyTorch zip file written here, whose sum is made the expected one, gives the converted params."""
    torch_file = _zip(state)
    (tmp_path / "inception.pth").write_bytes(torch_file)
    monkeypatch.setattr(inception, "INCEPTION_SHA256", hashlib.sha256(torch_file).hexdigest())
    found, wanted = load_inception(tmp_path / "inception.pth"), convert_inception(state)
    np.testing.assert_array_equal(found["Mixed_7c.branch_pool"]["w"], wanted["Mixed_7c.branch_pool"]["w"])


def _zip(state) -> bytes:
    """What `torch.save` writes: a pickle that names storages, and the storages beside it."""
    import zipfile

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("archive/data.pkl", _program(state))
        for i, array in enumerate(state.values()):
            archive.writestr(f"archive/data/{i}", array.tobytes())
    return content.getvalue()


def _program(state) -> bytes:
    """The pickle, opcode by opcode: {name: _rebuild_tensor_v2(storage, 0, shape, stride, False, OrderedDict())}."""
    text = lambda s: b"X" + struct.pack("<I", len(s)) + s.encode()  # noqa: E731
    number = lambda n: b"J" + struct.pack("<i", n)  # noqa: E731
    program = b"\x80\x02}("
    for i, (name, array) in enumerate(state.items()):
        strides = [s // array.itemsize for s in array.strides]
        storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text(str(i)) + text("cpu") + number(array.size)
        program += text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"tQ" + number(0)
        program += b"(" + b"".join(map(number, array.shape)) + b"t(" + b"".join(map(number, strides)) + b"t\x89"
        program += b"ccollections\nOrderedDict\n)RtR"
    return program + b"u."
