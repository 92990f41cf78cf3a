"""Long work in processes of their own (`python -m usl_core.jobs.worker`): started once per key, watched, cancelled, outlived.

The pool belongs to the server, not to a session: whoever asks for the same key sees the same job, in a second tab and after a
reload. A job remembers which sessions want it, and is only cancelled when the last of them lets go. Who starts one says what
for: a visitor asked for it, a page needs it, or it is made in the background. By that `queue` decides which job goes first,
makes room and ends. `crew` holds the processes, `child` is one, `folder` has the files that jobs make.

A job that is stopping keeps its place until its process is gone; asked for again meanwhile, it waits for that and starts anew.
Showing it (`want`) is not asking for it (`start`).
"""

from __future__ import annotations

import atexit
import logging
import secrets
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from usl_core.images.subsets import source_parts

from .child import KILL_AFTER_SECONDS
from .crew import Crew
from .folder import JobFolder
from .queue import Entry, next_to_start, to_make_room, unwanted
from .state import Job, Purpose, Status, file_named_by, stronger

log = logging.getLogger(__name__)

MAX_RUNNING = 2
MAX_REMEMBERED = 64
TICK_SECONDS = 1.0
"""Between two looks at who is still there."""


class JobPool:
    """All jobs of this server. Every method may be called from any thread and returns at once.

    Args:
        is_alive: whether a session still has a page open; those that have not cannot keep a job from being cancelled.
        max_running: processes at a time; further jobs wait.
        command: what to start.
    """

    def __init__(
        self,
        is_alive: Callable[[str], bool] = lambda session: True,
        max_running: int = MAX_RUNNING,
        command: tuple[str, ...] = (sys.executable, "-m", "usl_core.jobs.worker"),
    ) -> None:
        self._is_alive, self._max_running, self._command = is_alive, max_running, command
        self._lock = threading.RLock()
        self._entries: dict[str, Entry] = {}
        self._folder = JobFolder()
        self._crew = Crew(self._lock, self._folder, self._end)
        self._closed = threading.Event()
        self._is_watched = False

    def start(
        self,
        key: str,
        task: str,
        arguments: Mapping[str, Any],
        session: str,
        *,
        purpose: Purpose = "asked",
        afresh: bool = False,
    ) -> Job:
        """Ask for a job. If one of that key waits, runs or is done already, that is it; one that failed, was cancelled or is
        stopping starts again, the last once its process is gone.

        Args:
            key: one job per key.
            task: see `usl_core.jobs.tasks`.
            arguments: of the task; `{out}` stands for a folder of the job's own, which lives as long as the job is remembered.
            session: who wants it.
            purpose: what for, see `queue`.
            afresh: also if it is done.
        """
        with self._lock:
            entry = self._known(key)
            over: tuple[Status, ...] = ("failed", "cancelled", "stopping", *(("done",) if afresh else ()))
            if entry is None or entry.job.status in over:
                if entry is not None:
                    self._forget(entry)
                status: Status = "cancelled" if self._closed.is_set() else "waiting"
                job = Job(id=secrets.token_urlsafe(16), key=key, task=task, purpose=purpose, status=status)
                entry = self._entries[key] = Entry(job, arguments)
                self._trim()
            entry.job = replace(entry.job, purpose=stronger(entry.job.purpose, purpose))
            entry.want(session)
            self._advance()
            return entry.job

    def want(self, key: str, session: str) -> None:
        """A session shows the job, so that it goes on for its sake too; starts nothing, nor anything again."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry.job.status in ("waiting", "running"):
                entry.want(session)

    def find(self, key: str) -> Job | None:
        """The job of that key, if it is remembered."""
        with self._lock:
            entry = self._known(key)
            return None if entry is None else entry.job

    @property
    def is_idle(self) -> bool:
        """No job waits or runs, nor is any on its way out."""
        with self._lock:
            return not self._has_work()

    def file_of(self, job_id: str) -> Path | None:
        """The file that a finished job made."""
        with self._lock:
            entry = self._with_id(job_id)
            path = file_named_by(entry.job) if entry is not None and entry.job.status == "done" else None
            return path if path is not None and self._folder.holds(path, job_id) else None

    def source_of(self, job_id: str) -> str | None:
        """What a job is about, if its task has a source."""
        with self._lock:
            entry = self._with_id(job_id)
            return None if entry is None else entry.arguments.get("source")

    def _with_id(self, job_id: str) -> Entry | None:
        asked = job_id.encode("utf-8", "surrogatepass")
        return next((one for one in self._entries.values() if secrets.compare_digest(one.job.id.encode(), asked)), None)

    def let_go(self, key: str, session: str) -> bool:
        """A session does not want the job any longer.

        Returns:
            Whether the job is cancelled; not so if another session that is alive still wants it.
        """
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return True
            entry.wanted_by.discard(session)
            if not entry.job.active:
                return True
            entry.wanted_by = set(filter(self._is_here, entry.wanted_by))
            if entry.wanted_by:
                return False
            self._stop(entry)
            self._advance()
            return True

    def end_all_of(self, path: str) -> None:
        """What is looked at there is going: stop and forget every job about it or a split of it."""
        with self._lock:
            for entry in [*self._entries.values()]:
                source = entry.arguments.get("source")
                if isinstance(source, str) and source_parts(source).path == path:
                    self._stop(entry)
                    self._forget(entry)
            self._advance()

    def close(self) -> None:
        """Stop everything, for the end of the server; returns when the processes are gone."""
        self._closed.set()
        with self._lock:
            for entry in [*self._entries.values(), *self._crew.live]:
                if entry.job.active:
                    self._stop(entry)
        self._crew.join(4 * KILL_AFTER_SECONDS)
        with self._lock:
            self._folder.close()

    def _known(self, key: str) -> Entry | None:
        """The job of that key, unless the file that it made is gone."""
        entry = self._entries.get(key)
        if entry is not None and entry.job.status == "done":
            path = file_named_by(entry.job)
            if path is not None and not self._folder.holds(path, entry.job.id):
                self._forget(entry)
                return None
        return entry

    def _is_here(self, session: str) -> bool:
        try:
            return self._is_alive(session)
        except Exception:  # no reason to throw a visitor's work away
            log.exception("whether the session %s is there cannot be told", session)
            return True

    def _trim(self) -> None:
        """Forget ended jobs beyond the limit: first those that no page shows, then the oldest."""
        excess = len(self._entries) - MAX_REMEMBERED
        if excess > 0:
            ended = [entry for entry in self._entries.values() if not entry.job.active]
            for entry in sorted(ended, key=lambda entry: any(map(self._is_here, entry.wanted_by)))[:excess]:
                self._forget(entry)

    def _forget(self, entry: Entry) -> None:
        del self._entries[entry.job.key]
        if entry.child is None:  # else at its end: it is still writing
            self._folder.forget(entry.job.id)

    def _stop(self, entry: Entry) -> None:
        if entry.child is None:
            entry.job = replace(entry.job, status="cancelled")
        elif entry.job.status == "running":
            entry.job = replace(entry.job, status="stopping")
            entry.child.stop()

    def _advance(self) -> None:
        """Start what is next while there is room."""
        now = time.monotonic()
        while not self._closed.is_set() and len(self._crew.live) < self._max_running:
            entry = next_to_start(self._waiting(), self._crew.live, now)
            if entry is None:
                break
            self._crew.launch(entry, self._command)
        if not self._is_watched and not self._closed.is_set() and self._has_work():
            self._is_watched = True
            try:
                threading.Thread(target=self._watch, name="jobs", daemon=True).start()
            except RuntimeError:  # no more threads; the next that asks tries again
                self._is_watched = False

    def _has_work(self) -> bool:
        return bool(self._crew.live) or any(entry.job.active for entry in self._entries.values())

    def _waiting(self) -> list[Entry]:
        return [entry for entry in self._entries.values() if entry.job.status == "waiting"]

    def _watch(self) -> None:
        """See to it that what nobody wants ends and what somebody waits for gets a place; a thread while there are jobs."""
        while not self._closed.wait(TICK_SECONDS):
            with self._lock:
                try:
                    self._tend(time.monotonic())
                finally:
                    self._is_watched = False
                if not self._has_work():
                    break
                self._is_watched = True

    def _tend(self, now: float) -> None:
        for entry in self._entries.values():
            if entry.job.active:
                entry.look_around(self._is_here, now)
        for entry in unwanted(self._entries.values(), now):
            self._stop(entry)
            self._forget(entry)
        self._advance()
        leaving = to_make_room(self._waiting(), self._crew.live, self._max_running, now)
        if leaving is not None:
            again = Entry(replace(leaving.job, status="waiting", fraction=0.0, note=""), leaving.arguments)
            again.wanted_by, again.seen, again.alone_since = leaving.wanted_by, leaving.seen, leaving.alone_since
            self._entries[leaving.job.key] = again
            self._stop(leaving)

    def _end(self, entry: Entry) -> None:
        """A place is free. What a process has made counts, even if it was to make room."""
        known = self._entries.get(entry.job.key)
        if known is None or known.job.id != entry.job.id:
            self._folder.forget(entry.job.id)
        elif known.job.status == "waiting" and entry.job.status == "done":
            known.job = entry.job
        self._advance()


def _has_a_page_open(session: str) -> bool:
    from streamlit import runtime

    return not runtime.exists() or runtime.get_instance().is_active_session(session)


@cache
def pool() -> JobPool:
    """The pool of this server."""
    made = JobPool(_has_a_page_open)
    atexit.register(made.close)
    return made


def is_idle() -> bool:
    """Whether the pool of this server, if it has one, has nothing to do."""
    return not pool.cache_info().currsize or pool().is_idle


def close() -> None:
    """End the pool of this server, if it has one."""
    if pool.cache_info().currsize:
        pool().close()
