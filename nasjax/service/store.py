"""Jobs on disk: which pictures there are, what became of them; what was accepted is there after any kill."""

import contextlib
import json
import shutil
import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, final

from nasjax.files import to_json
from nasjax.service.work import Done, Work

_ATTEMPTS = 3
_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, model TEXT NOT NULL, strength REAL NOT NULL, style TEXT NOT NULL,
    created REAL NOT NULL, ended REAL, turn INTEGER NOT NULL, bytes INTEGER NOT NULL, wrap INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS pictures (
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, number INTEGER NOT NULL, name TEXT NOT NULL,
    source TEXT NOT NULL, output TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'waiting', error TEXT NOT NULL DEFAULT '',
    notes TEXT NOT NULL DEFAULT '[]', seconds REAL, attempts INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (job, number)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_state ON pictures (state, job, number);
"""
# What jobs did not have in an earlier version: its folder is gone on with.
_LATER = {"wrap": "ALTER TABLE jobs ADD COLUMN wrap INTEGER NOT NULL DEFAULT 0"}
# The job that was served longest ago is next: a job of many pictures does not stop those behind it.
_NEXT = """
SELECT p.job, p.number, p.source, p.output, p.attempts, j.model, j.strength, j.style, j.wrap
FROM pictures p JOIN jobs j ON j.id = p.job WHERE p.state = 'waiting' ORDER BY j.turn, p.number LIMIT 1
"""
_TURN = "(SELECT coalesce(max(turn), 0) + 1 FROM jobs)"


class NewPicture(NamedTuple):
    """A picture of a job: its result's name, its file, the result's file; and why nothing can be made of it, if so."""

    name: str
    source: str
    output: str
    error: str = ""


class NewJob(NamedTuple):
    """A job as it is accepted; its files lie in a folder of their own. `style`: a file, or nothing."""

    model: str
    strength: float
    style: str
    pictures: Sequence[NewPicture]
    size: int  # bytes of all uploads
    wrap: bool = False  # left and right borders of its pictures belong together


class Claimed(NamedTuple):
    """A picture that is being worked on."""

    job: str
    number: int
    work: Work


@final
class Store:
    """The jobs of a data folder, for one process at a time and any of its threads.

    SQLite in write-ahead mode; every change is on the disk when its method returns. Raises ValueError where another
    process has the folder, it cannot be made or written to, or the file in it is no such database.
    """

    def __init__(self, data: Path):
        self.folder = data / "jobs"
        self._lock = threading.RLock()
        with contextlib.ExitStack() as undone:
            try:
                data.mkdir(mode=0o700, parents=True, exist_ok=True)  # people's pictures
                self.folder.mkdir(exist_ok=True)
                self._db = _opened(data / "jobs.sqlite")
                undone.callback(self._db.close)
                self._begin()
            except (OSError, sqlite3.DatabaseError) as error:
                raise ValueError(f"serve: the data folder {data} cannot be used: {_reason(error)}") from error
            undone.pop_all()

    def close(self) -> None:
        """Give the folder back."""
        with self._lock:
            self._db.close()

    def add(self, job: str, new: NewJob, files: Path) -> None:
        """Accept a job: its files become the job's folder, then it is in the table.

        Where the table cannot take it, sqlite3.Error is raised and the files are where they were.
        """
        files.rename(self.folder / job)
        try:
            self._insert(job, new)
        except sqlite3.Error:
            (self.folder / job).rename(files)
            raise

    def _insert(self, job: str, new: NewJob) -> None:
        with self._lock, self._db:
            self._db.execute("BEGIN")
            self._db.execute(
                "INSERT INTO jobs (id, model, strength, style, created, turn, bytes, wrap) "
                f"VALUES (?, ?, ?, ?, ?, {_TURN}, ?, ?)",
                (job, new.model, new.strength, new.style, time.time(), new.size, new.wrap),
            )
            self._db.executemany(
                "INSERT INTO pictures (job, number, name, source, output, error, state) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(job, i, *new, "failed" if new.error else "waiting") for i, new in enumerate(new.pictures)],
            )

    def job(self, job: str) -> dict[str, Any] | None:
        """A job and its `pictures`, as plain data; None where there is none."""
        with self._lock:
            found = self._db.execute("SELECT * FROM jobs WHERE id = ?", (job,)).fetchone()
            rows = self._db.execute("SELECT * FROM pictures WHERE job = ? ORDER BY number", (job,)).fetchall()
        if found is None:
            return None
        return {**dict(found), "pictures": [{**dict(row), "notes": json.loads(row["notes"])} for row in rows]}

    def claim(self) -> Claimed | None:
        """The picture that is next, marked as being worked on; None where none waits."""
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            row = self._db.execute(_NEXT).fetchone()
            if row is None:
                return None
            key = (row["job"], row["number"])
            self._db.execute(
                "UPDATE pictures SET state = 'running', attempts = attempts + 1 WHERE job = ? AND number = ?", key
            )
            self._db.execute(f"UPDATE jobs SET turn = {_TURN} WHERE id = ?", (row["job"],))
        place = self.folder / row["job"]
        style = place / row["style"] if row["style"] else None
        work = Work(
            row["model"], place / row["source"], place / row["output"], row["strength"], style, bool(row["wrap"])
        )
        return Claimed(*key, work)

    def finish(self, claimed: Claimed, done: Done | None, error: str = "") -> None:
        """Say what became of a picture: done, or why not. A job that was deleted meanwhile stays so."""
        state, notes = ("failed", ()) if done is None else ("done", done.notes)
        seconds = None if done is None else done.seconds
        target = claimed.work.target
        size = target.stat().st_size if done is not None and target.is_file() else 0
        with self._lock, self._db:
            self._db.execute("BEGIN")
            self._db.execute(
                "UPDATE pictures SET state = ?, error = ?, notes = ?, seconds = ? WHERE job = ? AND number = ?",
                (state, error, to_json(notes), seconds, claimed.job, claimed.number),
            )
            self._db.execute("UPDATE jobs SET bytes = bytes + ? WHERE id = ?", (size, claimed.job))
            self._end(claimed.job)

    def put_back(self, claimed: Claimed) -> None:
        """Let a picture wait again, as if it had not been tried: what stopped it was not its own fault."""
        with self._lock, self._db:
            self._db.execute(
                "UPDATE pictures SET state = 'waiting', attempts = attempts - 1 "
                "WHERE job = ? AND number = ? AND state = 'running'",
                (claimed.job, claimed.number),
            )

    def delete(self, job: str) -> bool:
        """Forget a job and its files; whether there was one."""
        if not self._db_value("SELECT count(*) FROM jobs WHERE id = ?", job):
            return False
        try:
            self._forget(job)
        except sqlite3.OperationalError:
            # On a full disk the table needs room even to get smaller, and the files are what takes it.
            shutil.rmtree(self.folder / job, ignore_errors=True)
            self._forget(job)
        shutil.rmtree(self.folder / job, ignore_errors=True)
        return True

    def _forget(self, job: str) -> None:
        with self._lock, self._db:
            self._db.execute("DELETE FROM jobs WHERE id = ?", (job,))

    def delete_ended(self, before: float) -> int:
        """Forget jobs that ended before a time, in seconds since 1970; how many."""
        with self._lock:
            rows = self._db.execute("SELECT id FROM jobs WHERE ended < ?", (before,)).fetchall()
        return sum(self.delete(row["id"]) for row in rows)

    def count(self) -> int:
        """How many pictures wait."""
        return self._db_value("SELECT count(*) FROM pictures WHERE state = 'waiting'")

    def stored(self) -> int:
        """Bytes of the jobs there are, uploads and results."""
        return self._db_value("SELECT coalesce(sum(bytes), 0) FROM jobs")

    def _db_value(self, query: str, *values: str) -> int:
        with self._lock:
            return self._db.execute(query, values).fetchone()[0]

    def _begin(self) -> None:
        """Take the file, make what it lacks, and set right what a kill left."""
        # Exclusive: a second service of the same folder would do the same pictures.
        for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.executescript(_SCHEMA)
        self._add_columns()
        self._recover()

    def _add_columns(self) -> None:
        there = {row["name"] for row in self._db.execute("PRAGMA table_info (jobs)")}
        for statement in (statement for name, statement in _LATER.items() if name not in there):
            self._db.execute(statement)

    def _recover(self) -> None:
        """After a kill: what was being worked on waits again, and files that no job has are removed."""
        again = f"the service ended while it worked on it, {_ATTEMPTS} times"
        with self._db:
            self._db.execute("BEGIN")
            self._db.execute(
                "UPDATE pictures SET state = 'failed', error = ? WHERE state = 'running' AND attempts >= ?",
                (again, _ATTEMPTS),
            )
            self._db.execute("UPDATE pictures SET state = 'waiting' WHERE state = 'running'")
            known = {row["id"] for row in self._db.execute("SELECT id FROM jobs")}
            for job in known:
                self._end(job)
        for path in self.folder.iterdir():
            if path.name not in known:
                shutil.rmtree(path, ignore_errors=True)

    def _end(self, job: str) -> None:
        """Note when the last picture of a job has ended."""
        self._db.execute(
            "UPDATE jobs SET ended = ? WHERE id = ? AND ended IS NULL AND NOT EXISTS "
            "(SELECT 1 FROM pictures WHERE job = jobs.id AND state IN ('waiting', 'running'))",
            (time.time(), job),
        )


def _opened(file: Path) -> sqlite3.Connection:
    found = sqlite3.connect(file, timeout=0.5, check_same_thread=False, isolation_level=None)
    found.row_factory = sqlite3.Row
    return found


def _reason(error: OSError | sqlite3.Error) -> str:
    """Why a data folder cannot be used."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "there is a file of that name; --data is a folder"
    if isinstance(error, OSError):
        return f"{error.strerror} ({error.filename})"
    return "another service has it" if "locked" in str(error) else f"jobs.sqlite: {error}"
