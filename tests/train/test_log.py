"""The record of a run: whole lines, an atomic status, and a hint where an extra is missing."""

import json
import sys
import threading

import pytest

from nasjax.train.log import RunLog, append_line, replace_json


def rows(folder):
    """The lines of the record, read strictly: JSON has no NaN."""

    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    text = (folder / "metrics.jsonl").read_text()
    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def test_the_record(tmp_path):
    """Each write is one line with place and values; speed is there from the second on; status.json is the last."""
    with RunLog(tmp_path / "run", "supernet/path", 30) as log:
        status = json.loads((tmp_path / "run" / "status.json").read_text())
        assert (status["step"], status["message"], status["done"]) == (0, "started", False)
        log.start(1)
        log.write(10, {"loss": 0.5})
        log.write(20, {"loss": 0.25, "lr": 1e-3})
    first, second = rows(tmp_path / "run")
    assert (first["phase"], first["step"], first["steps"], first["loss"]) == ("supernet/path", 10, 30, 0.5)
    assert second["step"] == 20 and second["lr"] == 1e-3 and second["time"] >= first["time"]
    assert first["steps_per_s"] > 0 and second["steps_per_s"] > 0
    status = json.loads((tmp_path / "run" / "status.json").read_text())
    assert set(status) == {"phase", "step", "steps", "steps_per_s", "eta_s", "updated", "done", "message"}
    assert status["eta_s"] == pytest.approx(10 / second["steps_per_s"], abs=0.1)


def test_what_is_not_finite_is_null(tmp_path):
    """A value that is not finite stays JSON, and the others of its line are kept."""
    with RunLog(tmp_path, "finetune", 3) as log:
        log.write(1, {"loss": float("nan"), "lr": 0.5, "norm": float("inf")})
    assert [(r["loss"], r["lr"], r["norm"]) for r in rows(tmp_path)] == [(None, 0.5, None)]


def test_a_torn_line_costs_itself_only(tmp_path):
    """After a process was killed within a line, the next line stands alone."""
    path = tmp_path / "metrics.jsonl"
    append_line(path, {"step": 1})
    path.write_bytes(path.read_bytes() + b'{"step": 2, "lo')
    append_line(path, {"step": 3})
    append_line(path, {"step": 4})
    assert path.read_text().splitlines() == ['{"step": 1}', '{"step": 2, "lo', '{"step": 3}', '{"step": 4}']


def test_a_phase_that_goes_on_writes_its_lines_anew(tmp_path):
    """Lines of this phase after the step go, and torn ones; what was before it and other phases stay as they were."""
    path = tmp_path / "metrics.jsonl"
    with RunLog(tmp_path, "search/path", 90) as other, RunLog(tmp_path, "finetune", 30) as log:
        log.rewind(0)
        assert not path.exists()
        for step in (10, 20, 30):
            log.write(step, {"loss": 1.0})
            other.write(step, {"best": 2.0})
        before = path.read_bytes().splitlines()
        path.write_bytes(path.read_bytes() + b'{"phase": "finetune", "st')
        log.rewind(10)
        assert path.read_bytes().splitlines() == [before[i] for i in (0, 1, 3, 5)]
        log.write(20, {"loss": 3.0})
    assert [(r["phase"], r["step"]) for r in rows(tmp_path)][-2:] == [("search/path", 30), ("finetune", 20)]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["metrics.jsonl", "status.json"]


def test_a_record_without_later_lines_is_not_touched(tmp_path):
    """Nothing to drop: the file is not written again."""
    with RunLog(tmp_path, "finetune", 30) as log:
        log.write(10, {"loss": 1.0})
        before = (tmp_path / "metrics.jsonl").stat()
        log.rewind(10)
        after = (tmp_path / "metrics.jsonl").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_readers_never_see_half_a_status(tmp_path):
    """A reader beside the writer sees the old or the new content, always whole."""
    path, seen, stop = tmp_path / "status.json", set(), threading.Event()
    replace_json(path, {"step": 0, "filler": "x" * 20000})

    def read():
        while not stop.is_set():
            content = json.loads(path.read_text())
            assert len(content["filler"]) == 20000
            seen.add(content["step"])

    errors = []
    reader = threading.Thread(target=lambda: _run(read, errors))
    reader.start()
    for step in range(300):
        replace_json(path, {"step": step, "filler": "x" * 20000})
    stop.set()
    reader.join()
    assert not errors and len(seen) > 1
    assert [p.name for p in tmp_path.iterdir()] == ["status.json"]


def _run(fn, errors):
    try:
        fn()
    except Exception as error:  # carried to the test's own thread
        errors.append(error)


def test_a_missing_extra_is_named(tmp_path, monkeypatch):
    """TensorBoard without its package: the error says what to install."""
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r"pip install 'nasjax\[tensorboard\]'"):
        RunLog(tmp_path, "finetune", 3, tensorboard=True)


def test_tensorboard_is_a_view(tmp_path):
    """With the extra, the same scalars are written for TensorBoard as well."""
    pytest.importorskip("tensorboardX")
    with RunLog(tmp_path, "finetune", 3, tensorboard=True) as log:
        log.write(1, {"loss": 0.5})
    (events,) = (tmp_path / "tensorboard").iterdir()
    assert b"finetune/loss" in events.read_bytes()
    assert rows(tmp_path)[0]["loss"] == 0.5
