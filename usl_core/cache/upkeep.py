"""The limit on a cache directory, and what goes when it is reached: first what was not used for longest, last what can be
gone on with, never what a live process uses.

In use is what a process has in memory as arrays of the cache, what it is just reading or writing, and what it is at work on
(`Store.turn`); see `locks`. When it was last used is the time of an entry's folder, set whenever it is read.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
import threading
import time
from collections.abc import Collection
from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path

from ..disk import size_text
from ..errors import UslError
from . import locks
from .contents import PARTIAL, Item, look_through, new_scratch, scratch_below, written_here
from .entries import META
from .index import INDEXED, forget_removed
from .placing import clear_away

log = logging.getLogger(__name__)

ENV_CACHE_MAX_GB = "USL_CACHE_MAX_GB"
DEFAULT_MAX_GB = 20
UNLIMITED = ("none", "unlimited")
_ROOM = 0.01  # of the limit; made when there is none, so that a full cache is not looked through at every save
GRACE_SECONDS = 3600.0
"""Where locks do not tell: what was used or written to so lately counts as in use."""


def limit_bytes() -> int | None:
    """`USL_CACHE_MAX_GB`, else 20 GB, in bytes; None: 0, `none` or `unlimited`, which set no limit.

    Raises:
        UslError: it is no such number.
    """
    text = os.environ.get(ENV_CACHE_MAX_GB, "").strip()
    if not text:
        return DEFAULT_MAX_GB * 10**9
    if text.casefold() in UNLIMITED:
        return None
    try:
        size = float(text)
    except ValueError:
        size = math.nan
    if not 0 <= size < math.inf:
        raise UslError(
            f"{ENV_CACHE_MAX_GB} must be a number of gigabytes, such as {DEFAULT_MAX_GB} or 0.5, "
            f"or 0, none or unlimited for no limit, but is {text!r:.80}"
        )
    return max(1, round(size * 10**9)) if size else None


def use_name(path: Path, root: Path) -> str:
    """The lock of who uses an entry."""
    return f"use {path.relative_to(root).as_posix()}"


def pinned(root: Path, kind: str, key: str) -> AbstractContextManager[bool]:
    """Keep an entry, or the place of one that is to come, from being evicted; False if it is just being removed."""
    return locks.uses(root).using(use_name(root / kind / key, root))


def turn_name(key: str) -> str:
    """The lock of who is at work on what has that fingerprint."""
    return f"turn {key}"


def write_name(scratch: Path) -> str:
    """The lock of who writes there."""
    return f"write {scratch.name.removesuffix('-old')}"


class Budget:
    """How much this process may still write into a directory before it is looked through again.

    Between two looks it may write as much as there was room, but no more than a twentieth of the limit, by which other
    processes that write at the same time may exceed it.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._turn = root, threading.Lock()
        self._left, self._limit = 0, 0

    def spend(self, n_bytes: int) -> None:
        """Tell that so much was written; evicts when it is time."""
        limit = limit_bytes()
        if limit is None:
            return
        with self._turn:
            self._left -= n_bytes
            if self._left >= 0 and limit == self._limit:
                return
            self._limit = limit
            try:
                size = keep_below(self._root, limit)
            except OSError as error:  # what was saved is saved
                log.warning("the cache could not be kept below its limit: %s", error)
                size = limit
            self._left = min(max(limit - size, int(limit * _ROOM)), limit // 20)


def budget(root: Path) -> Budget:
    """That of this process for one directory."""
    return _budget(root.absolute())


@lru_cache(maxsize=256)
def _budget(root: Path) -> Budget:
    return Budget(root)


def keep_below(root: Path, limit: int) -> int:
    """Where there are more than `limit` bytes, evict until there is a little room again, or all that is left is in use.

    Returns:
        The bytes that are left. One process evicts at a time; another that comes meanwhile leaves it to that one.
    """
    found = look_through(root)
    size = found.size
    if size <= limit:
        return size
    evicting = locks.take(root, "evict")
    if evicting is None:
        return size
    try:
        evicted = set()
        for item in by_worth(found.items):
            if size <= limit * (1 - _ROOM):
                break
            if remove(root, item):
                size -= item.size
                evicted.add(item.kind)
                log.info("evicted %s/%s, %s", item.kind, item.key, size_text(item.size))
        if INDEXED in evicted:
            forget_removed(root)
    finally:
        evicting.release()
    return size


def by_worth(items: Collection[Item]) -> list[Item]:
    """What goes first comes first."""
    return sorted(items, key=lambda item: (not item.finished, item.used))


def in_use(root: Path, item: Item) -> bool:
    """Whether a live process uses it. Where that cannot be known: whether it was used within the last hour."""
    names = [use_name(path, root) for path in item.entries()] + ([] if item.finished else [turn_name(item.key)])
    states = [locks.is_free(root, name) for name in names]
    return False in states or (None in states and time.time() - item.used < GRACE_SECONDS)


def remove(root: Path, item: Item) -> bool:
    """Remove an entry, or all that there is of an unfinished one, unless it is in use.

    Returns:
        Whether it is gone.
    """
    if in_use(root, item):
        return False
    # Held while it goes, so that nobody begins to use it in between.
    held = locks.take(root, use_name(item.path, root) if item.finished else turn_name(item.key))
    if held is None:
        return False
    try:
        gone = new_scratch(item.path.parent, item.key)
        item.path.rename(gone)
    except OSError as error:  # Windows does not let go of what is mapped
        log.info("%s stays in the cache: %s", item.path, error)
        return False
    finally:
        held.release()
    shutil.rmtree(gone, ignore_errors=True)
    return True


def sweep(root: Path) -> None:
    """Remove what killed writers left, and the pieces of what was finished."""
    for scratch in list(scratch_below(root)):
        if is_left_over(root, scratch):
            clear_away(scratch)
    for folder in root.glob(f"*{PARTIAL}/*"):
        finished = folder.parents[1] / folder.parent.name.removesuffix(PARTIAL) / folder.name / META
        if not finished.is_file() or (held := locks.take(root, turn_name(folder.name))) is None:
            continue
        if held.certain and finished.is_file():
            clear_away(folder)
        held.release()


@lru_cache(maxsize=256)
def sweep_once(root: Path) -> None:
    """`sweep`, the first time that a process uses a directory; what it cannot remove is left to the next."""
    try:
        sweep(root)
    except OSError as error:
        log.warning("what killed writers left in %s could not be looked for: %s", root, error)


def is_left_over(root: Path, scratch: Path) -> bool:
    """Whether nobody writes there any more.

    The locks tell of writers on this machine. Of another one, or of this one before it was started anew, or where there are no
    locks: nothing in it has changed for an hour.
    """
    free = locks.is_free(root, write_name(scratch))
    if free is not None and (written_here(scratch.name) or not free):
        return free
    return time.time() - _newest(scratch) > GRACE_SECONDS


def _newest(path: Path) -> float:
    try:
        return max(one.lstat().st_mtime for one in (path, *path.glob("*")))
    except OSError:  # it changes right now
        return math.inf
