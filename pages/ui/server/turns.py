"""Pages take turns: as many run at the same time as there are cores, first come first served.

Without that every visitor's page runs at once in a thread of its own. All of them want Python's one lock, the thread that talks
to the browsers with them, and so nobody is answered for long: what is finished is not sent, and what is asked is not heard.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock

from streamlit.runtime.scriptrunner import get_script_run_ctx

from .. import threads

LONGEST = 2.0
"""Seconds after which a page no longer counts: it computes something long, and others need not wait for that."""


class _Page:
    """A run of a page, waiting or running."""

    def __init__(self) -> None:
        self.admitted = Event()
        self.since = 0.0


class Turns:
    """A queue for runs of pages; any thread may wait in it.

    Args:
        places: pages that run at the same time.
        longest: seconds, see `LONGEST`.
    """

    def __init__(self, places: int, longest: float = LONGEST) -> None:
        self._places, self._longest = places, longest
        self._lock = Lock()
        self._waiting: dict[str, _Page] = {}  # by session, in the order of their turns
        self._running: set[_Page] = set()

    @contextmanager
    def taken(self, session: str) -> Iterator[None]:
        """Wait for the turn of a session and hold it. Who asks again while waiting keeps the place; the earlier run, which
        Streamlit has told to stop by then, goes on at once and ends."""
        page = _Page()
        with self._lock:
            earlier = self._waiting.get(session)
            self._waiting[session] = page
            if earlier is not None:
                earlier.admitted.set()
            self._admit()
        try:
            while not page.admitted.wait(self._longest):
                with self._lock:
                    self._admit()
            yield
        finally:
            with self._lock:
                self._running.discard(page)
                if self._waiting.get(session) is page:
                    del self._waiting[session]
                self._admit()

    def _admit(self) -> None:
        now = time.monotonic()
        while self._waiting and sum(now - page.since < self._longest for page in self._running) < self._places:
            page = self._waiting.pop(next(iter(self._waiting)))
            page.since = now
            self._running.add(page)
            page.admitted.set()


_TURNS = Turns(max(threads.cores(), 2))


@contextmanager
def taken() -> Iterator[None]:
    """Wait for the turn of this session's page and hold it."""
    context = get_script_run_ctx()
    with _TURNS.taken(context.session_id if context else ""):
        yield
