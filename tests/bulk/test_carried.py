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


def test_a_file_is_carried_as_a_file(tmp_path):
    """Under its own name, which says what is in it."""
    (tmp_path / "style.jpg").write_bytes(b"colours")
    there = pickle.loads(pickle.dumps(carried(tmp_path / "style.jpg")))
    (tmp_path / "style.jpg").unlink()
    assert there().name == "style.jpg" and there().read_bytes() == b"colours"
