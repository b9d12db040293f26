"""`nasjax import`: says what it recognised and writes a bundle that can be used and taught from."""

import re

import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

from nasjax.cli import main
from nasjax.export.bundle import load_bundle
from nasjax.export.teachers import load_teacher, teacher_costs
from nasjax.spaces.teacher import read_generator, teacher_of
from tests.nets.teacher_states import CASES, state_of
from tests.nets.torch_files import write_legacy, write_zip


def test_an_imported_teacher_is_a_bundle_and_a_teacher(tmp_path, capsys):
    """What was recognised is printed; the bundle, the teacher of it and that of the file give one output."""
    state = state_of(CASES["resnet affine nearest"])
    write_zip(tmp_path / "shoes.pth", state)
    assert main(["import", str(tmp_path / "shoes.pth")]) == 0
    said = capsys.readouterr().out
    params = sum(a.size for a in state.values())
    assert "ResNet-2 generator, affine instance norm, up-sampling by nearest resize and convolution" in said
    assert f"{params:,} parameters, 0.16 GMACs at 256x256 pixels" in said
    bundle, teacher = load_bundle(tmp_path / "shoes"), load_teacher(tmp_path / "shoes")
    assert bundle.card["task"] == "image translation" and bundle.card["scale"] == 1
    x = np.random.default_rng(0).uniform(-1, 1, (1, 17, 24, 3)).astype(np.float32)
    y = jax.jit(load_teacher(tmp_path / "shoes.pth").apply)(x)
    np.testing.assert_allclose(bundle.apply(x), y, atol=1e-5)
    assert (teacher.builder, teacher_costs(teacher).params) == (
        teacher_of(read_generator(tmp_path / "shoes.pth")).builder,
        bundle.card["params"],
    )
    jax.tree.map(np.testing.assert_array_equal, teacher.params, bundle.params)


@pytest.mark.parametrize(
    "form, said",
    [
        ("wrong", "differs from U-Net of 3 levels: tensor .* has shape"),
        ("malicious", "refused"),
        ("safetensors", "no known generator: there is no convolution"),
        ("missing", "No such file"),
    ],
)
def test_a_file_that_is_no_teacher_is_one_line(tmp_path, capsys, form, said):
    """Exit code 2, one line that names the file or the tensor, and nothing is written."""
    path = tmp_path / ("net.safetensors" if form == "safetensors" else "net.pth")
    if form == "wrong":
        state = state_of(CASES["unet"])
        name = next(n for n in state if n.endswith("weight") and "model.1." in n)
        write_legacy(path, {**state, name: np.zeros((8, 7, 4, 4), np.float32)})
    elif form == "malicious":
        path.write_bytes(b"cposix\nsystem\n(X\x04\x00\x00\x00true" + b"tR.")
    elif form == "safetensors":
        save_file({"fc.bias": np.ones(3, np.float32)}, path)
    assert main(["import", str(path), "--to", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert re.search(said, error), error
    assert not (tmp_path / "out").exists()


def test_a_bundle_of_another_network_is_no_teacher(tmp_path):
    """A super-resolution network has no features to learn from."""
    from nasjax.export.bundle import write_bundle
    from nasjax.export.card import Card
    from tests.export.networks import toy

    write_bundle(tmp_path / "toy", toy({"b1": "off", "b2": "off"}), card=Card("toy"), formats=())
    with pytest.raises(ValueError, match="holds no generator of resnet_generator or unet_generator"):
        load_teacher(tmp_path / "toy")
