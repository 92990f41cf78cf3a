"""The jobs of a pool that have a process: launched, followed to their end by a thread each, so that nobody waits for either."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from .child import Child
from .folder import JobFolder
from .queue import Entry
from .state import ended, not_started


class Crew:
    """Whatever has a process, also what is on its way out.

    Args:
        lock: of the pool; whoever calls a method but `join` holds it.
        folder: where jobs put their files.
        when_free: called with the lock held after a process has gone and its job knows how it ended.
    """

    def __init__(self, lock: threading.RLock, folder: JobFolder, when_free: Callable[[Entry], None]) -> None:
        self._lock, self._folder, self._when_free = lock, folder, when_free
        self._threads: dict[Entry, threading.Thread] = {}

    @property
    def live(self) -> list[Entry]:
        """The jobs that take a place, the oldest process first."""
        return list(self._threads)

    def launch(self, entry: Entry, command: Sequence[str]) -> None:
        """Give a job a process. If that fails, so does the job, and nothing else."""
        entry.job = replace(entry.job, status="running", note="starting")
        entry.child = Child(command, partial(self._progress, entry))
        thread = threading.Thread(target=self._follow, args=(entry, entry.child), name="job", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # no more threads
            entry.job, entry.child = not_started(entry.job, error), None
        else:
            self._threads[entry] = thread

    def join(self, seconds: float) -> None:
        """Wait until all processes have gone, but only so long: what hangs in the kernel never goes."""
        until = time.monotonic() + seconds
        with self._lock:
            threads = list(self._threads.values())
        for thread in threads:
            thread.join(max(until - time.monotonic(), 0))

    def _follow(self, entry: Entry, child: Child) -> None:
        try:
            how = partial(ended, outcome=child.run(self._request(entry)))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this job's failure and not the pool's
            how = partial(not_started, error=error)
        with self._lock:
            del self._threads[entry]
            entry.job, entry.child = how(entry.job), None
            self._when_free(entry)

    def _request(self, entry: Entry) -> dict[str, Any]:
        arguments = dict(entry.arguments)
        if "{out}" in arguments.values():
            with self._lock:
                out = str(self._folder.of(entry.job.id))
            arguments = {name: out if value == "{out}" else value for name, value in arguments.items()}
        return {"task": entry.job.task, "arguments": arguments, "background": entry.job.purpose == "background"}

    def _progress(self, entry: Entry, fraction: float | None, note: str) -> None:
        with self._lock:
            entry.job = replace(entry.job, fraction=entry.job.fraction if fraction is None else fraction, note=note)
