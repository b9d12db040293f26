"""Files are written whole, as the umask says, and JSON is strict wherever it is written."""

import ast
import json
import os
import threading
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from safetensors import safe_open

from nasjax.export.weights import read_weights, write_weights
from nasjax.files import append_json, read_json, to_json, whole_file, write_json, write_whole
from nasjax.search.archive import Archive, Evaluation
from nasjax.search.problems import block_space, enumerate_archs
from tests.source import modules


def test_a_torn_line_costs_itself_only(tmp_path):
    """After a process was killed within a line, the next line stands alone."""
    path = tmp_path / "metrics.jsonl"
    append_json(path, {"step": 1})
    path.write_bytes(path.read_bytes() + b'{"step": 2, "lo')
    append_json(path, {"step": 3})
    append_json(path, {"step": 4})
    assert path.read_text().splitlines() == ['{"step": 1}', '{"step": 2, "lo', '{"step": 3}', '{"step": 4}']


def test_what_is_not_finite_is_null():
    """JSON has no word for NaN and infinity; the numbers around them are kept, at any depth and of any library."""
    content = {
        "a": [1.5, float("inf"), {"b": np.float32("nan")}],
        "c": jnp.array([1.0, -jnp.inf]),
        "d": (True, None, 2),
    }
    assert json.loads(to_json(content)) == {"a": [1.5, None, {"b": None}], "c": [1.0, None], "d": [True, None, 2]}


def test_what_has_no_form_is_named_by_its_place():
    """The error says where it stands, not only what it is."""
    with pytest.raises(ValueError, match=r"JSON has no form for rows\[1\]\.net: object"):
        to_json({"rows": [{}, {"net": object()}]})


def test_a_damaged_file_is_named(tmp_path):
    """Reading says which file is damaged."""
    (tmp_path / "results.json").write_text("{")
    with pytest.raises(ValueError, match=r"results\.json is not valid JSON"):
        read_json(tmp_path / "results.json")


def test_readers_never_see_half_a_status(tmp_path):
    """A reader beside the writer sees the old or the new content, always whole."""
    path, seen, stop = tmp_path / "status.json", set(), threading.Event()
    write_json(path, {"step": 0, "filler": "x" * 20000})

    def read():
        while not stop.is_set():
            content = json.loads(path.read_text())
            assert len(content["filler"]) == 20000
            seen.add(content["step"])

    errors = []
    reader = threading.Thread(target=lambda: _run(read, errors))
    reader.start()
    for step in range(300):
        write_json(path, {"step": step, "filler": "x" * 20000})
    stop.set()
    reader.join()
    assert not errors and len(seen) > 1
    assert [p.name for p in tmp_path.iterdir()] == ["status.json"]


def _run(fn, errors):
    try:
        fn()
    except Exception as error:  # carried to the test's own thread
        errors.append(error)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("bad"), KeyboardInterrupt()])
def test_a_failed_write_leaves_the_old_file(tmp_path, error):
    """Whatever goes wrong while writing: the old content stays, nothing is left beside it, and the file is named."""
    path = tmp_path / "a.json"
    write_json(path, 1)
    with pytest.raises(type(error)) as caught, whole_file(path) as beside:
        beside.write_text("half")
        raise error
    assert path.read_text() == "1\n" and [p.name for p in tmp_path.iterdir()] == ["a.json"]
    if isinstance(error, OSError):
        assert caught.value.errno == 28 and str(path) in str(caught.value)


def _archive(path: Path) -> None:
    space = block_space(1)
    archs = enumerate_archs(space)[:2]
    Archive.open(path, space).at("path", {"weights": "w"}).add(
        archs, Evaluation(np.ones((2, 1)), np.zeros(2)), 0
    ).save()


WRITERS = {
    "json": lambda path: write_json(path, {"a": 1}),
    "bytes": lambda path: write_whole(path, b"a"),
    "line": lambda path: append_json(path, {"a": 1}),
    "weights": lambda path: write_weights({"a": np.ones(2, np.float32)}, path, {}),
    "archive": _archive,
}


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
@pytest.mark.parametrize("name", WRITERS)
def test_files_are_readable_as_the_umask_says(tmp_path, name, umask):
    """Every writer leaves files with the mode of a plainly written one, in the folder that it may have made."""
    before = os.umask(umask)
    try:
        (tmp_path / "plain").touch()
        WRITERS[name](tmp_path / "file")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) > 1 and set(modes.values()) == {modes["plain"]}, modes


def test_weights_come_back(tmp_path):
    """Written whole, too: params and their types are what they were."""
    write_weights({"a": {"b": np.arange(3, dtype=np.int32)}}, tmp_path / "new" / "w.safetensors", {"phase": "x"})
    assert read_weights(tmp_path / "new" / "w.safetensors")["a"]["b"].tolist() == [0, 1, 2]


def test_the_same_weights_are_the_same_file(tmp_path):
    """To the byte: what is said of them stands in order, whatever order a process gives its mappings."""
    said = {name: '\u00fc "quoted" \\ \n\x01' for name in "hgfedcba"}
    for i in range(8):
        write_weights({"w": np.ones(3, np.float32)}, tmp_path / f"{i}.safetensors", said)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1
    assert b'{"__metadata__":{"a":' in (tmp_path / "0.safetensors").read_bytes()
    with safe_open(tmp_path / "0.safetensors", "numpy") as file:
        assert file.metadata() == said
    assert read_weights(tmp_path / "0.safetensors")["w"].tolist() == [1, 1, 1]


# Where JSON is kept in memory, or read back at once; the last ones have writers of their own still.
_MAY_DUMP = (
    "nasjax/files.py",
    "nasjax/service/editing.py",  # a header of HTTP, which is ASCII
    "nasjax/export/weights.py",  # a header of safetensors, of a length that is given
    "nasjax/space.py",
    "nasjax/train/processes.py",
    "nasjax/apply/journal.py",  # its own lines, read by itself: types that JSON lacks are told as text
    "nasjax/report/",
    "nasjax/chain/",
    "nasjax/cli.py",
)


def test_json_is_written_in_one_place():
    """Only `nasjax.files` makes JSON for others to read: no infinity, no half file, no private file elsewhere."""
    found = [
        f"{module.path}:{node.lineno}"
        for module in modules()
        if not module.path.startswith(_MAY_DUMP)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and node.attr in ("dump", "dumps")
        if isinstance(node.value, ast.Name) and node.value.id == "json"
    ]
    assert not found, f"use nasjax.files.to_json or write_json: {found}"
