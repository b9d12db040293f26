"""The record of a run and its views: whole lines, an atomic status, and a hint where an extra is missing."""

import contextlib
import json
import sys
from contextlib import closing
from types import SimpleNamespace

import pytest

from nasjax.report.run import load_run
from nasjax.train.log import RunLog
from nasjax.train.writers import TensorBoard, WandB, Writer


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
    assert set(status) == {"phase", "step", "steps", "steps_per_s", "eta_s", "updated", "done", "message", "state"}
    assert status["eta_s"] == pytest.approx(10 / second["steps_per_s"], abs=0.1)


def test_what_is_not_finite_is_null(tmp_path):
    """A value that is not finite stays JSON, and the others of its line are kept."""
    with RunLog(tmp_path, "finetune", 3) as log:
        log.write(1, {"loss": float("nan"), "lr": 0.5, "norm": float("inf")})
    assert [(r["loss"], r["lr"], r["norm"]) for r in rows(tmp_path)] == [(None, 0.5, None)]


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


class Kept:
    """A writer of one's own: keeps what it is given."""

    def __init__(self):
        self.lines, self.closed = [], 0

    def write(self, step, values):
        self.lines.append((step, dict(values)))

    def close(self):
        self.closed += 1


def test_a_writer_gets_the_numbers_by_phase(tmp_path):
    """The same numbers as the record, as they are, under the phase's name; whoever made the writer closes it."""
    kept = Kept()
    with RunLog(tmp_path, "supernet/path", 3, writers=[kept]) as log:
        log.write(1, {"loss": 0.5, "norm": float("inf")})
    assert kept.lines == [(1, {"supernet/path/loss": 0.5, "supernet/path/norm": float("inf")})]
    assert kept.closed == 0 and isinstance(kept, Writer)


def test_a_warning_is_kept(tmp_path):
    """In the record under its phase and step, beside the numbers, and told at once; resumed behind it, it stays."""
    told = []
    with RunLog(tmp_path, "supernet/path", 9, say=told.append) as log:
        log.write(4, {"loss": 0.5})
        log.warn(4, "discriminator is blind")
        log.warn(8, "discriminator is exploding")
        log.rewind(6)
    assert [(r["step"], r.get("warning")) for r in rows(tmp_path)] == [(4, None), (4, "discriminator is blind")]
    assert sum("blind" in line and "supernet/path" in line for line in told) == 1


@pytest.mark.parametrize(
    ("module", "extra", "writer"), [("tensorboardX", "tensorboard", TensorBoard), ("wandb",) * 2 + (WandB,)]
)
def test_a_missing_extra_is_named(tmp_path, monkeypatch, module, extra, writer):
    """A writer without its package says what to install."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"pip install 'nasjax\[{extra}\]'"):
        writer(str(tmp_path))


def test_tensorboard_is_a_view(tmp_path):
    """With the extra, the same scalars are written for TensorBoard as well."""
    pytest.importorskip("tensorboardX")
    with closing(TensorBoard(tmp_path / "board")) as board, RunLog(tmp_path, "finetune", 3, writers=[board]) as log:
        log.write(1, {"loss": 0.5})
    (events,) = (tmp_path / "board").iterdir()
    assert b"finetune/loss" in events.read_bytes()
    assert rows(tmp_path)[0]["loss"] == 0.5


def test_weights_and_biases_count_the_steps_of_each_phase(tmp_path, monkeypatch):
    """Phases begin at step 1 again: each has its own axis, declared once, in the run that is there already."""
    calls = []
    run = SimpleNamespace(
        define_metric=lambda name, step_metric: calls.append((name, step_metric)),
        log=lambda values: calls.append(values),
        finish=lambda: calls.append("finished"),
    )
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(run=run))
    with closing(WandB()) as board:
        for phase, step in (("path", 1), ("path", 2), ("finetune", 1)):
            with RunLog(tmp_path, phase, 2, writers=[board]) as log:
                log.write(step, {"loss": 0.5})
    assert calls == [
        ("path/*", "path/step"),
        {"path/loss": 0.5, "path/step": 1},
        {"path/loss": 0.5, "path/step": 2},
        ("finetune/*", "finetune/step"),
        {"finetune/loss": 0.5, "finetune/step": 1},
        "finished",
    ]


def test_silence(tmp_path, capfd):
    """`say=None` says nothing anywhere; a function of one's own hears all of it."""
    heard = []
    for say in (None, heard.append):
        with RunLog(tmp_path, "finetune", 1, say=say) as log:
            log.tell("goes on")
            log.write(1, {"loss": 0.5})
    assert capfd.readouterr() == ("", "")
    assert heard == ["goes on", "  finetune 1/1  loss 0.5"]


@pytest.mark.parametrize(
    ("error", "state", "message"),
    [
        (None, "done", "finished"),
        (ValueError("no\nluck"), "failed", "no luck"),
        (KeyboardInterrupt(), "stopped", "stopped by Ctrl-C"),
        (SystemExit(143), "stopped", "stopped by SIGTERM"),
    ],
)
def test_what_ends_a_loop_of_ones_own_decides_its_state(tmp_path, error, state, message):
    """Nobody else closes the status there; who leads a run through several phases says its state, which stays."""
    with contextlib.suppress(ValueError, KeyboardInterrupt, SystemExit), RunLog(tmp_path, "phase", 3, say=None) as log:
        log.write(1, {"loss": 1.0})
        if error is not None:
            raise error
    status = json.loads((tmp_path / "status.json").read_text())
    assert status["state"] == state and status["done"] is (error is None) and message in status["message"]
    assert load_run(tmp_path).state == state

    def led() -> None:
        file = tmp_path / "status.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"state": "running"}))

    with RunLog(tmp_path, "next", 3, on_write=led, say=None) as log:
        log.write(3, {"loss": 1.0})
    assert json.loads((tmp_path / "status.json").read_text())["state"] == "running"


def test_a_line_of_a_log_says_what_is_left(tmp_path, monkeypatch):
    """Of its phase, and of the run that the phase belongs to, once their pace is known."""
    said, now = [], [0.0]
    monkeypatch.setattr("nasjax.train.log.time", SimpleNamespace(monotonic=lambda: now[0], time=lambda: 0.0))

    def led() -> None:
        file = tmp_path / "status.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"run": {"eta_s": 4000.0}}))

    for on_write in (None, led):
        with RunLog(tmp_path, "supernet/path", 100, on_write=on_write, say=said.append) as log:
            log.start(0)
            for step in (20, 40):
                now[0] += 20.0
                log.write(step, {"loss": 0.5})
    lefts = [line.split("  ")[2] for line in said]
    assert lefts == ["1:20 left", "1:00 left", "1:20, in all 1:06:40 left", "1:00, in all 1:06:40 left"]
