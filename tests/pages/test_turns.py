"""Pages take turns, and the numerical libraries of the server leave the cores to them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.ui.server import turns
from pages.ui.server.turns import Turns

ROOT = Path(__file__).resolve().parents[2]
FOREVER = 600.0


class Page:
    """A run of a page in a thread of its own, which ends when told."""

    def __init__(self, queue: Turns, session: str, order: list[str]) -> None:
        self.may_end = threading.Event()
        self.runs = threading.Event()
        self._queue, self._session, self._order = queue, session, order
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        until(lambda: self.runs.is_set() or session in queue._waiting)

    def _run(self) -> None:
        with self._queue.taken(self._session):
            self._order.append(self._session)
            self.runs.set()
            self.may_end.wait(60)

    def end(self) -> None:
        self.may_end.set()
        self.thread.join(60)
        assert not self.thread.is_alive()


def until(is_so: Callable[[], object]) -> None:
    for _ in range(6000):
        if is_so():
            return
        time.sleep(0.01)
    raise AssertionError("it never came to that")


def test_first_come_first_served_and_no_more_at_once_than_there_are_places():
    queue, order = Turns(2, FOREVER), []
    pages = [Page(queue, f"{at}", order) for at in range(5)]
    until(lambda: len(order) == 2)
    for at, page in enumerate(pages):
        assert len(order) == min(at + 2, 5)
        page.end()
        until(lambda at=at: len(order) == min(at + 3, 5))
    assert sorted(order[:2]) == ["0", "1"]
    assert order[2:] == ["2", "3", "4"]
    assert not queue._waiting
    assert not queue._running


def test_who_asks_again_keeps_the_place_and_the_earlier_run_goes_on_to_its_end():
    queue, order = Turns(1, FOREVER), []
    first = Page(queue, "first", order)
    early = Page(queue, "again", order)
    late = Page(queue, "late", order)
    again = Page(queue, "again", order)
    until(lambda: order == ["first", "again"])
    assert early.runs.is_set()
    assert not again.runs.is_set()
    early.end()
    assert order == ["first", "again"], "the end of what had no turn is nobody's turn"
    first.end()
    until(lambda: order == ["first", "again", "again"])
    assert not late.runs.is_set()
    again.end()
    until(late.runs.is_set)
    late.end()


def test_a_page_that_computes_for_long_keeps_nobody_waiting():
    queue, order = Turns(1, 0.05), []
    long = Page(queue, "long", order)
    short = Page(queue, "short", order)
    until(short.runs.is_set)
    short.end()
    long.end()
    assert not queue._running


def test_a_run_that_is_stopped_gives_its_turn_back():
    queue = Turns(1, FOREVER)
    with pytest.raises(KeyboardInterrupt), queue.taken("a"):
        raise KeyboardInterrupt  # Streamlit's own are no `Exception` either
    with queue.taken("b"):
        pass


def test_every_page_waits_for_its_turn(monkeypatch):
    queue, order = Turns(1, FOREVER), []
    monkeypatch.setattr(turns, "_TURNS", queue)
    other = Page(queue, "other", order)
    app = AppTest.from_file(str(ROOT / "pages" / "ui" / "main.py"))
    run = threading.Thread(target=lambda: app.run(timeout=120), daemon=True)
    run.start()
    until(lambda: queue._waiting)
    other.end()
    run.join(120)
    assert app.title
    assert not app.exception
    assert not queue._running


def environment_after(code: str, **given: str) -> list[str]:
    """What a new process prints that has nothing of this in its environment but what is given."""
    names = ("OMP_WAIT_POLICY", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS")
    clean = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=clean | given, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("given", "server", "worker"),
    [
        ({}, "1", "None"),
        ({"OPENBLAS_NUM_THREADS": "3"}, "3", "3"),
        ({"OMP_NUM_THREADS": "3"}, "None", "None"),
    ],
)
def test_blas_has_one_thread_in_the_server_and_all_in_workers_unless_somebody_knows_better(given, server, worker):
    code = (
        "import os, sys, app\n"
        "from pages.ui import threads\n"
        "name = 'OPENBLAS_NUM_THREADS'\n"
        "print(os.environ.get(name), threads.for_workers().get(name), 'numpy' in sys.modules)"
    )
    assert environment_after(code, **given) == [server, worker, "False"], "before anything loads BLAS"
