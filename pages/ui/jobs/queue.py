"""Which job is next, which one makes room and which one ends: the queue of `pool`, as rules over what is known of each job.

Whoever starts a job says what for:

- "asked": a visitor pressed a button (encode, train, learn, report, archive, sweep, experiment). It goes on until it is done or
  cancelled, whoever leaves the page meanwhile.
- "needed": a page has nothing to show before it (scan). It ends `GRACE_SECONDS` after the last session that wanted it has gone.
- "background": made ahead of any question (maps, scores over seeds, the time that learning would take). It runs one at a time
  and at a low priority, and ends like what is needed.

A job is *attended* while a session that wants it is there; what nobody asked for also has to be looked at, that is, shown by a
page within `LOOK_SECONDS`. A reload is a session that goes and one that comes: the grace is for the time between them.

The order (`rank`), first come first served within each rank:

0. attended work that was asked for or is needed;
1. asked for by sessions that have gone, one at a time;
2. attended background work;
3. everything else that nobody looks at.

Once a job has waited `YIELD_SECONDS` for a place, one that was not asked for and has a higher rank gives its own up: its
process ends, and it waits again where it stood. A job that ended because nobody wanted it is forgotten: the next visitor starts
it as if it had never been. One that a visitor cancelled is not.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from .child import Child
from .state import Job

GRACE_SECONDS = 30.0
"""For a reload on a busy server."""
YIELD_SECONDS = 5.0
"""Most work is over sooner, and what gives up its place begins again."""
LOOK_SECONDS = 15.0
"""A page that shows a job says so every second, on a busy server less often."""


class Entry:
    """A job in the queue, and what belongs to it.

    Args:
        job: as it stands.
        arguments: of its task.
    """

    def __init__(self, job: Job, arguments: Mapping[str, Any]) -> None:
        self.job, self.arguments = job, arguments
        self.wanted_by: set[str] = set()
        self.child: Child | None = None
        self.queued = self.seen = time.monotonic()
        self.alone_since: float | None = None  # no session that wants it is there

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """Its process, once it has one."""
        return None if self.child is None else self.child.process

    def want(self, session: str) -> None:
        """A session that is there shows it."""
        self.wanted_by.add(session)
        self.seen, self.alone_since = time.monotonic(), None

    def look_around(self, is_here: Callable[[str], bool], now: float) -> None:
        """Note whether anybody who wants it is there."""
        if any(map(is_here, self.wanted_by)):
            self.alone_since = None
        elif self.alone_since is None:
            self.alone_since = now

    def rank(self, now: float) -> int:
        """Its place in the order, see the top of this module."""
        is_there = self.alone_since is None
        if self.job.purpose == "asked":
            return 0 if is_there else 1
        if not is_there or now - self.seen > LOOK_SECONDS:
            return 3
        return 0 if self.job.purpose == "needed" else 2


def next_to_start(waiting: Iterable[Entry], live: Collection[Entry], now: float) -> Entry | None:
    """The job that starts next, where there is room for one.

    Args:
        waiting: what could start, oldest first.
        live: whatever has a process, also what is stopping.
        now: `time.monotonic()`.
    """
    free = (entry for entry in waiting if not any(_excludes(other, entry, now) for other in live))
    return min(free, key=lambda entry: entry.rank(now), default=None)


def to_make_room(waiting: Iterable[Entry], live: Collection[Entry], max_running: int, now: float) -> Entry | None:
    """The running job that gives up its place to one that has waited for it long enough; None while one is on its way out.

    Args:
        waiting: what could start, oldest first.
        live: whatever has a process, also what is stopping.
        max_running: processes at a time.
        now: `time.monotonic()`.
    """
    if any(entry.job.status == "stopping" for entry in live):
        return None
    for entry in sorted(waiting, key=lambda entry: entry.rank(now)):
        excluding = [other for other in live if _excludes(other, entry, now)]
        barring = excluding or (list(live) if len(live) >= max_running else [])
        yielding = [other for other in barring if other.job.purpose != "asked" and other.rank(now) > entry.rank(now)]
        is_in_vain = len(yielding) < len(excluding)
        if yielding and not is_in_vain and now - entry.queued >= YIELD_SECONDS:
            return max(yielding, key=lambda other: other.rank(now))
    return None


def unwanted(entries: Iterable[Entry], now: float) -> list[Entry]:
    """The jobs that end because nobody wants them any more."""
    return [
        entry
        for entry in entries
        if entry.job.status in ("waiting", "running")
        and entry.job.purpose != "asked"
        and entry.alone_since is not None
        and now - entry.alone_since > GRACE_SECONDS
    ]


def _excludes(other: Entry, entry: Entry, now: float) -> bool:
    """Whether a live job keeps another from starting, even if there is room."""
    if other.job.key == entry.job.key:  # it is on its way out, and two would write the same files
        return True
    if entry.job.purpose == "background":
        return other.job.purpose == "background"
    return entry.rank(now) == other.rank(now) == 1
