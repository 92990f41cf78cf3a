"""Who goes first, who makes room and who ends: the rules alone, and a pool that keeps them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pages.ui.jobs import child as job_child
from pages.ui.jobs import pool as job_pool
from pages.ui.jobs import queue as job_queue
from pages.ui.jobs.pool import JobPool
from pages.ui.jobs.queue import Entry, next_to_start, to_make_room, unwanted
from pages.ui.jobs.state import Job, Purpose, Status, stronger

from .job_helpers import command, ended, known, process_of, running, until

NOW = 10_000.0


def entry(
    key: str,
    purpose: Purpose = "asked",
    status: Status = "waiting",
    *,
    there: bool = True,
    looked: float = 0,
    waited: float = 60,
) -> Entry:
    """A job of which somebody who wants it is there, who looked at it that long ago."""
    made = Entry(Job(id=key, key=key, task="x", purpose=purpose, status=status), {})
    made.seen, made.queued, made.alone_since = NOW - looked, NOW - waited, None if there else NOW - 1
    return made


# ---------------------------------------------------------------- the rules alone


def order(*waiting: Entry) -> str:
    """The keys in the order in which they start, one after the other."""
    left, keys = list(waiting), ""
    while left:
        found = next_to_start(left, [], NOW)
        assert found is not None
        left.remove(found)
        keys += found.job.key
    return keys


def test_first_come_first_served_among_equals():
    assert order(*map(entry, "abc")) == "abc"
    assert order(*(entry(key, "background") for key in "abc")) == "abc"
    assert order(entry("a", "needed"), entry("b", "asked"), entry("c", "needed")) == "abc"


def test_what_a_visitor_asked_for_goes_before_background_work():
    assert order(entry("a", "background"), entry("b", "asked"), entry("c", "background"), entry("d", "needed")) == "bdac"


def test_jobs_of_sessions_that_are_gone_lose_their_place():
    abandoned = [
        entry(key, purpose, there=False) for key, purpose in zip("abc", ("needed", "background", "asked"), strict=True)
    ]
    assert order(*abandoned, entry("n", "needed")) == "ncab"
    assert order(*abandoned, entry("n", "asked")) == "ncab"
    assert order(*abandoned, entry("n", "background")) == "cnab"


def test_what_nobody_looks_at_goes_last_unless_it_was_asked_for():
    away = job_queue.LOOK_SECONDS + 1
    assert order(entry("a", "background", looked=away), entry("b", "background")) == "ba"
    assert order(entry("a", "needed", looked=away), entry("b", "background")) == "ba"
    assert order(entry("a", "asked", looked=away), entry("b", "asked")) == "ab", "visitors look elsewhere while they wait"


def test_background_work_is_one_at_a_time():
    live = [entry("x", "background", "running")]
    assert next_to_start([entry("a", "background")], live, NOW) is None
    assert next_to_start([entry("a", "background"), entry("b")], live, NOW).job.key == "b"
    live[0].job = Job(id="x", key="x", task="x", purpose="background", status="stopping")
    assert next_to_start([entry("a", "background")], live, NOW) is None, "it has not gone yet"


def test_what_was_asked_for_by_nobody_who_is_there_is_one_at_a_time():
    live = [entry("x", "asked", "running", there=False)]
    assert next_to_start([entry("a", there=False)], live, NOW) is None
    assert next_to_start([entry("a", there=False), entry("b", "background")], live, NOW).job.key == "b"
    assert next_to_start([entry("a", there=False), entry("b")], live, NOW).job.key == "b"


def test_two_of_a_key_never_run_at_once():
    live = [entry("a", "asked", "stopping")]
    assert next_to_start([entry("a")], live, NOW) is None
    assert next_to_start([entry("a"), entry("b")], live, NOW).job.key == "b"


def room(waiting: Entry, *live: Entry, max_running: int = 2) -> str | None:
    """The key of the job that makes room."""
    found = to_make_room([waiting], live, max_running, NOW)
    return found and found.job.key


def test_background_work_makes_room_for_what_a_visitor_waits_for():
    full = (entry("x", "asked", "running"), entry("y", "background", "running"))
    assert room(entry("a", "needed"), *full) == "y"
    assert room(entry("a", "asked"), *full) == "y"
    assert room(entry("a", "needed", waited=job_queue.YIELD_SECONDS - 1), *full) is None, "it may be over sooner"
    assert room(entry("a", "background"), *full) is None
    assert room(entry("a", "needed"), *full, max_running=3) is None, "there is room"


def test_what_was_asked_for_never_makes_room():
    assert room(entry("a"), entry("x", "asked", "running", there=False), entry("y", "asked", "running")) is None
    assert room(entry("a"), entry("x", "needed", "running"), entry("y", "asked", "running")) is None


def test_what_nobody_looks_at_makes_room_first():
    live = (entry("x", "background", "running"), entry("y", "needed", "running", there=False))
    assert room(entry("a"), *live) == "y"
    assert room(entry("a", "background"), entry("x", "background", "running", there=False)) == "x"
    assert room(entry("a", "background"), entry("x", "background", "running", looked=60)) == "x"


def test_one_at_a_time_makes_room():
    live = (entry("x", "background", "running"), entry("y", "needed", "running", there=False))
    live[0].job = Job(id="x", key="x", task="x", purpose="background", status="stopping")
    assert room(entry("a"), *live) is None


def test_nothing_makes_room_in_vain():
    asked = entry("x", "asked", "running", there=False)
    assert room(entry("a", "asked", there=False), asked, entry("y", "background", "running")) is None, "x would still bar it"
    assert room(entry("a", "asked"), asked, entry("y", "background", "running")) == "y"


def test_what_nobody_wants_ends_after_the_grace_and_what_was_asked_for_never():
    late = NOW + job_queue.GRACE_SECONDS + 1
    for purpose in ("needed", "background"):
        for status in ("waiting", "running"):
            gone = entry("a", purpose, status, there=False)
            assert unwanted([gone], NOW) == [], "a reload takes a moment"
            assert unwanted([gone], late) == [gone]
            assert unwanted([entry("a", purpose, status, there=True, looked=500)], late) == [], "on another page"
        for status in ("stopping", "done", "failed", "cancelled"):
            assert unwanted([entry("a", purpose, status, there=False)], late) == []
    assert unwanted([entry("a", "asked", "waiting", there=False), entry("b", "asked", "running", there=False)], late) == []


def test_a_session_that_comes_back_within_the_grace_starts_it_anew():
    gone = entry("a", "needed", there=False)
    gone.look_around(lambda session: False, NOW)
    assert gone.alone_since == NOW - 1, "since the first moment"
    gone.want("me")
    gone.look_around({"me"}.__contains__, NOW)
    assert gone.alone_since is None
    gone.look_around(set().__contains__, NOW)
    assert gone.alone_since == NOW


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [("background", "asked", "asked"), ("needed", "background", "needed"), ("needed", "asked", "asked")],
)
def test_the_strongest_purpose_counts(one, other, both):
    assert stronger(one, other) == stronger(other, one) == both


# ---------------------------------------------------------------- a pool that keeps them


@pytest.fixture
def alive() -> set[str]:
    return {"me", "you"}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long: the pool looks around all the time, and a moment is enough grace."""
    monkeypatch.setattr(job_pool, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(job_queue, "GRACE_SECONDS", 0.05)
    monkeypatch.setattr(job_queue, "YIELD_SECONDS", 0.05)


Gate = Callable[[str], dict[str, str]]


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return lambda name: {"gate": str(tmp_path / name)}


def one_at_a_time(alive: set[str]) -> JobPool:
    return JobPool(alive.__contains__, max_running=1, command=command())


@pytest.fixture
def pool(quick: None, alive: set[str]) -> Iterator[JobPool]:
    made = one_at_a_time(alive)
    yield made
    made.close()


def test_after_twelve_abandoned_views_a_new_visitor_is_next(pool, alive, gate, tmp_path):
    pool.start("first", "gate", gate("first"), "you")
    running(pool, "first")
    for at in range(12):
        alive.add(f"visitor {at}")
        pool.start(f"scan {at}", "gate", gate("never"), f"visitor {at}", purpose="needed")
        pool.start(f"map {at}", "gate", gate("never"), f"visitor {at}", purpose="background")
    alive -= {f"visitor {at}" for at in range(12)}
    pool.start("mine", "gate", gate("mine"), "me", purpose="needed")
    until(lambda: pool.find("scan 11") is None and pool.find("map 11") is None)
    assert known(pool, "mine").status == "waiting"
    (tmp_path / "first").touch()
    running(pool, "mine")
    (tmp_path / "mine").touch()
    assert ended(pool, "mine").status == "done"


def test_a_running_scan_that_nobody_looks_at_ends_and_is_forgotten(pool, alive, gate):
    pool.start("a", "gate", gate("never"), "me", purpose="needed")
    running(pool, "a")
    process = pool._entries["a"].process
    alive.discard("me")
    until(lambda: pool.find("a") is None)
    pool.start("a", "quick", {}, "you", purpose="needed")
    assert ended(pool, "a").status == "done", "the next visitor starts it anew"
    assert process.poll() is not None


@pytest.mark.parametrize("purpose", ["needed", "background"])
def test_a_reload_keeps_it(alive, gate, tmp_path, monkeypatch, purpose):
    monkeypatch.setattr(job_pool, "TICK_SECONDS", 0.01)
    pool = one_at_a_time(alive)
    pool.start("a", "gate", gate("a"), "me", purpose=purpose)
    running(pool, "a")
    process = process_of(pool, "a")
    alive.discard("me")
    until(lambda: pool._entries["a"].alone_since is not None)
    alive.add("me again")
    pool.want("a", "me again")
    monkeypatch.setattr(job_queue, "GRACE_SECONDS", 0.0)
    time.sleep(0.1)
    assert process_of(pool, "a") == process
    (tmp_path / "a").touch()
    assert ended(pool, "a").status == "done"
    pool.close()


def test_what_was_asked_for_goes_on_when_its_visitor_has_left(pool, alive, gate, tmp_path):
    for key in "ab":
        pool.start(key, "gate", gate(key), "me")
    running(pool, "a")
    alive.clear()
    until(lambda: pool._entries["b"].alone_since is not None)
    time.sleep(0.1)
    for key in "ab":
        (tmp_path / key).touch()
        assert ended(pool, key).status == "done"


def test_background_work_that_made_room_goes_on_afterwards(pool, gate, tmp_path):
    before = pool.start("map", "gate", gate("map"), "me", purpose="background")
    running(pool, "map")
    pool.start("scan", "gate", gate("scan"), "you", purpose="needed")
    running(pool, "scan")
    assert known(pool, "map").status == "waiting"
    assert known(pool, "map").id == before.id
    (tmp_path / "scan").touch()
    (tmp_path / "map").touch()
    assert ended(pool, "scan").status == "done"
    assert ended(pool, "map").status == "done"


def test_background_work_that_was_done_when_it_made_room_counts(pool, gate, tmp_path):
    pool.start("map", "late", {}, "me", purpose="background")
    running(pool, "map")
    pool.start("scan", "gate", gate("scan"), "you", purpose="needed")
    running(pool, "scan")
    assert known(pool, "map").status == "done"
    (tmp_path / "scan").touch()


def test_who_presses_the_button_of_background_work_has_asked_for_it(pool, alive, gate, tmp_path):
    pool.start("a", "gate", gate("a"), "me")
    pool.start("map", "gate", gate("never"), "me", purpose="background")
    assert pool.start("map", "gate", gate("never"), "you").purpose == "asked"
    assert pool.start("map", "gate", gate("never"), "me", purpose="background").purpose == "asked"
    alive.clear()
    time.sleep(0.1)
    assert known(pool, "map").status == "waiting"
    (tmp_path / "a").touch()
    running(pool, "map")


@pytest.mark.skipif(not hasattr(os, "getpriority"), reason="no priorities here")
def test_background_work_has_a_low_priority(quick, alive):
    told = """
import json, os, sys
from usl_core.jobs import worker
worker.TASKS = {"nice": lambda on_progress: {"nice": os.nice(0)}}
worker.main()
"""
    pool = JobPool(alive.__contains__, command=(sys.executable, "-c", told))
    own = os.nice(0)
    for purpose in ("asked", "needed", "background"):
        pool.start(purpose, "nice", {}, "me", purpose=purpose)
    niceness = {purpose: ended(pool, purpose).result["nice"] for purpose in ("asked", "needed", "background")}
    assert own < niceness["asked"] == niceness["needed"] < niceness["background"] or own > 9
    pool.close()


# ---------------------------------------------------------------- the bound


def test_the_bound_holds_however_often_it_is_cancelled_and_asked_for_again(alive, monkeypatch):
    living: list[subprocess.Popen] = []
    most = [0]
    real = subprocess.Popen

    def start(*given: object, **named: object) -> subprocess.Popen:
        living.append(real(*given, **named))
        most[0] = max(most[0], sum(process.poll() is None for process in living))
        return living[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    monkeypatch.setattr(job_child, "KILL_AFTER_SECONDS", 0.1)
    pool = one_at_a_time(alive)
    for _ in range(6):
        pool.start("a", "stubborn", {}, "me")
        pool.let_go("a", "me")
    for _ in range(3):
        pool.start("a", "stubborn", {}, "me")
        running(pool, "a")
        pool.let_go("a", "me")
        pool.start("b", "quick", {}, "you", afresh=True)
        pool.start("a", "stubborn", {}, "you")
        pool.let_go("a", "you")
    assert ended(pool, "a").status == "cancelled"
    assert ended(pool, "b").status == "done"
    assert most[0] == 1
    pool.close()


def test_two_sessions_that_ask_at_once_get_one_process(alive):
    pool = JobPool(alive.__contains__, command=command())
    barrier, found = threading.Barrier(8), []

    def ask(session: str) -> None:
        barrier.wait()
        found.append(pool.start("a", "quick", {}, session).id)

    threads = [threading.Thread(target=ask, args=(str(at),)) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert ended(pool, "a").status == "done"
    pool.close()


def test_thousands_of_jobs_leave_little_behind(alive):
    pool = one_at_a_time(alive)
    pool.start("a", "stubborn", {}, "me")
    running(pool, "a")
    for at in range(3000):
        pool.start(f"seeds {at}", "quick", {}, "me", purpose="background")
        pool.let_go(f"seeds {at}", "me")
    assert len(pool._entries) <= job_pool.MAX_REMEMBERED
    assert known(pool, "a").status == "running"
    pool.close()


def test_what_a_page_still_shows_is_remembered_longest(alive, monkeypatch):
    monkeypatch.setattr(job_pool, "MAX_REMEMBERED", 3)
    pool = JobPool(alive.__contains__, command=command())
    for key, session in (("mine", "me"), ("x", "gone"), ("y", "gone"), ("z", "gone"), ("w", "gone")):
        pool.start(key, "quick", {}, session)
        ended(pool, key)
    assert pool.find("mine") is not None
    assert pool.find("x") is None
    pool.close()


# ---------------------------------------------------------------- what goes wrong around it


def test_a_callback_that_raises_keeps_the_work(quick, caplog, gate, tmp_path):
    def broken(session: str) -> bool:
        raise RuntimeError("no runtime")

    pool = JobPool(broken, max_running=1, command=command())
    pool.start("a", "gate", gate("a"), "me", purpose="needed")
    pool.start("b", "gate", gate("a"), "me", purpose="background")
    running(pool, "a")
    until(lambda: "cannot be told" in caplog.text)
    assert pool.let_go("b", "me"), "nobody else wants it"
    (tmp_path / "a").touch()
    assert ended(pool, "a").status == "done"
    pool.close()


def test_shut_down_while_jobs_wait(alive, gate):
    pool = one_at_a_time(alive)
    for key in "abc":
        pool.start(key, "gate", gate("never"), "me")
    running(pool, "a")
    pool.close()
    assert [known(pool, key).status for key in "abc"] == ["cancelled"] * 3
    assert pool.start("d", "quick", {}, "me").status == "cancelled", "there is nobody to do it"
    pool.close()


def test_a_cancel_and_an_ask_for_the_same_key_by_two_sessions(alive, gate, tmp_path):
    pool = one_at_a_time(alive)
    pool.start("a", "gate", gate("a"), "me", purpose="background")
    running(pool, "a")
    pool.want("a", "you")
    assert not pool.let_go("a", "me")
    (tmp_path / "a").touch()
    assert ended(pool, "a").status == "done"
    pool.close()


def test_a_result_whose_file_is_gone_is_made_again(alive):
    pool = JobPool(alive.__contains__, command=command())
    pool.start("a", "file", {"out": "{out}"}, "me")
    path = pool.file_of(ended(pool, "a").id)
    path.unlink()
    assert pool.find("a") is None
    pool.start("a", "file", {"out": "{out}"}, "me")
    again = pool.file_of(ended(pool, "a").id)
    assert again.read_text() == "made"
    pool.close()


@pytest.mark.parametrize("file", ["/etc/hostname", 7, None, "", "../x"])
def test_a_file_that_is_not_the_jobs_own_is_never_served(alive, file):
    pool = JobPool(alive.__contains__, command=command())
    pool.start("own", "file", {"out": "{out}"}, "me")
    ended(pool, "own")
    job = pool.start("a", "quick", {"file": file}, "me")
    until(lambda: (found := pool.find("a")) is None or not found.active)
    assert pool.file_of(job.id) is None
    pool.close()


@pytest.mark.parametrize("asked", ["é", "", "\udcff", "x" * 10_000, "\x00"])
def test_an_id_that_is_none_is_unknown(alive, asked):
    pool = JobPool(alive.__contains__, command=command())
    pool.start("a", "file", {"out": "{out}"}, "me")
    ended(pool, "a")
    assert pool.file_of(asked) is None
    pool.close()
