"""One at a time on every platform: the locks of other systems, as far as they can be had or imitated here."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from usl_core import UslError
from usl_core.review import store, turns
from usl_core.review.store import Owner, SessionHeld, open_session

ROOT = Path(__file__).resolve().parents[3]


class Msvcrt(SimpleNamespace):
    """What Windows does, as its documentation has it: one byte at the position of a descriptor; who comes second is refused."""

    LK_NBLCK, LK_UNLCK = 2, 0

    def __init__(self) -> None:
        super().__init__(held={}, turn=threading.Lock())

    def locking(self, fd: int, how: int, n: int) -> None:
        file = os.fstat(fd)
        place = (file.st_ino, os.lseek(fd, 0, os.SEEK_CUR), n)
        with self.turn:
            if how == self.LK_UNLCK:
                assert self.held.pop(place) == fd
            elif place in self.held:
                raise PermissionError(13, "Permission denied")
            else:
                self.held[place] = fd


@pytest.fixture(params=["darwin", "win32"])
def platform(request, monkeypatch) -> str:
    """Only `turns` takes this for another system."""
    monkeypatch.setitem(sys.modules, "msvcrt", Msvcrt())
    monkeypatch.setattr(turns, "sys", SimpleNamespace(platform=request.param))
    return str(request.param)


def test_of_many_that_open_at_once_one_gets_it(platform):
    def open_it(number: int) -> bool:
        try:
            open_session("/some/folder", Owner.new(f"tab {number}"))
        except SessionHeld:
            return False
        return True

    for _ in range(5):
        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(open_it, range(8))) == 1
        for owner in store.sessions_dir().glob("*.owner"):
            owner.unlink()
    assert len(list(store.sessions_dir().glob("*.lock"))) == 1


def test_whoever_waits_too_long_is_told(platform, tmp_path, monkeypatch):
    monkeypatch.setattr(turns, "PATIENCE", 0.05)
    one, other = tmp_path / "a.json", tmp_path / "b.json"
    refused = pytest.raises(UslError, match="written by somebody else")
    with turns.turn(one), turns.turn(other), refused, turns.turn(one):
        pass
    with turns.turn(one):
        pass


def test_a_killed_process_lets_go(tmp_path, monkeypatch):
    monkeypatch.setattr(turns, "sys", SimpleNamespace(platform="darwin"))
    code = (
        "import sys, time; from pathlib import Path; from types import SimpleNamespace; from usl_core.review import turns\n"
        "turns.sys = SimpleNamespace(platform='darwin')\n"
        "with turns.turn(Path(sys.argv[1])): print('in', flush=True); time.sleep(60)"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "a.json")]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "in\n"
        assert turns._take(tmp_path / "a.json") is None
        other.kill()
    release = turns._take(tmp_path / "a.json")
    assert release is not None
    release()


def test_a_folder_without_locks_keeps_nobody_out(platform, tmp_path):
    for number in (1, 2):
        with turns.turn(tmp_path / "nowhere" / f"{number}.json"):
            pass
