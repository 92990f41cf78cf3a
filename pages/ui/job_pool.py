"""Long work in processes of their own (`python -m usl_core.worker`): started once per key, watched, cancelled, outlived.

The pool belongs to the server, not to a session: whoever asks for the same key sees the same job, in a second tab and after a
reload. A job remembers which sessions want it, and is only cancelled when the last of them lets go.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import IO, Any, Literal

import usl_core
from usl_core.store import ENV_CACHE_DIR, default_cache_dir

log = logging.getLogger(__name__)

MAX_RUNNING = 2
MAX_REMEMBERED = 64
KILL_AFTER_SECONDS = 1.5
"""After this the process of a cancelled job is killed; it ends by itself after 1 s unless it is stopped or swapped out."""

Status = Literal["waiting", "running", "stopping", "done", "failed", "cancelled"]
ACTIVE: tuple[Status, ...] = ("waiting", "running", "stopping")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is known of a job at one moment.

    Args:
        id: unguessable; names its files in addresses.
        key: what it computes; one job per key.
        task: see `usl_core.tasks`.
        status: "waiting" for its turn, "running", "stopping" (cancelled, not gone yet), or how it ended.
        fraction: done, in [0, 1].
        note: what it is doing.
        error: why it failed, for the user.
        crashed: it failed by no mistake of the user's.
        result: of the task.
        started: `time.monotonic()` when it was asked for.
    """

    id: str
    key: str
    task: str
    status: Status = "waiting"
    fraction: float = 0.0
    note: str = ""
    error: str = ""
    crashed: bool = False
    result: Mapping[str, Any] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    @property
    def active(self) -> bool:
        return self.status in ACTIVE

    @property
    def seconds(self) -> float:
        """Since it was asked for."""
        return time.monotonic() - self.started


class _Entry:
    """A job and what belongs to it."""

    def __init__(self, job: Job, arguments: Mapping[str, Any]) -> None:
        self.job, self.arguments = job, arguments
        self.wanted_by: set[str] = set()
        self.process: subprocess.Popen[str] | None = None


class JobPool:
    """All jobs of this server. Every method may be called from any thread.

    Args:
        is_alive: whether a session still has a page open; those that have not cannot keep a job from being cancelled.
        max_running: processes at a time; further jobs wait.
        command: what to start.
    """

    def __init__(
        self,
        is_alive: Callable[[str], bool] = lambda session: True,
        max_running: int = MAX_RUNNING,
        command: tuple[str, ...] = (sys.executable, "-m", "usl_core.worker"),
    ) -> None:
        self._is_alive, self._max_running, self._command = is_alive, max_running, command
        self._lock = threading.RLock()
        self._entries: dict[str, _Entry] = {}
        self._folder: Path | None = None
        self._closed = False

    def start(self, key: str, task: str, arguments: Mapping[str, Any], session: str, *, afresh: bool = False) -> Job:
        """Ask for a job. If one of that key waits, runs or is done already, that is it; one that failed starts again.

        Args:
            key: one job per key.
            task: see `usl_core.tasks`.
            arguments: of the task; `{out}` stands for a folder of the job's own, which lives as long as the job is remembered.
            session: who wants it.
            afresh: also if it is done.
        """
        with self._lock:
            entry = self._entries.get(key)
            ended = ("failed", "cancelled", "stopping", *(("done",) if afresh else ()))
            if entry is None or entry.job.status in ended:
                if entry is not None:
                    self._forget(key)
                job = Job(id=secrets.token_urlsafe(16), key=key, task=task)
                out = str(self._own_folder(job.id)) if "{out}" in arguments.values() else ""
                entry = _Entry(job, {name: out if value == "{out}" else value for name, value in arguments.items()})
                self._entries[key] = entry
                self._trim()
            entry.wanted_by.add(session)
            self._advance()
            return entry.job

    def find(self, key: str) -> Job | None:
        """The job of that key, if it is remembered."""
        with self._lock:
            entry = self._entries.get(key)
            return None if entry is None else entry.job

    def file_of(self, job_id: str) -> Path | None:
        """The file that a finished job made."""
        with self._lock:
            for entry in self._entries.values():
                if secrets.compare_digest(entry.job.id, job_id) and entry.job.status == "done" and "file" in entry.job.result:
                    return Path(entry.job.result["file"])
        return None

    def let_go(self, key: str, session: str) -> bool:
        """A session does not want the job any longer.

        Returns:
            Whether the job is cancelled; not so if another session that is alive still wants it.
        """
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or not entry.job.active:
                return True
            entry.wanted_by.discard(session)
            entry.wanted_by = {other for other in entry.wanted_by if self._is_alive(other)}
            if entry.wanted_by:
                return False
            if entry.process is None:
                entry.job = replace(entry.job, status="cancelled")
            elif entry.job.status == "running":
                entry.job = replace(entry.job, status="stopping")
                _ask_to_stop(entry.process)
            return True

    def close(self) -> None:
        """Stop everything; for the end of the server."""
        with self._lock:
            self._closed = True
            processes = [entry.process for entry in self._entries.values() if entry.process and entry.job.active]
            for process in processes:
                _ask_to_stop(process)
        for process in processes:
            process.wait()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _own_folder(self, name: str) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="usl-explorer-"))
        return self._folder / name

    def _trim(self) -> None:
        ended = [key for key, entry in self._entries.items() if not entry.job.active]
        for key in ended[: max(len(self._entries) - MAX_REMEMBERED, 0)]:
            self._forget(key)

    def _forget(self, key: str) -> None:
        entry = self._entries.pop(key)
        if self._folder is not None:
            shutil.rmtree(self._folder / entry.job.id, ignore_errors=True)

    def _advance(self) -> None:
        """Start what waits, oldest first, while there is room."""
        running = sum(entry.job.status in ("running", "stopping") for entry in self._entries.values())
        for entry in self._entries.values():
            if self._closed or running >= self._max_running:
                break
            if entry.job.status == "waiting":
                self._launch(entry)
                running += 1

    def _launch(self, entry: _Entry) -> None:
        home = Path(usl_core.__file__).parents[1]
        # The folder that the app was started in may be another one, and relative paths in the environment mean that one.
        environment = {**os.environ, ENV_CACHE_DIR: str(default_cache_dir().absolute()), "OMP_WAIT_POLICY": "PASSIVE"}
        errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - closed by its reader
        process = subprocess.Popen(
            self._command,
            cwd=home,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
            errors="replace",
        )
        entry.process = process
        entry.job = replace(entry.job, status="running", note="starting")
        with contextlib.suppress(BrokenPipeError):  # it died at once; its reader will see that
            assert process.stdin is not None
            process.stdin.write(json.dumps({"task": entry.job.task, "arguments": dict(entry.arguments)}) + "\n")
            process.stdin.flush()
        threading.Thread(target=self._follow, args=(entry, process, errors), name="job", daemon=True).start()

    def _follow(self, entry: _Entry, process: subprocess.Popen[str], errors: IO[str]) -> None:
        """Read what the process says until it ends; its own thread."""
        last: dict[str, Any] = {}
        assert process.stdout is not None
        for line in process.stdout:
            try:
                last = json.loads(line)
            except ValueError:
                log.warning("a worker wrote %r", line[:200])
                continue
            if "progress" in last:
                with self._lock:
                    entry.job = replace(entry.job, fraction=last["progress"], note=last["note"])
        code = process.wait()
        with contextlib.suppress(BrokenPipeError):
            assert process.stdin is not None
            process.stdin.close()
        errors.seek(0)
        said = errors.read()
        errors.close()
        with self._lock:
            entry.job = _ended(entry.job, last, code, said)
            entry.process = None
            self._advance()


def _ended(job: Job, last: Mapping[str, Any], code: int, said: str) -> Job:
    """How a job ended, from the last line that its process wrote, its exit status and its standard error."""
    if "result" in last:
        return replace(job, status="done", fraction=1.0, result=last["result"])
    if "error" in last:
        return replace(job, status="failed", error=last["error"])
    if job.status == "stopping" or "cancelled" in last:
        return replace(job, status="cancelled")
    log.error("the job %s stopped with exit status %d:\n%s", job.task, code, said[-4000:])
    return replace(job, status="failed", crashed=True, error=last.get("crash") or _cause_of_death(code, said))


def _cause_of_death(code: int, said: str) -> str:
    if code < 0:
        name = signal.Signals(-code).name if -code in signal.valid_signals() else str(-code)
        memory = "; the system does that when memory runs out" if name == "SIGKILL" else ""
        return f"its process was killed ({name}){memory}"
    lines = said.strip().splitlines()
    return f"its process ended with exit status {code}" + (f": {lines[-1][:300]}" if lines else "")


def _ask_to_stop(process: subprocess.Popen[str]) -> None:
    """Tell the worker, and make sure."""
    with contextlib.suppress(OSError, ValueError):  # it is gone already
        assert process.stdin is not None
        process.stdin.write("cancel\n")
        process.stdin.flush()
    killer = threading.Timer(KILL_AFTER_SECONDS, process.kill)  # does nothing to a process that has ended
    killer.daemon = True
    killer.start()


def _has_a_page_open(session: str) -> bool:
    from streamlit import runtime

    return not runtime.exists() or runtime.get_instance().is_active_session(session)


@cache
def pool() -> JobPool:
    """The pool of this server."""
    made = JobPool(_has_a_page_open)
    atexit.register(made.close)
    return made
