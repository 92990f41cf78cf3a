"""Finished reports go with their server, however it ends, and so do its workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from pages.ui.jobs import folder as job_folder
from pages.ui.jobs.folder import LOCK, PREFIX, JobFolder

from .job_helpers import WORKER, until

ROOT = Path(__file__).resolve().parents[2]

# A server with the app's own start and end, and two jobs: one that has made a file, one that runs.
SERVER = f"""
import sys, time, uvicorn
from starlette.applications import Starlette
from pages.ui.jobs import pool as job_pool
from pages.ui.server.lifespan import lifespan
from pages.ui.threads import share_cores
share_cores()
made = job_pool.pool()
made._command = (sys.executable, "-c", {WORKER!r})
made.start("file", "file", {{"out": "{{out}}"}}, "me")
made.start("busy", "stubborn", {{}}, "me")
while made.find("file").active or made.find("busy").note != "begun":
    time.sleep(0.01)
print(made._entries["busy"].process.pid, made.file_of(made.find("file").id), flush=True)
uvicorn.run(Starlette(lifespan=lifespan), port=0, log_level="info")
"""


@contextmanager
def server(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int, Path]]:
    """A running server, its worker, and the file that it offers."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    worker = ""
    try:
        worker, path = process.stdout.readline().split()
        for line in process.stderr:
            if "running on" in line:
                break
        yield process, int(worker), Path(path)
    finally:
        process.kill()
        process.communicate()
        if worker:
            with suppress(ProcessLookupError):  # it stands for a worker and notices nothing
                os.kill(int(worker), signal.SIGKILL)


def is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"  # in a container nobody may collect an orphan that has ended


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks at processes by their files")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_of_a_server_that_is_told_to_end(tmp_path, how):
    with server(tmp_path) as (process, worker, path):
        assert path.read_text() == "made"
        assert path.is_relative_to(tmp_path)
        process.send_signal(how)
        process.communicate(timeout=30)
        assert is_gone(worker)
    assert [found for found in tmp_path.iterdir() if found.name.startswith(PREFIX)] == []


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks at processes by their files")
def test_the_next_server_tidies_up_after_one_that_was_killed_and_not_after_one_that_lives(tmp_path):
    with server(tmp_path) as (killed, _, left), server(tmp_path) as (_, _, kept):
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert left.exists()
        with server(tmp_path):
            until(lambda: not left.exists())
            until(lambda: not left.parents[1].exists())
            assert kept.read_text() == "made"


# ---------------------------------------------------------------- what is swept and what is not


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def left_behind(folder: Path, name: str = "old") -> Path:
    """A folder whose owner is gone."""
    path = folder / f"{PREFIX}{name}"
    (path / "job").mkdir(parents=True)
    (path / "job" / "report.html").write_text("x")
    (path / LOCK).touch()
    return path


def test_own_folders_are_made_when_they_are_wanted_and_go(temporary):
    folder = JobFolder()
    assert list(temporary.iterdir()) == []
    folder.forget("x")
    place = folder.of("x")
    assert place == folder.of("x")
    place.mkdir()
    (place / "f").touch()
    assert folder.holds(place / "f", "x")
    assert not folder.holds(place / "f", "y")
    assert not folder.holds(place / "other", "x")
    job_folder.sweep()
    assert place.exists(), "its own server lives"
    folder.forget("x")
    assert not place.exists()
    folder.close()
    folder.close()
    assert list(temporary.iterdir()) == []


def test_what_nobody_owns_any_more_goes(temporary):
    old = [left_behind(temporary, name) for name in "ab"]
    job_folder.sweep()
    assert not any(path.exists() for path in old)


def test_what_may_be_somebody_elses_stays(temporary, tmp_path_factory):
    elsewhere = left_behind(tmp_path_factory.mktemp("elsewhere"))
    link = temporary / f"{PREFIX}link"
    link.symlink_to(elsewhere)
    unlocked = left_behind(temporary, "unlocked")
    (unlocked / LOCK).unlink()
    linked_lock = left_behind(temporary, "linked-lock")
    (linked_lock / LOCK).unlink()
    (linked_lock / LOCK).symlink_to(elsewhere / LOCK)
    file = temporary / f"{PREFIX}file"
    file.touch()
    other = left_behind(temporary).rename(temporary / "another-program")
    job_folder.sweep()
    assert all(path.exists() for path in (elsewhere / "job", link, unlocked, linked_lock, file, other))


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no users here")
def test_what_belongs_to_another_user_stays(temporary, monkeypatch):
    theirs = left_behind(temporary)
    monkeypatch.setattr(os, "getuid", lambda: theirs.stat().st_uid + 1)
    job_folder.sweep()
    assert theirs.exists()


def test_a_folder_that_cannot_be_removed_stops_no_sweep(temporary, monkeypatch):
    bad, good = left_behind(temporary, "a"), left_behind(temporary, "b")
    real = job_folder.shutil.rmtree

    def rmtree(path: Path, **named: bool) -> None:
        if path == bad:
            raise PermissionError("no")
        real(path, **named)

    monkeypatch.setattr(job_folder.shutil, "rmtree", rmtree)
    job_folder.sweep()
    assert bad.exists()
    assert not good.exists()


# ---------------------------------------------------------------- idle threads


@pytest.mark.parametrize(("own", "seen"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_idle_openmp_threads_of_the_server_sleep_unless_somebody_wants_them_to_spin(own, seen):
    environment = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    code = (
        "import os, sys, app\n"
        "loaded = open('/proc/self/maps').read() if os.path.exists('/proc/self/maps') else ''\n"
        "print(os.environ['OMP_WAIT_POLICY'], 'gomp' in loaded or 'iomp' in loaded)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment | ({} if own is None else {"OMP_WAIT_POLICY": own}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [seen, "False"], "before anything loads OpenMP"
