"""Files as PyTorch writes them, written without it: opcodes of `pickle` by hand, in both formats."""

import pickle
import struct
import zipfile

import numpy as np

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_TYPES = {"float32": "Float", "float16": "Half", "int64": "Long"}
ORDERED = b"ccollections\nOrderedDict\n)R"


def value(thing) -> bytes:
    """Opcodes that push a number, string, tuple or None."""
    return pickle.dumps(thing, 2)[2:-1]


def tensor(array: np.ndarray, key: str, *, legacy: bool = False, shape=None, strides=None, num=None) -> bytes:
    """Opcodes that push a tensor; what is given instead of the array's own may be wrong."""
    shape = array.shape if shape is None else shape
    strides = tuple(s // array.itemsize for s in array.strides) if strides is None else strides
    kind = _TYPES[array.dtype.name]
    storage = b"(" + value("storage") + f"ctorch\n{kind}Storage\n".encode() + value(key) + value("cpu")
    storage += value(array.size if num is None else num) + (b"N" if legacy else b"") + b"tQ"
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + (storage + value(0) + value(tuple(shape)) + value(tuple(strides)) + b"\x89" + ORDERED)
        + b"tR"
    )


def program(pairs) -> bytes:
    """A pickle of an `OrderedDict`; pairs are (name, opcodes)."""
    return b"\x80\x02" + ORDERED + b"(" + b"".join(value(name) + code for name, code in pairs) + b"u."


def state_program(state, *, legacy: bool = False) -> bytes:
    """The pickle of a state dict whose storages are numbered."""
    return program((name, tensor(a, str(i), legacy=legacy)) for i, (name, a) in enumerate(state.items()))


def write_zip(path, state, code: bytes | None = None) -> None:
    """The format of PyTorch 1.6 and later."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", state_program(state) if code is None else code)
        archive.writestr("archive/byteorder", b"little")
        for i, array in enumerate(state.values()):
            archive.writestr(f"archive/data/{i}", np.ascontiguousarray(array).tobytes())


def write_legacy(path, state, code: bytes | None = None) -> None:
    """The format before it."""
    facts = {"protocol_version": _PROTOCOL, "little_endian": True, "type_sizes": {"int": 4}}
    with open(path, "wb") as file:
        for head in (_MAGIC, _PROTOCOL, facts):
            pickle.dump(head, file, 2)
        file.write(state_program(state, legacy=True) if code is None else code)
        pickle.dump([str(i) for i in range(len(state))], file, 2)
        for array in state.values():
            file.write(struct.pack("<q", array.size) + np.ascontiguousarray(array).tobytes())
