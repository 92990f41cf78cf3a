"""A real server and a real browser for tests and screenshots."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Page, sync_playwright

from .find_browser import FLAGS, find_browser

ROOT = Path(__file__).resolve().parents[2]
IDLE = "[data-testid=stApp][data-test-connection-state=CONNECTED][data-test-script-state=notRunning]"
"""Nothing runs, and the server is there: without it no control takes a key."""
PATIENCE_SECONDS = 120
"""Until what is waited for has failed to come: long, because how fast it comes depends on what else the machine does."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running app.

    Args:
        address: without a slash at the end.
        process: of the server.
        cache: its cache directory.
    """

    address: str
    process: subprocess.Popen[bytes]
    cache: Path

    def workers(self) -> list[int]:
        """Process ids of the jobs that it has running (Linux only)."""
        task = Path(f"/proc/{self.process.pid}/task")
        children = [int(pid) for thread in task.iterdir() for pid in _told(thread / "children").split()]
        return [pid for pid in children if b"usl_core.jobs.worker" in _told(Path(f"/proc/{pid}/cmdline"))]

    def wait_until_idle(self) -> None:
        """Let the jobs of earlier tests end, so that a test may count its own."""
        self.wait_for_workers(0)

    def wait_for_workers(self, count: int) -> list[int]:
        """The workers, once there are so many."""
        for _ in range(600):
            if len(found := self.workers()) == count:
                return found
            time.sleep(0.1)
        raise AssertionError(f"there are never {count} workers: {self.workers()}")


def _told(file: Path) -> bytes:
    """What the system says of a thread or a process; nothing once it has ended."""
    try:
        return file.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def _own_folders(cache: str) -> dict[str, str]:
    return {
        "USL_CACHE_DIR": cache,
        "USL_ENCODERS_DIR": f"{cache}/encoders",
        "USL_DATASETS_DIR": f"{cache}/datasets",
        "TORCH_HOME": f"{cache}/torch",
        "HF_HOME": f"{cache}/hub",
        "USL_SESSIONS_DIR": f"{cache}/reviews",
    }


_ports: list[int] = []
_logs: dict[str, IO[str]] = {}
"""What the running servers print, by their addresses."""
_browsers: list[BrowserContext] = []
_said: deque[str] = deque(maxlen=40)
"""What pages wrote to their consoles and asked for in vain."""


def _free_port() -> int:
    """One that an earlier server has left, so that the browser has Streamlit from that address already and need not compile it
    again, or a new one."""
    for port in (*_ports, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: only who listens is in the way
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found = int(probe.getsockname()[1])
        if not port:
            _ports.append(found)
        return found
    raise AssertionError("this machine has no port left")


@contextmanager
def running_app(
    script: str = "app.py",
    *,
    port: int | None = None,
    command: Sequence[str] = (),
    folder: Path = ROOT,
    base: str = "",
    **environment: str,
) -> Iterator[Server]:
    """Start the app on a free port of this machine, or on this one; stop it afterwards.

    Args:
        script: that Streamlit runs.
        port: where.
        command: runs in place of Streamlit, and takes the port as `--port`.
        folder: where it runs.
        base: path that all of its addresses begin with, such as /usl.
        environment: what it finds there beside ours.
    """
    if port is None:
        port = _free_port()
    streamlit = [sys.executable, "-m", "streamlit", "run", script, "--server.port", str(port)]
    with tempfile.TemporaryDirectory() as cache, tempfile.TemporaryFile("w+") as log:
        server = subprocess.Popen(
            [*command, "--port", str(port)] if command else streamlit,
            cwd=folder,
            env={
                **os.environ,
                **_own_folders(cache),
                "USL_WARM_UP": "0",
                "STREAMLIT_SERVER_BASE_URL_PATH": base,
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        address = f"http://127.0.0.1:{port}"
        _logs[address] = log
        try:
            _wait_until_up(f"{address}{base}", server, log)
            yield Server(address, server, Path(cache))
        finally:
            _logs.pop(address, None)
            server.terminate()
            server.wait(timeout=20)


def _wait_until_up(address: str, server: subprocess.Popen[bytes], log: IO[str]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the app did not start:\n{_end_of(log)}")
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                return
        except OSError:
            time.sleep(0.05)


@contextmanager
def fresh_browser(**options: object) -> Iterator[BrowserContext]:
    """A browser with a new, empty profile."""
    executable = find_browser()
    if executable is None:
        raise RuntimeError("no browser was found; run `make test`, which installs one")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as profile:
        context = playwright.chromium.launch_persistent_context(profile, executable_path=executable, args=FLAGS, **options)  # type: ignore[arg-type]
        try:
            context.set_default_timeout(1000 * PATIENCE_SECONDS)
            context.on("console", _remember)
            context.on("weberror", lambda failed: _said.append(f"error: {str(failed.error)[:600]}"))
            context.on("requestfailed", lambda asked: _said.append(f"no answer: {asked.url} ({asked.failure})"))
            _browsers.append(context)
            yield context
        finally:
            if context in _browsers:
                _browsers.remove(context)
            context.close()


def _remember(told: ConsoleMessage) -> None:
    if told.type in ("error", "warning") and "GL Driver Message" not in told.text:
        _said.append(f"{told.type} at {told.location.get('url')}: {told.text[:300]}")


def _end_of(log: IO[str]) -> str:
    """What was printed last. The server writes on at the end, wherever this process has read to."""
    with Path(f"/proc/self/fd/{log.fileno()}").open(errors="replace") as its:
        return its.read()[-3000:]


_PAGE = "() => [{...document.querySelector('[data-testid=stApp]')?.dataset}, document.body.innerText.slice(0, 1500)]"
_MAPS = "found => found.map(maps => [{...maps.dataset}, maps.checkVisibility(), maps.innerText.slice(0, 300)])"


def what_is_shown() -> str:
    """What all open pages show, wrote to their consoles, and what the servers printed: for who reads that a test failed."""
    lines = []
    for page in [page for browser in _browsers for page in browser.pages]:
        try:
            shown = [page.evaluate(_PAGE), page.locator(".maps").evaluate_all(_MAPS)]
        except Error as error:  # it may be closed, or never have got anything
            shown = [error]
        lines += [page.url, *(f"    {part}" for part in shown)]
    lines += ["consoles:", *_said]
    for address, log in _logs.items():
        lines.append(f"{address} printed:\n{_end_of(log)}")
    return "\n".join(lines)


def settle(page: Page) -> None:
    """Wait until the script has finished and the page stands still."""
    page.wait_for_selector(IDLE)
    page.wait_for_timeout(300)
    page.wait_for_selector(IDLE)
