"""The one thread that edits pictures: callers who wait and jobs in turn, and no more of both than may wait."""

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

from nasjax.service.metrics import Metrics
from nasjax.service.store import Claimed, NewJob, Store
from nasjax.service.work import Done, Work

_LOG = logging.getLogger("nasjax.service")
_EVERY = 4  # of so many pictures one is a job's, however many callers wait
_PAUSE = 2.0  # seconds after the disk, or the table, failed
_TIDY = 30.0  # seconds between two looks for jobs that have expired


class Limits(NamedTuple):
    """How many pictures may wait, and for how many seconds jobs are kept after their end."""

    queue: int
    expire: float


@final
class Worker:
    """Edits pictures one by one. `submit` is for a caller who waits, `accept` for a job, which outlives the process.

    Both raise HTTPException 429 with Retry-After where too many pictures wait, and 503 when it is stopping.
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
        """How many pictures wait."""
        return self._stored + len(self._direct)

    def check_room(self, number: int = 1) -> None:
        """Raise HTTPException 429 unless so many more pictures may wait; 413 where that is more than ever may."""
        if self._stopping:
            raise HTTPException(503, "the service is stopping", {"Retry-After": "10"})
        if number > self._limits.queue:
            raise HTTPException(413, f"{number} pictures; a job has at most {self._limits.queue}")
        if self.waiting + number > self._limits.queue:
            seconds = min(max(round(self._mean * (self.waiting + number - self._limits.queue)), 1), 600)
            text = f"{self.waiting} pictures wait already; try again in {seconds} s"
            raise HTTPException(429, text, {"Retry-After": str(seconds)})

    def submit(self, work: Work) -> Future[Done]:
        """Edit a picture before those of jobs; the future may be cancelled until its turn comes."""
        with self._changed:
            self._forget_cancelled()
            self.check_room()
            future: Future[Done] = Future()
            self._direct.append((work, future))
            self._changed.notify_all()
        return future

    def accept(self, job: str, new: NewJob, files: Path) -> None:
        """Take a job: once this returns, all of its pictures will be edited or failed."""
        with self._changed:
            self.check_room(len(new.pictures))
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
                self.trouble = f"{type(error).__name__}: {error}"
                time.sleep(_PAUSE)

    def _step(self) -> None:
        """One picture, or a while of waiting for one."""
        if time.monotonic() - self._tidied > _TIDY:
            self._tidied = time.monotonic()
            self._store.delete_ended(time.time() - self._limits.expire)
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

    def _claim(self) -> Claimed | None:
        claimed = self._store.claim()
        self._stored = self._stored - 1 if claimed is not None else self._store.count()
        return claimed

    def _edit_stored(self, claimed: Claimed) -> None:
        try:
            done, error = self._edit(claimed.work), ""
        except HTTPException as refused:
            done, error = None, refused.detail
        while True:
            try:
                return self._store.finish(claimed, done, error)
            except sqlite3.Error as failure:  # a full disk, say: what was done is not forgotten over it
                _LOG.exception("what became of a picture cannot be written down")
                self.trouble = f"jobs.sqlite: {failure}"
                if self._stopping:
                    return
                time.sleep(_PAUSE)

    def _edit_direct(self, work: Work, future: Future[Done]) -> None:
        try:
            future.set_result(self._edit(work))
        except HTTPException as error:
            future.set_exception(error)

    def _edit(self, work: Work) -> Done:
        """The picture edited; whatever fails becomes an HTTPException, and what was nobody's fault is logged."""
        try:
            done = self._do(work)
        except HTTPException:
            self._metrics.add("nasjax_pictures_total", outcome="refused", model=work.model)
            raise
        except Exception as error:
            _LOG.exception("model %s failed", work.model)
            self._metrics.add("nasjax_pictures_total", outcome="failed", model=work.model)
            raise HTTPException(500, "the picture could not be edited; the service's log says why") from error
        self._mean += 0.1 * (done.seconds - self._mean)
        self._metrics.add("nasjax_pictures_total", outcome="done", model=work.model)
        self._metrics.observe("nasjax_edit_seconds", done.seconds)
        return done

    def _forget_cancelled(self) -> None:
        """Callers who left make room."""
        self._direct = deque(each for each in self._direct if not each[1].cancelled())
