"""Tensors are read from PyTorch files of both formats, and nothing in a file is executed."""

import pickle
import struct
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save_file

from nasjax.nets.torch_file import read_tensors
from tests.nets.torch_files import ORDERED, program, tensor, value, write_legacy, write_zip

WRITERS = {"zip": write_zip, "legacy": write_legacy}
STATE = {
    "model.1.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "model.1.bias": np.array([0.5, -1.0], np.float16),
    "model.2.num_batches_tracked": np.array(7, np.int64),
}


@pytest.mark.parametrize("form", WRITERS)
def test_a_state_dict_comes_back_with_its_names_order_and_types(tmp_path, form):
    """Both formats give the arrays that were written, in the order of the layers."""
    WRITERS[form](tmp_path / "net.pth", STATE)
    (found,) = read_tensors(tmp_path / "net.pth").values()
    assert list(found) == list(STATE)
    for name, array in STATE.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_views_of_one_storage(tmp_path):
    """A transposed and a shared tensor are looked up by offset and strides, not by the order of their memory."""
    base = np.arange(6, dtype=np.float32).reshape(2, 3)
    code = program([("a", tensor(base, "0")), ("b", tensor(base, "0", shape=(3, 2), strides=(1, 3)))])
    write_zip(tmp_path / "net.pth", {"a": base}, code)
    found = read_tensors(tmp_path / "net.pth")[""]
    np.testing.assert_array_equal(found["b"], base.T)


def test_state_dicts_inside_a_checkpoint_are_named(tmp_path):
    """Numbers beside them are left out; what lies deeper has a longer name."""
    inner = ORDERED + b"(" + value("w") + tensor(STATE["model.1.bias"], "0") + b"u"
    code = b"\x80\x02}(" + value("epoch") + value(3) + value("netG") + inner + b"u."
    write_zip(tmp_path / "all.pth", {"w": STATE["model.1.bias"]}, code)
    found = read_tensors(tmp_path / "all.pth")
    assert list(found) == ["netG"] and list(found["netG"]) == ["w"]


def test_safetensors_are_put_in_the_order_of_their_numbers(tmp_path):
    """The format sorts names as text, in which layer 10 stands before layer 4."""
    save_file({f"model.{i}.weight": np.ones(1, np.float32) for i in (10, 4, 1)}, tmp_path / "net.safetensors")
    assert list(read_tensors(tmp_path / "net.safetensors")[""]) == [f"model.{i}.weight" for i in (1, 4, 10)]


def _call(module: str, name: str, argument: str) -> bytes:
    return f"c{module}\n{name}\n(".encode() + value(argument) + b"tR"


PAYLOADS = {
    "os.system": lambda mark: _call("posix", "system", f"touch {mark}"),
    "eval": lambda mark: _call("builtins", "eval", f"open({str(mark)!r}, 'w')"),
    "exec by importlib": lambda mark: _call("importlib", "import_module", "antigravity"),
    "a name with dots": lambda mark: _call("collections", "OrderedDict.fromkeys", str(mark)),
    "the model itself": lambda mark: b"cmodels.networks\nResnetGenerator\n)\x81",
    "numpy": lambda mark: _call("numpy", "load", str(mark)),
}


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_malicious_pickle_is_refused_and_nothing_is_executed(tmp_path, payload, form):
    """What is no tensor is named and refused before it is looked up."""
    mark = tmp_path / "executed"
    code = program([("a", tensor(STATE["model.1.bias"], "0")), ("b", PAYLOADS[payload](mark))])
    WRITERS[form](tmp_path / "net.pth", {"a": STATE["model.1.bias"]}, code)
    with pytest.raises(ValueError, match=r"net.pth: the file asks for .*refused; save a state dict"):
        read_tensors(tmp_path / "net.pth")
    assert not mark.exists()


def test_the_payload_would_have_worked(tmp_path):
    """Python's own unpickler runs it: the refusal is what stops it."""
    mark = tmp_path / "executed"
    pickle.loads(program([("b", PAYLOADS["os.system"](mark))]))
    assert mark.exists()


def test_the_reader_cannot_be_changed_from_inside(tmp_path):
    """A pickle may set attributes of what it was given: there are none to set."""
    change = b"ctorch._utils\n_rebuild_tensor_v2\n(N}(" + value("_of_storage") + b"\x88utb"
    write_zip(tmp_path / "net.pth", {}, program([("a", change)]))
    with pytest.raises(ValueError, match="tries to change '_of_storage' of its reader: refused"):
        read_tensors(tmp_path / "net.pth")


@pytest.mark.parametrize(
    "wrong",
    [
        dict(shape=(5,)),
        dict(strides=(2,)),
        dict(shape=(2**40,), strides=(0,)),
        dict(shape=(-1,)),
        dict(num=2**40),
    ],
)
@pytest.mark.parametrize("form", WRITERS)
def test_a_tensor_beyond_its_storage_is_refused(tmp_path, form, wrong):
    """Neither memory that is not the file's is read, nor more asked for than the file has."""
    array = np.arange(4, dtype=np.float32)
    code = program([("a", tensor(array, "0", **wrong, legacy=form == "legacy"))])
    WRITERS[form](tmp_path / "net.pth", {"a": array}, code)
    with pytest.raises(ValueError, match="beyond its 4 elements|refused|cut short"):
        read_tensors(tmp_path / "net.pth")


@pytest.mark.parametrize("form", WRITERS)
def test_a_file_that_is_cut_short_is_named(tmp_path, form):
    """Half a file gives one line, not half the weights."""
    WRITERS[form](tmp_path / "net.pth", STATE)
    content = (tmp_path / "net.pth").read_bytes()
    (tmp_path / "net.pth").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="net.pth"):
        read_tensors(tmp_path / "net.pth")


def test_a_changed_byte_is_found(tmp_path):
    """The checksums of the archive are looked at."""
    write_zip(tmp_path / "net.pth", STATE)
    content = bytearray((tmp_path / "net.pth").read_bytes())
    at = content.index(STATE["model.1.weight"].tobytes())
    content[at + 5] ^= 1
    (tmp_path / "net.pth").write_bytes(content)
    with pytest.raises(ValueError, match="net.pth is damaged: .*CRC"):
        read_tensors(tmp_path / "net.pth")


def test_other_files_are_told_from_tensors(tmp_path):
    """Text, a TorchScript program, an archive of something else, a pickle that is no state dict."""
    (tmp_path / "a.pth").write_text("hello")
    (tmp_path / "b.pth").write_bytes(pickle.dumps({"a": 1}))
    with zipfile.ZipFile(tmp_path / "c.pth", "w") as archive:
        archive.writestr("archive/data.pkl", b"")
        archive.writestr("archive/constants.pkl", b"")
    with zipfile.ZipFile(tmp_path / "d.pth", "w") as archive:
        archive.writestr("readme.txt", b"")
    write_zip(tmp_path / "e.pth", {}, program([("epoch", value(3))]))
    said = {
        "a": "damaged",
        "b": "damaged",
        "c": "TorchScript",
        "d": "without one data.pkl",
        "e": "no dictionary",
    }
    for name, message in said.items():
        with pytest.raises(ValueError, match=f"{name}.pth.*({message})"):
            read_tensors(tmp_path / f"{name}.pth")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (b"\x80\x02Nr\xff\xff\xff\xff.", "remembers thing 4294967295 at its instruction 3"),
        (b"\x80\x04\x8e\x00\x00\x00\x00\x00\x01\x00\x00.", "behind"),  # bytes of a length of 2^40
        (b"\x80\xff.", "is damaged"),
        (b"Ino number\n.", "is damaged"),
        (b"\x80\x02" + b"(" * 5 + b".", "is damaged"),
    ],
)
@pytest.mark.parametrize("form", WRITERS)
def test_programs_that_ask_for_too_much_or_make_no_sense(tmp_path, form, code, said):
    """In one line with the file's name, and before memory is asked for."""
    WRITERS[form](tmp_path / "net.pth", {}, code)
    with pytest.raises(ValueError, match=f"net.pth is damaged, or no file of PyTorch: .*{said}|net.pth is damaged"):
        read_tensors(tmp_path / "net.pth")


def test_a_dictionary_that_holds_itself(tmp_path):
    """It has no end, and is told so."""
    write_zip(tmp_path / "net.pth", {}, b"\x80\x02}q\x01(" + value("again") + b"h\x01u.")
    with pytest.raises(ValueError, match="net.pth is damaged: a dictionary in it holds itself"):
        read_tensors(tmp_path / "net.pth")


def test_dictionaries_that_lie_in_each_other_many_times(tmp_path):
    """Each of sixty is twice in the next: one is read once, not 2^60 times."""
    inner = ORDERED + b"q\x01(" + value("w") + tensor(STATE["model.1.bias"], "0") + b"u"
    twice = b"".join(
        b"}r"
        + struct.pack("<I", i + 1)
        + b"("
        + value("a")
        + b"j"
        + struct.pack("<I", i)
        + value("b")
        + b"j"
        + struct.pack("<I", i)
        + b"u"
        for i in range(1, 60)
    )
    write_zip(tmp_path / "net.pth", {"w": STATE["model.1.bias"]}, b"\x80\x02" + inner + twice + b".")
    (found,) = read_tensors(tmp_path / "net.pth").values()
    assert list(found) == ["w"]


def test_archives_that_are_cut_short_or_of_a_later_version(tmp_path):
    """They are named, with what is wrong with them."""
    write_zip(tmp_path / "net.pth", STATE)
    content = (tmp_path / "net.pth").read_bytes()
    (tmp_path / "net.pth").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="net.pth is cut short: it begins as a zip archive"):
        read_tensors(tmp_path / "net.pth")
    (tmp_path / "net.pth").write_bytes(content.replace(b"PK\1\2\x14\3\x14", b"PK\1\2\x14\3\xf8"))
    with pytest.raises(ValueError, match="net.pth is damaged: zip file version 24.8"):
        read_tensors(tmp_path / "net.pth")


def test_a_compressed_program_is_refused(tmp_path):
    """A small file may not become a large one: PyTorch compresses nothing."""
    with zipfile.ZipFile(tmp_path / "net.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", program([("a" * 10**6, value(1))]))
    with pytest.raises(ValueError, match="archive/data.pkl is missing or compressed"):
        read_tensors(tmp_path / "net.pth")
