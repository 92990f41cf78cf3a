"""One at a time between looking who owns a review and writing it, on every platform.

Linux has the locks of `cache.locks`. Elsewhere an empty file beside the review is locked as a whole: by `flock` on macOS and
the BSDs, by `msvcrt` on Windows. All are let go of when a process ends, however it ends, so that the file itself says nothing
and is never removed: whoever removed it could lock another file than the one who has it open.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from ..cache import locks
from ..errors import UslError

PATIENCE = 5.0
"""Seconds that two openers wait for each other; what they wait for takes milliseconds."""
_TAKEN = {errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK, 36}  # 36: EDEADLOCK as Windows numbers it
_REFUSED = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
_CLOSED = {errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC}
Release = Callable[[], None]


@contextmanager
def turn(path: Path) -> Iterator[None]:
    """Nobody else has the turn of this review meanwhile, where the file system has locks.

    Raises:
        UslError: somebody has it for longer than anything here takes.
    """
    release, until = _take(path), time.monotonic() + PATIENCE
    while release is None and time.monotonic() < until:
        time.sleep(0.01)
        release = _take(path)
    if release is None:
        raise UslError(f"{path} is being written by somebody else for {PATIENCE:.0f} s now; try again")
    try:
        yield
    finally:
        release()


def _take(path: Path) -> Release | None:
    """How to let go of the turn; None where somebody has it."""
    if sys.platform == "linux":
        lock = locks.take(path.parent, path.name)
        return None if lock is None else lock.release
    return _take_file(path.with_suffix(".lock"), _by_msvcrt if sys.platform == "win32" else _by_flock)


def _take_file(file: Path, lock: Callable[[int], Release]) -> Release | None:
    """The lock of a whole file. Where none can be had, nobody is kept out, and what cannot be written says so itself."""
    try:
        fd = os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
    except OSError as error:
        if error.errno in _CLOSED:
            return lambda: None
        raise
    try:
        let_go = lock(fd)
    except OSError as error:
        os.close(fd)
        if error.errno in _TAKEN:
            return None
        if error.errno in _REFUSED:
            return lambda: None
        raise
    except BaseException:
        os.close(fd)
        raise

    def release() -> None:
        try:
            let_go()
        finally:
            os.close(fd)

    return release


def _by_flock(fd: int) -> Release:
    fcntl = import_module("fcntl")  # there is none on Windows
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return lambda: None  # closing lets go


def _by_msvcrt(fd: int) -> Release:
    msvcrt = import_module("msvcrt")  # there is none elsewhere
    msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)  # one byte, which need not be there; the file position is 0

    def release() -> None:  # Windows would let go of it at some moment after the end of the process
        os.lseek(fd, 0, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)

    return release
