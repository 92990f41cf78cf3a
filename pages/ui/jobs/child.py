"""One worker process: started, told its task, listened to until it ends, stopped when asked.

Whatever it does, it costs no more than its own job: lines that are no protocol are passed over, a line may only be so long, and
one that does not end by itself when it is cancelled is killed.
"""

from __future__ import annotations

import contextlib
import json
import logging
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import usl_core
from usl_core.cache.store import ENV_CACHE_DIR, default_cache_dir

from .. import threads

log = logging.getLogger(__name__)

KILL_AFTER_SECONDS = 1.5
"""After this the process of a cancelled job is killed; it ends by itself after 1 s unless it is stopped or swapped out."""
MAX_LINE = 64 * 2**20
"""Bytes of one line; the longest is the result, which has to fit into memory."""
MAX_NOTE = 300
"""Characters of what a job says that it is doing."""
MAX_WARNINGS = 10
"""Lines of a worker that are no protocol and are logged; further ones are counted."""
_SAID_BYTES = 16_384  # of its standard error, from the end
_DRAIN_SECONDS = 2.0  # something that it has started may hold the pipe open for longer than it lives
_ANSWERS: Mapping[str, type] = {"result": dict, "error": str, "cancelled": bool, "crash": str}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a process ended.

    Args:
        code: its exit status, negative for a signal; None if it was stopped before it started.
        answer: its last line, see `usl_core.jobs.worker`; empty if there was none.
        is_unreadable: it gave an answer, but one that nobody can read.
        said: the end of its standard error.
    """

    code: int | None
    answer: Mapping[str, Any] = field(default_factory=dict)
    is_unreadable: bool = False
    said: str = ""

    def cause(self) -> str:
        """Why there is no result, for the user."""
        if self.answer.get("crash"):
            return str(self.answer["crash"])
        if self.is_unreadable:
            return "its answer cannot be read"
        if self.code is not None and self.code < 0:
            name = _signal_name(-self.code)
            memory = "; the system does that when memory runs out" if name == "SIGKILL" else ""
            return f"its process was killed ({name}){memory}"
        lines = self.said.strip().splitlines()
        return f"its process ended with exit status {self.code}" + (f": {lines[-1][:300]}" if lines else "")


class Child:
    """A worker process that does one task.

    Args:
        command: what to start.
        on_progress: called with the fraction done, if it is known, and a note.
    """

    def __init__(self, command: Sequence[str], on_progress: Callable[[float | None, str], None]) -> None:
        self._command, self._on_progress = command, on_progress
        self._stop = threading.Event()
        self._answer: Mapping[str, Any] = {}
        self._is_unreadable, self._n_strange, self._said = False, 0, b""
        self.process: subprocess.Popen[bytes] | None = None

    def run(self, request: Mapping[str, Any]) -> Outcome:
        """From the start of the process to its end; its own thread.

        Args:
            request: what it is told, see `usl_core.jobs.worker`.

        Raises:
            OSError: it cannot be started.
            RuntimeError: there is no thread to listen to it.
        """
        if self._stop.is_set():
            return Outcome(code=None)
        told = json.dumps(request).encode() + b"\n"
        process = self.process = _start(self._command)
        try:
            if self._stop.is_set():  # while it started
                self._kill_soon()
            _in_thread("job-input", self._tell, process.stdin, told)
            readers = [
                _in_thread("job-output", self._listen, process.stdout),
                _in_thread("job-errors", self._overhear, process.stderr),
            ]
            code = process.wait()
            for reader in readers:
                reader.join(_DRAIN_SECONDS)
        finally:
            self._stop.set()
            process.kill()  # does nothing to a process that has ended
            process.wait()
        said = self._said.decode("utf-8", "replace")
        return Outcome(code=code, answer=self._answer, is_unreadable=self._is_unreadable, said=said)

    def stop(self) -> None:
        """Tell it that nobody wants the work, and make sure; returns at once."""
        self._stop.set()
        if self.process is not None:
            self._kill_soon()

    def _kill_soon(self) -> None:
        assert self.process is not None
        killer = threading.Timer(KILL_AFTER_SECONDS, self.process.kill)
        killer.daemon = True
        try:
            killer.start()
        except RuntimeError:  # no more threads
            self.process.kill()

    def _tell(self, pipe: IO[bytes], told: bytes) -> None:
        """Its input: the task, and the end once nobody wants it. A process that does not read holds up this thread alone."""
        with contextlib.suppress(OSError), pipe:  # it has ended; who waits for it sees that
            if not self._stop.is_set():
                pipe.write(told)
                pipe.flush()
                self._stop.wait()

    def _listen(self, pipe: IO[bytes]) -> None:
        with pipe:
            for line in _lines(pipe):
                try:
                    self._take(line)
                except Exception:  # a line costs no more than itself, and the pipe must not fill up
                    log.exception("what a worker wrote was not taken: %r", line[:200])
        if self._n_strange > MAX_WARNINGS:
            log.warning("a worker wrote %d more such lines", self._n_strange - MAX_WARNINGS)

    def _overhear(self, pipe: IO[bytes]) -> None:
        """Its standard error, of which the end is kept."""
        with pipe:
            while said := pipe.read1(_SAID_BYTES):  # type: ignore[attr-defined]
                self._said = (self._said + said)[-_SAID_BYTES:]

    def _take(self, line: bytes) -> None:
        message = _parsed(line)
        if "progress" in message and not self._answer:
            self._on_progress(_fraction(message["progress"]), str(message.get("note", ""))[:MAX_NOTE])
            return
        found = {name: message[name] for name, kind in _ANSWERS.items() if isinstance(message.get(name), kind)}
        if found and not self._answer:
            self._answer, self._is_unreadable = found, False
        else:
            self._n_strange += 1
            if self._n_strange <= MAX_WARNINGS:
                log.warning("a worker wrote %r", line[:200])
            self._is_unreadable |= not self._answer and (not line or any(name in message for name in _ANSWERS))


def _in_thread(name: str, act: Callable[..., None], *given: object) -> threading.Thread:
    thread = threading.Thread(target=act, args=given, name=name, daemon=True)
    thread.start()
    return thread


def _start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    # The folder that the app was started in may be another one, and relative paths in the environment mean that one.
    environment = {**threads.for_workers(), ENV_CACHE_DIR: str(default_cache_dir().absolute())}
    return subprocess.Popen(
        command,
        cwd=Path(usl_core.__file__).parents[1],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the server, which tells its workers
    )


def _lines(pipe: IO[bytes]) -> Iterator[bytes]:
    """Line by line; nothing in place of one that is too long."""
    while line := pipe.readline(MAX_LINE):
        is_whole = len(line) < MAX_LINE or line.endswith(b"\n")
        more = line
        while len(more) >= MAX_LINE and not more.endswith(b"\n"):
            more = pipe.readline(MAX_LINE)
        yield line if is_whole else b""


def _parsed(line: bytes) -> Mapping[str, Any]:
    """The JSON object of a line; nothing if it is none."""
    try:
        message = json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def _fraction(value: object) -> float | None:
    """In [0, 1]; None for what is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    return float(min(max(value, 0), 1))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # those for real-time have none
        return f"signal {number}"
