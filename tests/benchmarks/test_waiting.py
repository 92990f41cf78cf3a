"""The benchmarks never hang: what waits without a limit of its own is ended from outside, and the error names what it was."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from benchmarks import processes
from benchmarks.moves import Move, to_pixels
from benchmarks.waiting import NotCome, within


@pytest.fixture
def sleeper():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


def test_what_waits_for_ever_is_ended(sleeper):
    with pytest.raises(NotCome, match=r"the picture did not come within 0\.1 s"), within(0.1, "the picture", sleeper.kill):
        sleeper.wait()
    assert sleeper.returncode


def test_what_fails_because_it_was_ended_says_what_did_not_come():
    is_ended = threading.Event()

    def fail_when_ended() -> None:
        assert is_ended.wait(60)
        raise OSError("the browser has gone")

    with pytest.raises(NotCome, match="the picture did not come") as caught, within(0.05, "the picture", is_ended.set):
        fail_when_ended()
    assert isinstance(caught.value.__cause__, OSError)


def test_what_fails_by_itself_says_so():
    with pytest.raises(OSError, match="no disk"), within(60, "the picture", lambda: pytest.fail("it was ended")):
        raise OSError("no disk")


def test_what_comes_in_time_is_left_alone(sleeper):
    with within(60, "the picture", sleeper.kill):
        pass
    assert sleeper.poll() is None


def test_only_browsers_are_ended(tmp_path):
    """By their command lines: the browser itself, not a process of it, and nobody else's child."""
    code, me = "import time; print(flush=True); time.sleep(600)", os.getpid()
    of_other_tests = processes.browsers(me)
    kinds = ([], ["--user-data-dir=x"], ["--user-data-dir=x", "--type=renderer"])
    started = [subprocess.Popen([sys.executable, "-c", code, *kind], stdout=subprocess.PIPE) for kind in kinds]
    try:
        for process in started:
            assert process.stdout is not None
            process.stdout.readline()
        assert set(processes.browsers(me)) - set(of_other_tests) == {started[1].pid}
        assert "renderer" in processes.memory_by_kind(me)
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_moves_that_brought_no_picks_have_no_median():
    moves = [Move(whole=1.0, pixels=pixels, all=1, maps=1) for pixels in (None, 0.3, 0.1, 0.2)]
    assert to_pixels(moves) == 0.2
    with pytest.raises(NotCome, match="none of 1 moves brought other picks"):
        to_pixels(moves[:1])
