"""Folders that travel."""

import pickle
import shutil

from nasjax.bulk.carried import carried


def test_a_folder_is_there_wherever_it_was_carried_to(tmp_path):
    """With all that is in it, under its own name, when the first one is gone."""
    folder = tmp_path / "bundle"
    (folder / "deep").mkdir(parents=True)
    (folder / "card.json").write_text("{}")
    (folder / "deep" / "weights").write_bytes(b"\0\1")
    there = pickle.loads(pickle.dumps(carried(folder)))
    shutil.rmtree(folder)
    found = there()
    assert found.name == "bundle" and found != folder
    assert {path.relative_to(found).as_posix(): path.read_bytes() for path in found.rglob("*") if path.is_file()} == {
        "card.json": b"{}",
        "deep/weights": b"\0\1",
    }
