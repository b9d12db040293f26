"""The archive: every evaluation once a stage, a file that survives, and what malformed input is told."""

import csv

import numpy as np
import pytest

from nasjax.basis import fingerprint
from nasjax.search.archive import Archive, Evaluation
from nasjax.search.problems import block_space, enumerate_archs

SPACE = block_space(2)
ARCHS = enumerate_archs(SPACE)[[5, 300, 700, 900]]
SCORES = Evaluation(
    np.array([[-30.1, 5.0], [-29.0, 1.0], [-28.0, 2.0], [-31.0, 9.0]]),
    np.array([0.0, 0.0, 0.0, 0.1]),
    {"params": np.array([5, 1, 2, 9]), "macs": np.array([0.1, 1e-30, 3.0, 2**60]), "psnr_y": [30.1, 29.0, 28.0, 31.0]},
)


def _filled(path=None) -> Archive:
    archive = Archive(SPACE, path).at("path").add(ARCHS, SCORES, 0)
    return archive.at("operator").add(ARCHS[2:3], Evaluation(*(v[2:3] for v in SCORES[:2]), {"params": [7]}), 1)


def test_file_format(tmp_path):
    """One row a candidate: identity, costs and scores in the evaluator's order, flags, then what a resume needs."""
    _filled(tmp_path / "run" / "archive.csv").save()
    with (tmp_path / "run" / "archive.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    head = "id stage generation arch hash params macs psnr_y feasible front violation objective_0 objective_1"
    assert list(rows[0]) == head.split()
    assert [r["id"] for r in rows] == list("01234")
    assert [r["stage"] for r in rows] == ["path"] * 4 + ["operator"]
    assert [r["feasible"] for r in rows] == list("11101")
    assert [r["front"] for r in rows] == list("11001"), "the front of each stage, of its feasible rows"
    assert all(SPACE.parse(r["arch"]).tolist() == a.tolist() for r, a in zip(rows, ARCHS, strict=False))
    assert all(r["arch"].endswith("@" + r["hash"]) for r in rows)
    assert {p.name for p in (tmp_path / "run").iterdir()} == {"archive.csv", "archive.basis.json"}, (
        "nothing else is left"
    )


def test_reload_is_exact(tmp_path):
    """The reloaded archive equals the saved one to the last bit, ints staying ints, and saves to the same bytes."""
    archive = _filled(tmp_path / "a.csv")
    archive.save()
    again = Archive.open(tmp_path / "a.csv", SPACE)
    assert again.rows == archive.rows
    assert isinstance(again.rows[0].columns["params"], int) and isinstance(again.rows[2].columns["macs"], float)
    before = (tmp_path / "a.csv").read_bytes()
    again.save()
    assert (tmp_path / "a.csv").read_bytes() == before
    assert Archive.open(tmp_path / "none.csv", SPACE).rows == ()


def test_diverged_scores_survive(tmp_path):
    """A NaN score is kept as such, is on no front, and is not the best."""
    scores = SCORES._replace(objectives=np.array([[np.nan, 5.0], [-29.0, 1.0], [np.inf, 2.0], [-31.0, 9.0]]))
    Archive(SPACE, tmp_path / "a.csv").add(ARCHS, scores, 0).save()
    again = Archive.open(tmp_path / "a.csv", SPACE)
    assert np.isnan(again.rows[0].objectives[0]) and np.isinf(again.rows[2].objectives[0])
    assert again.front() == (again.rows[1],) and again.best() == again.rows[1]


def test_stages_are_apart():
    """An arch is looked up in the present stage only: another stage scored it with other weights."""
    archive = _filled()
    assert len(archive.stage_rows) == 1 and archive.lookup(ARCHS[2:3])[0].tolist() == [[-28.0, 2.0]]
    assert len(archive.unseen(ARCHS)) == 3
    with pytest.raises(ValueError, match=r"blocks:.* was not evaluated in stage 'operator'"):
        archive.lookup(ARCHS[:1])
    with pytest.raises(ValueError, match=r"nothing was evaluated in stage 'channel'; stages: \['operator', 'path'\]"):
        archive.at("channel").best()


def test_unseen_keeps_order_and_drops_repetitions():
    """Each new arch once, in the order of proposal."""
    archive = Archive(SPACE).add(ARCHS[:1], Evaluation(*(v[:1] for v in SCORES[:2])), 0)
    assert archive.unseen(ARCHS[[3, 0, 1, 3, 1]]).tolist() == ARCHS[[3, 1]].tolist()
    assert archive.unseen(ARCHS[[0, 0]]).shape == (0, 6)


def test_front_and_best():
    """The front holds the feasible non-dominated rows, the best has the smallest first objective among the feasible."""
    archive = _filled().at("path")
    assert archive.front() == archive.rows[:2]
    assert archive.best() == archive.rows[0]


BASIS = {"weights": fingerprint({"w": np.ones(3)}), "objectives": ["psnr_y", "macs"]}


def _scored(path) -> Archive:
    """One stage, saved, with the basis of its scores."""
    archive = Archive.open(path, SPACE).at("path", BASIS).add(ARCHS, SCORES, 0)
    archive.save()
    return Archive.open(path, SPACE)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"weights": fingerprint({"w": np.zeros(3)})}, "weights differs"),
        ({"objectives": ["ssim_y", "macs"]}, "objectives was psnr_y, macs, now ssim_y, macs"),
        ({"objectives": ["psnr_y"]}, "objectives was psnr_y, macs, now psnr_y"),
    ],
)
def test_scores_of_another_basis_do_not_compete(tmp_path, change, told):
    """Other weights or objectives are refused by name, whatever else is the same; the way out is one call."""
    archive = _scored(tmp_path / "a.csv")
    with pytest.raises(ValueError, match=rf"a.csv: the scores of stage 'path' rest on something else: {told}\."):
        archive.at("path", BASIS | change)
    anew = archive.without("path").at("path", BASIS | change)
    assert anew.stage_rows == () and anew.at("operator", change).stage == "operator"


def test_scores_of_the_same_basis_go_on(tmp_path):
    """The same basis finds its rows; looking needs none; what one of the two does not name is not compared."""
    archive = _scored(tmp_path / "a.csv")
    assert len(archive.at("path", BASIS).stage_rows) == len(archive.at("path").stage_rows) == 4
    archive.at("path", {"weights": BASIS["weights"], "pictures": "embedded"}).save()
    again = Archive.open(tmp_path / "a.csv", SPACE)
    with pytest.raises(ValueError, match="pictures was 'embedded', now 'mine'"):
        again.at("path", {"pictures": "mine"})


def test_a_stage_without_scores_has_no_basis(tmp_path):
    """Killed before anything was scored: what the stage would have rested on binds nobody."""
    archive = Archive(SPACE).at("path", BASIS).at("path", {"weights": "other"})
    assert archive.bases == {"path": {"weights": "other"}}


def test_scores_by_other_columns_do_not_compete():
    """An own evaluator that now measures something else is refused, though nobody said on what its scores rest."""
    archive = Archive(SPACE).add(ARCHS[:2], Evaluation(*(v[:2] for v in SCORES[:2]), {"psnr": [1, 2]}), 0)
    with pytest.raises(ValueError, match="stage '' holds 2 objectives with columns psnr; now they are 2 with ssim"):
        archive.add(ARCHS[2:], Evaluation(*(v[2:] for v in SCORES[:2]), {"ssim": [1, 2]}), 1)
    with pytest.raises(ValueError, match="now they are 1 with psnr"):
        archive.add(ARCHS[2:], Evaluation(SCORES.objectives[2:, :1], np.zeros(2), {"psnr": [1, 2]}), 1)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (block_space(2, ops=5), r"choices b0 options was .*op3, now .*op4"),
        (SPACE.restrict({"b1.edge": ["long"]}), "choices b1.edge allowed was short, long, now long"),
        (block_space(3), "choices b2 was absent, now"),
    ],
)
def test_an_archive_of_a_space_of_the_same_name(tmp_path, other, told):
    """With one option more or less its archs still parse; its scores are refused, and the first choice is named."""
    _scored(tmp_path / "a.csv")
    with pytest.raises(ValueError, match=rf"a.csv is an archive of another space: {told}"):
        Archive.open(tmp_path / "a.csv", other)


def test_an_archive_of_an_earlier_version(tmp_path):
    """Without a file beside it, it is read as it was, with a word that its basis is not known; from now on it is."""
    heard, path = [], tmp_path / "a.csv"
    rows = _scored(path).rows
    (tmp_path / "a.basis.json").unlink()
    archive = Archive.open(path, SPACE, say=heard.append)
    assert archive.rows == rows and "on what its scores rest, its version did not keep" in heard[0]
    archive.at("path", BASIS).save()
    with pytest.raises(ValueError, match="weights"):
        Archive.open(path, SPACE, say=heard.append).at("path", BASIS | {"weights": "#0"})
    assert heard[1] == f"Archive(blocks: 4 archs (path 4), {path}): what it holds is not evaluated again"


def test_opening_can_be_silent(tmp_path, capfd):
    """`say=None` says nothing."""
    _scored(tmp_path / "a.csv")
    capfd.readouterr()
    Archive.open(tmp_path / "a.csv", SPACE, say=None)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("evaluation", "told"),
    [
        (SCORES._replace(objectives=SCORES.objectives[:, 0]), r"objectives must be \[4, m\]"),
        (SCORES._replace(objectives=SCORES.objectives[:3]), r"objectives must be \[4, m\]"),
        (SCORES._replace(violation=np.zeros(3)), r"violation \[4\]"),
        (SCORES._replace(columns={"psnr_y": [1.0]}), "column 'psnr_y' must hold 4 numbers"),
        (SCORES._replace(columns={"note": list("abcd")}), "column 'note' must hold 4 numbers"),
        (SCORES._replace(columns={"stage": [1, 2, 3, 4]}), "column 'stage' is the archive's own"),
    ],
)
def test_malformed_evaluations(evaluation, told):
    """An evaluator that returns the wrong shapes or names is told which."""
    with pytest.raises(ValueError, match=told):
        Archive(SPACE).add(ARCHS, evaluation, 0)


def test_archs_outside_the_space():
    """What is no canonical arch of the space is never recorded."""
    with pytest.raises(ValueError, match=r"archive of blocks: \[0, 1, 0, 0, 0, 0\] is no canonical arch"):
        Archive(SPACE).add(np.array([[0, 1, 0, 0, 0, 0]]), Evaluation(np.zeros((1, 1)), np.zeros(1)), 0)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("stage,generation", "phase,generation", "not an archive; its first line must start with id,stage"),
        ("blocks:", "cells:", "a.csv, line 2: arch 'cells:"),
        ("@", "@0", "a.csv, line 2: .*checksum"),
        (",path,0,", ",path,zero,", "a.csv, line 2: invalid literal"),
        ("-30.1", "good", "a.csv, line 2: could not convert"),
        ("\n1,path", ",9\n1,path", "a.csv, line 2: 14 cells for 13 columns"),
    ],
)
def test_malformed_files(tmp_path, old, new, told):
    """A damaged or foreign file is refused by name and line."""
    path = tmp_path / "a.csv"
    _filled(path).save()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ValueError, match=told):
        Archive.open(path, SPACE)


def test_a_failing_save_leaves_the_old_file(tmp_path, monkeypatch):
    """A full disk while saving is an error, and what was saved before can still be read."""
    archive = _filled(tmp_path / "a.csv")
    archive.save()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    more = archive.add(ARCHS[3:], Evaluation(*(v[3:] for v in SCORES[:2]), {"params": [7]}), 2)
    with pytest.raises(OSError, match="No space left"):
        more.save()
    assert Archive.open(tmp_path / "a.csv", SPACE).rows == archive.rows
