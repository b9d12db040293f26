"""The same parity against PyTorch itself, where it is installed: whole outputs, and files that it has written."""

import jax
import numpy as np
import pytest

from nasjax.nets.teachers import recognise
from nasjax.nets.torch_file import read_tensors
from nasjax.spaces.teacher import teacher_of
from tests.nets.teacher_states import CASES, state_of
from tests.nets.test_teachers import picture

torch = pytest.importorskip("torch", reason="PyTorch is no dependency; its outputs are committed for the other tests")


@pytest.mark.parametrize("name", CASES)
def test_every_pixel_is_the_same(name):
    """PyTorch's network loads exactly the same names and shapes, and gives the same image to 1e-5."""
    from tests.nets.torch_generators import run

    case = CASES[name]
    resize = "nearest" if case.up == "transposed" else case.up
    teacher = teacher_of(recognise(state_of(case), statistics=case.statistics, resize=resize))
    np.testing.assert_allclose(
        jax.jit(teacher.apply)(picture(case)), run(case, state_of(case), picture(case)), atol=1e-5
    )


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_files_of_pytorch_itself(tmp_path, legacy, dtype):
    """Both formats, parameters and plain tensors, a view and numbers beside them."""
    kind = getattr(torch, dtype)
    base = torch.arange(12, dtype=kind).reshape(3, 4)
    state = {"a": torch.nn.Parameter(base), "b": base.T, "c": base[1:, 2:]}
    torch.save({"state": state, "epoch": 3}, tmp_path / "t.pth", _use_new_zipfile_serialization=not legacy)
    found = read_tensors(tmp_path / "t.pth")["state"]
    for name, array in state.items():
        np.testing.assert_array_equal(found[name].astype(np.float32), array.detach().float().numpy())
