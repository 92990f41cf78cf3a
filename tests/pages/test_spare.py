"""What is done ahead gives way to every job, is tried again, and costs nothing where it fails."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from pages.ui.jobs import pool as pools
from pages.ui.jobs import spare
from pages.ui.jobs.pool import JobPool

from .job_helpers import command, until

COUNTED = """
import pathlib, sys, time
asked = sys.stdin.readline()
runs = pathlib.Path({runs!r})
runs.write_text(runs.read_text() + "x" if runs.exists() else "x")
{rest}
"""


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch) -> None:
    monkeypatch.setattr(spare, "IDLE_SECONDS", 0.05)
    monkeypatch.setattr(spare, "LOOK_SECONDS", 0.01)


@pytest.fixture
def start(tmp_path):
    """Start it; what is returned ends it and says how it went."""
    closed, results = threading.Event(), []
    threads: list[threading.Thread] = []

    def begin(is_idle: Callable[[], bool], rest: str) -> tuple[Callable[[], int], Callable[[], bool]]:
        runs = tmp_path / "runs"
        words = command(COUNTED.format(runs=str(runs), rest=rest))
        threads.append(threading.Thread(target=lambda: results.append(spare.warm_up(is_idle, closed, words))))
        threads[0].start()
        return lambda: len(runs.read_text()) if runs.exists() else 0, lambda: (threads[0].join(20), results[0])[1]

    yield begin
    closed.set()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def test_it_is_done_once(start):
    runs, how = start(lambda: True, "print('{\"result\": {}}', flush=True)")
    assert how()
    assert runs() == 1


def test_it_waits_while_there_are_jobs(start):
    idle = threading.Event()
    runs, how = start(idle.is_set, "print('{\"result\": {}}', flush=True)")
    time.sleep(0.3)
    assert runs() == 0
    idle.set()
    assert how()
    assert runs() == 1


def test_it_ends_for_a_job_and_is_tried_again(start):
    idle = threading.Event()
    idle.set()
    runs, _ = start(idle.is_set, "sys.stdin.readline()")
    until(lambda: runs() == 1)
    idle.clear()
    time.sleep(0.3)
    assert runs() == 1
    idle.set()
    until(lambda: runs() == 2)


@pytest.mark.parametrize("rest", ["sys.exit(1)", 'print(\'{"crash": "oh"}\', flush=True)', "print('nonsense')"])
def test_a_failure_is_logged_and_not_repeated(start, rest, caplog):
    runs, how = start(lambda: True, rest)
    assert not how()
    assert runs() == 1
    assert "ahead of the first map" in caplog.text


@pytest.mark.parametrize(("value", "is_started"), [("0", False), ("no", False), ("1", True), (None, True)])
def test_the_environment_may_forbid_it(value, is_started, monkeypatch):
    started = threading.Event()
    monkeypatch.setattr(spare, "warm_up", lambda *given: started.set())
    monkeypatch.delenv(spare.ENV_WARM_UP, raising=False)
    if value is not None:
        monkeypatch.setenv(spare.ENV_WARM_UP, value)
    spare.start(lambda: True)()
    assert started.wait(5 if is_started else 0.2) == is_started


def test_the_pool_says_whether_it_has_work():
    assert pools.is_idle()
    made = JobPool(command=command())
    assert made.is_idle
    made.start("k", "stubborn", {}, "me")
    assert not made.is_idle
    made.close()
    assert made.is_idle


def test_what_the_worker_compiled_the_next_process_reads():
    asked = json.dumps({"task": "warm-up", "arguments": {}}) + "\n"
    words = [sys.executable, "-m", "usl_core.jobs.worker"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        process.stdin.write(asked)
        process.stdin.flush()
        assert json.loads(process.stdout.readline()) == {"result": {}}
        process.stdin.close()
    code = """
from umap import layouts, umap_
from usl_core.projection.umap import warm
warm()
functions = umap_.smooth_knn_dist, umap_.compute_membership_strengths, layouts._nb_optimize_layout_euclidean_single_epoch
print([sum(counts.values()) for one in functions for counts in (one.stats.cache_hits, one.stats.cache_misses)])
"""
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[1, 0, 1, 0, 1, 0]\n"
    )
