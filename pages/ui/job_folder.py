"""The files that jobs make for download: a folder of this server in the temporary directory, which goes with the server.

A server that is killed cannot tidy up. The folder holds a locked file, and a lock ends with its process, however that dies: so
the next server knows which folders nobody owns any more.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import IO

log = logging.getLogger(__name__)

PREFIX = "usl-explorer-"
LOCK = "lock"


class JobFolder:
    """The folder of one server; made when the first job wants a place in it."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._lock: IO[bytes] | None = None

    def of(self, job_id: str) -> Path:
        """Where a job writes its files; it makes the folder itself.

        Raises:
            OSError: the temporary directory cannot be written.
        """
        if self._path is None:
            path = Path(tempfile.mkdtemp(prefix=PREFIX))
            self._lock = _locked(path)
            self._path = path
        return self._path / job_id

    def holds(self, path: Path, job_id: str) -> bool:
        """Whether a file that a job names is one of its own, and there."""
        return self._path is not None and path.is_relative_to(self._path / job_id) and path.is_file()

    def forget(self, job_id: str) -> None:
        """Throw the files of a job away."""
        if self._path is not None:
            shutil.rmtree(self._path / job_id, ignore_errors=True)

    def close(self) -> None:
        """Throw everything away."""
        path, lock = self._path, self._lock
        self._path = self._lock = None
        if path is not None:
            shutil.rmtree(path, ignore_errors=True)
        if lock is not None:
            lock.close()
        if path is not None:  # Windows keeps a file that is open
            shutil.rmtree(path, ignore_errors=True)


def sweep() -> None:
    """Throw away what killed servers of this user have left in the temporary directory."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
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
