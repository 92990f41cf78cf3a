"""Who is at work in a cache directory, known across processes.

A lock is a name. All names of a directory share one empty file, `locks`, in which each locks the byte whose number is its
hash: Linux's open file description locks. The kernel lets go of them when a process ends, however it ends, so that no number
of a dead process can be taken for a live one; they tell threads of one process apart, reach other containers on the same
machine and, where the file system passes locks on (NFS does), other machines; and any number of them takes one descriptor.

Where there are no such locks (Windows, macOS, a file system or a directory that refuses them) nobody is kept out, and who asks
is told that it cannot be known: what was used within the last hour then counts as in use, see `upkeep`.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
import threading
import weakref
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import blake2b
from pathlib import Path

import numpy as np

if sys.platform == "linux":
    import fcntl

    _SET = fcntl.F_OFD_SETLK
    _SHARED, _EXCLUSIVE, _NONE = fcntl.F_RDLCK, fcntl.F_WRLCK, fcntl.F_UNLCK

FILE = "locks"
_TAKEN = {errno.EAGAIN, errno.EACCES}
_REFUSED = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
_CLOSED = {errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT}
"""Reasons why the file cannot be opened for writing; without it a cache can still be read."""


class Lock:
    """A name that was taken.

    Args:
        fd: holds it until it is closed; None where locks do not work.
    """

    def __init__(self, fd: int | None) -> None:
        self._fd = fd
        self.certain = fd is not None

    def release(self) -> None:
        """Let go."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def take(root: Path, name: str) -> Lock | None:
    """The lock of that name, or None if somebody has it or uses what it stands for."""
    fd = _open(root)
    if fd is None:
        return Lock(None)
    try:
        held = _lock(fd, "exclusive", name)
    except BaseException:
        os.close(fd)
        raise
    if held:
        return Lock(fd)
    os.close(fd)
    return None if held is False else Lock(None)


def is_free(root: Path, name: str) -> bool | None:
    """Whether nobody has that name; None where that cannot be known."""
    lock = take(root, name)
    if lock is None:
        return False
    lock.release()
    return True if lock.certain else None


class Uses:
    """What this process has in use in one cache directory: a shared lock per name, all in one descriptor."""

    def __init__(self, root: Path) -> None:
        self._root, self._pid = root, os.getpid()
        self._turn = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._dropped: deque[str] = deque()
        self._fd: int | None = None

    @contextmanager
    def using(self, name: str) -> Iterator[bool]:
        """Use what has that name; False if somebody is just removing it."""
        added = self._add(name)
        try:
            yield added
        finally:
            if added:
                self._drop(name)

    def hold(self, name: str, array: np.ndarray) -> None:
        """Use it, `using` being so already, for as long as the array lives."""
        with self._turn:
            self._counts[name] += 1
        weakref.finalize(array, self._drop, name).atexit = False
        self._settle()

    def _add(self, name: str) -> bool:
        try:
            with self._turn:
                if not self._counts[name] and not self._share(name):
                    del self._counts[name]
                    self._close_if_idle()
                    return False
                self._counts[name] += 1
                return True
        finally:
            self._settle()

    def _drop(self, name: str) -> None:
        """Use it once less. Finalisers call this, at any moment and in any thread, so it never waits."""
        self._dropped.append(name)
        self._settle()

    def _share(self, name: str) -> bool:
        if self._fd is not None and not _is_at(self._fd, self._root):  # the directory was removed and made anew
            os.close(self._fd)
            self._fd = None
        if self._fd is None:
            self._fd = _open(self._root)
        return self._fd is None or _lock(self._fd, "shared", name) is not False

    def _settle(self) -> None:
        while self._dropped and self._turn.acquire(blocking=False):
            try:
                while self._dropped:
                    self._forget(self._dropped.popleft())
            finally:
                self._turn.release()

    def _forget(self, name: str) -> None:
        self._counts[name] -= 1
        if self._counts[name] > 0:
            return
        del self._counts[name]
        # In a forked child the descriptor is its parent's as well, and so are the locks.
        if self._fd is not None and self._pid == os.getpid():
            _lock(self._fd, "none", name)
            self._close_if_idle()

    def _close_if_idle(self) -> None:
        if self._fd is not None and not self._counts:
            os.close(self._fd)
            self._fd = None


def uses(root: Path) -> Uses:
    """The uses of this process in that directory."""
    return _uses(root.absolute(), os.getpid())


@cache
def _uses(root: Path, pid: int) -> Uses:
    return Uses(root)


def _open(root: Path) -> int | None:
    if sys.platform != "linux":
        return None
    try:
        return os.open(root / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno in _CLOSED:
            return None
        raise


def _is_at(fd: int, root: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), (root / FILE).stat())
    except OSError:
        return False


def _lock(fd: int, how: str, name: str) -> bool | None:
    """Whether it could be done; None where there are no locks."""
    if sys.platform != "linux":
        return None
    offset = int.from_bytes(blake2b(name.encode(), digest_size=8).digest()) >> 2
    kind = {"shared": _SHARED, "exclusive": _EXCLUSIVE, "none": _NONE}[how]
    try:
        fcntl.fcntl(fd, _SET, struct.pack("hhqqi4x", kind, os.SEEK_SET, offset, 1, 0))
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        if error.errno in _REFUSED:
            return None
        raise
    return True
