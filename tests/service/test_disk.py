"""What the service does when there is no room on its disk, and when what was on it is gone."""

import contextlib
import errno
import io
import sqlite3
import zipfile

import pytest

from nasjax.cli import main
from nasjax.service import work
from nasjax.service.disk import is_full
from nasjax.service.store import Store
from tests.service.running import decoded, encoded, running


@pytest.fixture
def full(monkeypatch):
    """A disk without room for results as long as the set holds something; the service looks again at once."""
    found, write = {"full"}, work.write_picture

    def write_picture(picture, path):
        if found:
            raise OSError(errno.ENOSPC, f"cannot write {path}: No space left on device")
        return write(picture, path)

    monkeypatch.setattr(work, "write_picture", write_picture)
    monkeypatch.setattr("nasjax.service.worker._PAUSE", 0.02)
    return found


def test_a_full_disk_fails_no_picture_of_a_job(tmp_path, full):
    """Jobs wait until there is room, however often they were tried meanwhile; callers get 507, and /readyz says why."""
    with running(tmp_path / "data", queue=20) as service:
        job = service.add(*[(f"{i}.png", encoded()) for i in range(3)]).json()["id"]
        for _ in range(4):  # more often than a picture that kills the service is tried
            answer = service.edit(encoded())
            assert answer.status_code == 507 and answer.json()["detail"] == "the disk of the service is full"
        ready = service.client.get("/readyz")
        assert ready.status_code == 503 and ready.text == "the disk of the service is full\n"
        assert service.client.get(f"/v1/jobs/{job}").json()["counts"]["failed"] == 0
        full.clear()
        assert service.ended(job)["counts"]["done"] == 3
        assert service.edit(encoded()).status_code == 200
        assert service.client.get("/readyz").status_code == 200


def test_a_full_table_leaves_nothing_of_a_job(tmp_path):
    """507, and no files of a job that was not accepted; once there is room it is taken."""
    with running(tmp_path / "data", queue=600) as service:
        state = service.client.app.state.service
        service.ended(service.add(("a.png", encoded())).json()["id"])
        pages = state.store._db_value("PRAGMA page_count")
        state.store._db.execute(f"PRAGMA max_page_count = {pages}")
        many = [(f"{'n' * 90}{i}.png", encoded()) for i in range(300)]
        answer = service.add(*many)
        assert answer.status_code == 507 and answer.json()["detail"] == "the disk of the service is full"
        assert len([*state.store.folder.iterdir()]) == 1 and not [*(tmp_path / "data" / "incoming").iterdir()]
        state.store._db.execute("PRAGMA max_page_count = 100000")
        assert service.add(*many).status_code == 202


def test_a_job_can_be_deleted_though_the_disk_is_full(tmp_path, monkeypatch):
    """The table needs room even to get smaller; the files of the job, which is to go, make it. So is room made for
    what waits."""
    forget = Store._forget

    def forget_with_room(self, job):
        if (self.folder / job).exists():
            raise sqlite3.OperationalError("database or disk is full")
        forget(self, job)

    monkeypatch.setattr(Store, "_forget", forget_with_room)
    with running(tmp_path / "data") as service:
        job = service.ended(service.add(("a.png", encoded())).json()["id"])["id"]
        assert service.client.delete(f"/v1/jobs/{job}").status_code == 204
        assert service.client.get(f"/v1/jobs/{job}").status_code == 404
        assert not [*service.client.app.state.service.store.folder.iterdir()]
        assert service.client.delete("/v1/jobs/..").status_code in (404, 405) and (tmp_path / "data").is_dir()


def test_a_table_that_is_held_is_no_failure_of_the_service(tmp_path, monkeypatch):
    """503, which says to come again."""

    def fail(*_):
        raise sqlite3.OperationalError("disk I/O error")

    with running(tmp_path / "data") as service:
        monkeypatch.setattr(Store, "add", fail)
        answer = service.add(("a.png", encoded()))
        assert answer.status_code == 503 and answer.headers["retry-after"] == "10"


def test_only_a_full_disk_is_full():
    """By its number, not by its words."""
    errors = [OSError(number, "x") for number in (errno.ENOSPC, errno.EDQUOT, errno.EIO)]
    assert [is_full(error) for error in (*errors, ValueError("full"), sqlite3.Error())] == [True, True, *[False] * 3]


def test_results_count_as_well(tmp_path):
    """What is stored is what is on the disk; a job that would be too much is not accepted, though it has arrived."""
    with running(tmp_path / "data", max_stored=100_000) as service:
        state = service.client.app.state.service
        job = service.ended(service.add(*[("a.png", encoded())] * 3, model="twice").json()["id"])["id"]
        sizes = {p.parent.name: p.stat().st_size for p in state.store.folder.rglob("*") if p.is_file()}
        assert sizes["out"] > 0 and state.store.stored() == 3 * (sizes["out"] + sizes[job])
    with running(tmp_path / "data", max_stored=3 * sum(sizes.values()) + 10) as service:
        answer = service.add(("a.png", encoded()))
        assert answer.status_code == 507 and "no room for more jobs" in answer.json()["detail"]
        assert len([*(tmp_path / "data" / "jobs").iterdir()]) == 1


def test_a_result_is_on_the_disk_before_it_is_done(tmp_path, monkeypatch):
    """The file and its name are waited for while the picture is still being worked on."""
    seen = []
    with running(tmp_path / "data") as service:
        store = service.client.app.state.service.store

        def sync(*paths):
            states = store._db.execute("SELECT state FROM pictures").fetchall()
            seen.append(([path.exists() for path in paths], [row["state"] for row in states]))

        monkeypatch.setattr("nasjax.service.worker.sync", sync)
        service.ended(service.add(("a.png", encoded())).json()["id"])
    assert seen == [([True, True], ["running"])]


def test_a_result_that_is_gone_is_told_of(tmp_path):
    """404 for it alone; the archive holds the others, and says which is missing."""
    with running(tmp_path / "data") as service:
        job = service.ended(service.add(("a.png", encoded()), ("b.png", encoded())).json()["id"])["id"]
        next((tmp_path / "data" / "jobs" / job / "out").glob("00000*")).unlink()
        answer = service.client.get(f"/v1/jobs/{job}/pictures/0")
        assert answer.status_code == 404 and answer.json()["detail"].startswith("a.png: its result is not on the disk")
        with zipfile.ZipFile(io.BytesIO(service.client.get(f"/v1/jobs/{job}/result").content)) as archive:
            assert archive.namelist() == ["b.png", "failed.txt"]
            assert archive.read("failed.txt").startswith(b"a.png: its result is not on the disk")
            assert decoded(archive.read("b.png")).size > 0


def test_a_folder_that_cannot_be_used_is_told_of(tmp_path, capsys):
    """A file in its place, and a table that cannot be opened: the option or the table is named, in a line."""
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder" / "jobs.sqlite").mkdir(parents=True)
    for name, words in (
        ("file", "there is a file of that name; --data is a folder"),
        ("folder", "jobs.sqlite: unable"),
    ):
        with pytest.raises(ValueError, match=words), contextlib.closing(Store(tmp_path / name)):
            pass
    assert main(["serve", "--data", str(tmp_path / "file"), "--port", "0"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith("there is a file of that name; --data is a folder")
