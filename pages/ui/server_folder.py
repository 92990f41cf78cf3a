"""A folder that belongs to one running server and goes with it.

A server that is killed cannot tidy up. The folder holds a locked file, and a lock ends with its process, however that dies: so
the next server knows which folders nobody owns any more.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

log = logging.getLogger(__name__)

PREFIX = "usl-explorer-"
LOCK = "lock"


class ServerFolder:
    """The folder of one server, for nobody else's eyes; made when it is first wanted.

    Args:
        parent: where it is to lie, asked when it is made.
    """

    def __init__(self, parent: Callable[[], Path]) -> None:
        self._parent = parent
        self._lock: IO[bytes] | None = None
        self.made: Path | None = None

    def path(self) -> Path:
        """Where it is.

        Raises:
            OSError: the parent is not there or cannot be written.
        """
        if self.made is None:
            path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self._parent()))
            self._lock = _locked(path)
            self.made = path
        return self.made

    def close(self) -> None:
        """Throw everything away."""
        path, lock = self.made, self._lock
        self.made = self._lock = None
        if path is not None:
            shutil.rmtree(path, ignore_errors=True)
        if lock is not None:
            lock.close()
        if path is not None:  # Windows keeps a file that is open
            shutil.rmtree(path, ignore_errors=True)


def sweep(parent: Path) -> None:
    """Throw away what killed servers of this user have left in a folder."""
    for path in parent.glob(f"{PREFIX}*"):
        try:
            if _is_own(path) and _is_left(path / LOCK):
                shutil.rmtree(path)
        except OSError as error:  # another server sweeps too, or it is none of ours
            log.info("%s stays: %s", path, error)


def _locked(folder: Path) -> IO[bytes]:
    """The locked file of a new folder. It gets its name when it is locked, so that nobody finds one that is not."""
    new = folder / (LOCK if sys.platform == "win32" else f"{LOCK}.new")  # Windows renames no open file
    file = new.open("wb")
    _try_to_lock(file)
    if new.name != LOCK:
        new.rename(folder / LOCK)
    return file


def _is_own(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and (not hasattr(os, "getuid") or path.stat().st_uid == os.getuid())


def _is_left(lock: Path) -> bool:
    """Whether the process that locked a file is dead. Without such a file nobody knows."""
    if not lock.is_file() or lock.is_symlink():
        return False
    with lock.open("r+b") as file:
        return _try_to_lock(file)


def _try_to_lock(file: IO[bytes]) -> bool:
    """Lock a file until it is closed; False if another process has."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
