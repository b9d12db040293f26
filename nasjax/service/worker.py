"""The one thread that edits pictures: callers who wait and jobs in turn, and no more of both than may wait."""

import contextlib
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple, final

from starlette.exceptions import HTTPException

from nasjax.service.disk import FULL, is_full, sync
from nasjax.service.metrics import Metrics
from nasjax.service.store import Claimed, NewJob, Store
from nasjax.service.work import Done, Work

_LOG = logging.getLogger("nasjax.service")
_EVERY = 4  # of so many pictures one is a job's, however many callers wait
_PAUSE = 2.0  # seconds after the disk, or the table, failed
_TIDY = 30.0  # seconds between two looks for jobs that have expired


class Limits(NamedTuple):
    """How many pictures may wait, for how many seconds jobs are kept after their end, and bytes of all jobs."""

    queue: int
    expire: float
    stored: int


@final
class Worker:
    """Edits pictures one by one. `submit` is for a caller who waits, `accept` for a job, which outlives the process.

    Both raise HTTPException 429 with Retry-After where too many pictures wait, and 503 when it is stopping. While the
    disk is full, jobs wait and callers get 507; `trouble` says what is wrong.
    """

    def __init__(self, store: Store, do_fn: Callable[[Work], Done], limits: Limits, metrics: Metrics):
        self._store, self._do, self._limits, self._metrics = store, do_fn, limits, metrics
        self._changed = threading.Condition()
        self._direct: deque[tuple[Work, Future[Done]]] = deque()
        self._stored, self._steps, self._stopping = store.count(), 0, False
        self._mean, self._tidied = 1.0, 0.0
        self._thread = threading.Thread(target=self._run, name="edit", daemon=True)
        self.trouble = ""

    def start(self) -> None:
        """Begin with what waits."""
        self._thread.start()

    def stop(self) -> None:
        """End after the picture in work; jobs go on with the next start, callers who wait are told."""
        with self._changed:
            self._stopping = True
            waiting, self._direct = self._direct, deque()
            self._changed.notify_all()
        for _, future in waiting:
            if future.set_running_or_notify_cancel():
                future.set_exception(HTTPException(503, "the service is stopping"))
        self._thread.join()

    @property
    def alive(self) -> bool:
        """Whether pictures are being edited, or would be."""
        return self._thread.is_alive() and not self._stopping

    @property
    def waiting(self) -> int:
        """How many pictures wait; those of callers who left do not."""
        with self._changed:
            self._direct = deque(each for each in self._direct if not each[1].cancelled())
            return self._stored + len(self._direct)

    def check_room(self, number: int = 1) -> None:
        """Raise HTTPException 429 unless so many more pictures may wait; 413 where that is more than ever may."""
        if self._stopping:
            raise HTTPException(503, "the service is stopping", {"Retry-After": "10"})
        if number > self._limits.queue:
            raise HTTPException(413, f"{number} pictures; a job has at most {self._limits.queue}")
        waiting = self.waiting
        if waiting + number > self._limits.queue:
            seconds = min(max(round(self._mean * (waiting + number - self._limits.queue)), 1), 600)
            text = f"{waiting} pictures wait already; try again in {seconds} s"
            raise HTTPException(429, text, {"Retry-After": str(seconds)})

    def check_space(self, size: int = 0) -> None:
        """Raise HTTPException 507 unless jobs may have so many more bytes."""
        if self._store.stored() + size > self._limits.stored:
            raise HTTPException(507, "there is no room for more jobs until older ones expire", {"Retry-After": "600"})

    def submit(self, work: Work) -> Future[Done]:
        """Edit a picture before those of jobs; the future may be cancelled until its turn comes."""
        with self._changed:
            self.check_room()
            future: Future[Done] = Future()
            self._direct.append((work, future))
            self._changed.notify_all()
        return future

    def accept(self, job: str, new: NewJob, files: Path) -> None:
        """Take a job: once this returns, all of its pictures will be edited or failed."""
        with self._changed:
            self.check_room(len(new.pictures))
            self.check_space(new.size)
            self._store.add(job, new, files)
            self._stored += sum(not picture.error for picture in new.pictures)
            self._changed.notify_all()

    def delete(self, job: str) -> bool:
        """Forget a job, whatever its state; whether there was one."""
        with self._changed:
            found = self._store.delete(job)
            self._stored = self._store.count()
        return found

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._step()
                self.trouble = ""
            except Exception as error:
                _LOG.exception("the service cannot go on with its jobs")
                self.trouble = FULL if is_full(error) else f"{type(error).__name__}: {error}"
                time.sleep(_PAUSE)

    def _step(self) -> None:
        """One picture, or a while of waiting for one."""
        self._tidy()
        with self._changed:
            if not self._stopping and not self._stored and not self._direct:
                self._changed.wait(_TIDY)
            self._steps += 1
            jobs_turn = bool(self._stored) and (not self._direct or self._steps % _EVERY == 0)
            claimed = self._claim() if jobs_turn and not self._stopping else None
            direct = self._direct.popleft() if claimed is None and self._direct else None
        if claimed is not None:
            self._edit_stored(claimed)
        elif direct is not None and direct[1].set_running_or_notify_cancel():
            self._edit_direct(*direct)

    def _tidy(self) -> None:
        if time.monotonic() - self._tidied > _TIDY:
            self._tidied = time.monotonic()
            self._store.delete_ended(time.time() - self._limits.expire)

    def _claim(self) -> Claimed | None:
        claimed = self._store.claim()
        self._stored = self._stored - 1 if claimed is not None else self._store.count()
        return claimed

    def _edit_stored(self, claimed: Claimed) -> None:
        """A picture of a job; it waits again where the disk is full, which is not the end of what was accepted."""
        try:
            done, error = self._edit(claimed.work, durable=True), ""
        except HTTPException as refused:
            done, error = None, refused.detail
        except OSError:
            self._write_down(lambda: self._store.put_back(claimed))
            with self._changed:
                self._stored = self._store.count()
            raise
        self._write_down(lambda: self._store.finish(claimed, done, error))

    def _write_down(self, write_fn: Callable[[], None]) -> None:
        """Change the table, however long it takes: what became of a picture is not forgotten over a full disk, say."""
        while True:
            try:
                return write_fn()
            except sqlite3.Error as failure:
                _LOG.exception("what became of a picture cannot be written down")
                self.trouble = FULL if is_full(failure) else f"jobs.sqlite: {failure}"
                if self._stopping:
                    return
                time.sleep(_PAUSE)
                with contextlib.suppress(sqlite3.Error):
                    self._tidy()  # which makes room

    def _edit_direct(self, work: Work, future: Future[Done]) -> None:
        try:
            future.set_result(self._edit(work))
        except HTTPException as error:
            future.set_exception(error)
        except OSError:
            future.set_exception(HTTPException(507, FULL, {"Retry-After": "600"}))
            raise

    def _edit(self, work: Work, *, durable: bool = False) -> Done:
        """The picture edited, `durable` as to survive a power cut; what was nobody's fault is logged.

        A full disk is an OSError, whatever else fails an HTTPException.
        """
        try:
            done = self._do(work)
            if durable:
                sync(work.target, work.target.parent)
        except HTTPException:
            self._metrics.add("nasjax_pictures_total", outcome="refused", model=work.model)
            raise
        except Exception as error:
            if isinstance(error, OSError) and is_full(error):
                raise
            _LOG.exception("model %s failed", work.model)
            self._metrics.add("nasjax_pictures_total", outcome="failed", model=work.model)
            raise HTTPException(500, "the picture could not be edited; the service's log says why") from error
        self._mean += 0.1 * (done.seconds - self._mean)
        self._metrics.add("nasjax_pictures_total", outcome="done", model=work.model)
        self._metrics.observe("nasjax_edit_seconds", done.seconds)
        return done
