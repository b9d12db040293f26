"""`nasjax compress`: from somebody's file and a folder of pictures to a small bundle, and what it refuses."""

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nasjax.chain.problem import make_problem
from nasjax.cli import main
from nasjax.commands.compress import saved_text
from nasjax.export.bundle import load_bundle
from tests.chain.stopped import assert_same_run, stopped_everywhere
from tests.docs.blocks import ROOT
from tests.docs.running import run_blocks
from tests.nets.teacher_states import CASES, state_of
from tests.nets.torch_files import write_zip

PAGE = "docs/tutorials/compress.md"


def teacher_and_photos(folder: Path) -> Path:
    """The file of a small random generator, and beside it a folder with twelve pictures of odd sizes and modes."""
    (folder / "photos").mkdir()
    for i in range(12):
        rng = np.random.default_rng(i)
        pixels = np.kron(rng.integers(0, 255, (7, 9, 3)), np.ones((9, 9, 1))).astype(np.uint8)
        image = Image.fromarray(pixels[: 63 - i % 3, : 79 - i % 5])
        image.convert(("RGB", "RGBA", "L")[i % 3]).save(folder / "photos" / f"{i:02d}.png")
    write_zip(folder / "teacher.pth", state_of(CASES["resnet affine nearest"]))
    return folder


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A folder with a teacher and pictures."""
    return teacher_and_photos(tmp_path_factory.mktemp("compress"))


def compress(*more: str) -> str:
    """What the command in miniature prints; MACs are not limited, since a tiny space has few networks."""
    words = ["teacher.pth", "photos", "--tiny", "--run", "runs/small", "--budget", "params<=60%"]
    short = ["--final.number", "1", "--final.formats", "onnx", "--system.rivals"]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert main(["compress", *words, *more, *short]) == 0
    return printed.getvalue()


@pytest.fixture
def there(given, tmp_path, monkeypatch):
    """The current folder is the given one.

    Kept crops go to a folder of the test; compiled programs do not, or all of them would be made anew.
    """
    monkeypatch.setattr("nasjax.systems.translation.teach.crops_folder", lambda: tmp_path / "crops")
    monkeypatch.chdir(given)


@pytest.fixture(scope="module")
def made():
    """The problems of this file's runs: one, for a finished run is read and made no problem of."""
    found = []

    def kept(*given, **more):
        found.append(make_problem(*given, **more))
        return found[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nasjax.chain.experiment.make_problem", kept)
        yield found


def test_a_teacher_becomes_a_small_bundle(there, made):
    """The student keeps the budget, what it saved is printed and kept, ONNX runs at odd sizes; again, nothing runs.

    Nor does the page about it train anything, whose experiment is that of the command, and prints what it shows.
    """
    ort = pytest.importorskip("onnxruntime")
    said, run = compress(), Path("runs/small")
    results = json.loads((run / "results.json").read_text())
    rows = {row["name"]: row["values"] for row in results["rows"]}
    assert set(rows) == {"found, fine-tuned", "found, inherited", "teacher", "input"}
    assert rows["found, fine-tuned"]["params"] <= 0.6 * rows["teacher"]["params"]
    assert rows["teacher"]["lpips"] < 0.01 and rows["teacher"]["psnr"] > 45
    assert rows["teacher"]["diversity"] == pytest.approx(1, abs=0.05) and "diversity" in rows["found, fine-tuned"]
    saved = {row["cost"]: row for row in json.loads((run / "saved.json").read_text())}
    assert saved["params"]["factor"] == round(rows["teacher"]["params"] / rows["found, fine-tuned"]["params"], 1) > 1.5
    assert set(saved) == {"params", "macs", "latency_ms", "bytes"} and "saved" in said and f"{'params':<11}" in said
    bundle = load_bundle(run / "export")
    session = ort.InferenceSession(str(run / "export" / "model.onnx"))
    for height, width in ((37, 53), (64, 41)):
        x = np.random.default_rng(0).uniform(-1, 1, (1, height, width, 3)).astype(np.float32)
        (y,) = session.run(None, {session.get_inputs()[0].name: x})
        np.testing.assert_allclose(y, bundle.apply(x), atol=1e-4)
    before = (run / "results.json").stat().st_mtime_ns
    again = json.loads(compress("--json"))
    assert again["rows"] == results["rows"] and again["saved"] == list(saved.values())
    run_blocks(ROOT / PAGE, PAGE)
    assert (run / "results.json").stat().st_mtime_ns == before


def test_a_stopped_compression_goes_on_to_the_bit(there, made, tmp_path, monkeypatch):
    """Students and their adapters, taught by crops that are kept: before each phase, as `tests/chain/test_laws.py`."""
    compress()
    stops = stopped_everywhere(made[0], tmp_path / "run", monkeypatch)
    assert len(stops) > 4
    assert_same_run(tmp_path / "run", Path("runs/small"), stops)


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ("params<=1%", "params of resnet2 reaches"),
        ("latency<=10%", "a share of the teacher's is known of params, macs"),
        ("params=1", "malformed"),
        ("params<=1%+params<=60%", "params of resnet2 reaches"),
        ("params<=60%+ ", "--budget ' ' says nothing"),
    ],
)
def test_budgets_that_no_student_keeps(given, tmp_path, budget, said, capsys):
    """Refused in one line, with the reachable range, before there is a run folder; of several none is forgotten."""
    words = [str(given / "teacher.pth"), str(given / "photos"), "--tiny", "--run", str(tmp_path / "run")]
    several = budget.split("+")
    for forms in ([["--budget", *several]], [["--budget", each] for each in several])[: len(several)]:
        assert main(["compress", *words, *(word for form in forms for word in form)]) == 2
        error = capsys.readouterr().err
        assert said in error and len(error.strip().splitlines()) == 1
        assert not (tmp_path / "run" / "config.json").exists()


def test_latency_is_said_in_parts_of_a_millisecond():
    """Of small networks a whole one is too coarse for the factor behind it."""
    row = {"cost": "latency_ms", "teacher": 3.562, "student": 0.3, "factor": 11.9}
    text = saved_text([row, {"cost": "params", "teacher": 11400, "student": 1140, "factor": 10.0}])
    assert text.split()[3:7] == ["latency_ms", "3.56", "0.30", "11.9x"] and "11,400" in text


def test_what_is_no_teacher(given, tmp_path, capsys):
    """A file with other tensors, and one that would run something: refused in a line that says what is wrong."""
    state = state_of(CASES["resnet"])
    name = next(iter(state))
    write_zip(tmp_path / "other.pth", state | {name: state[name][:, :2].copy()})
    marker = tmp_path / "executed"
    write_zip(tmp_path / "evil.pth", {}, f"cos\nsystem\n(S'touch {marker}'\ntR.".encode())
    write_zip(tmp_path / "nan.pth", state | {name: np.full_like(state[name], np.nan)})
    files = (("other.pth", name), ("evil.pth", "refused"), ("none.pth", "none.pth"), ("nan.pth", f"tensor {name}"))
    for file, said in files:
        words = [str(tmp_path / file), str(given / "photos"), "--budget", "params<=60%"]
        assert main(["compress", *words, "--run", str(tmp_path / "run")]) == 2
        error = capsys.readouterr().err
        assert said in error and len(error.strip().splitlines()) == 1
    assert not marker.exists()


def test_one_picture_is_not_enough(given, tmp_path, capsys):
    """Nothing can be held out of it: the number that is needed is named."""
    (tmp_path / "one").mkdir()
    Image.new("RGB", (90, 80)).save(tmp_path / "one" / "a.png")
    words = [str(given / "teacher.pth"), str(tmp_path / "one"), "--tiny", "--budget", "params<=60%"]
    assert main(["compress", *words, "--run", str(tmp_path / "run")]) == 2
    assert "1 pictures do not split into train, val and test; give 3 or more" in capsys.readouterr().err
