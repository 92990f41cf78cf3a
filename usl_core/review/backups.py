"""Older versions of a review, in a folder beside it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from ..disk import told_if_unwritable
from ..errors import UslError

BACKUPS = 10
"""Older versions that are kept."""
T = TypeVar("T")


def backups_of(path: Path) -> list[Path]:
    """The older versions of a file, the newest first."""
    folder = _folder(path)
    return sorted(folder.glob("*.json"), reverse=True) if folder.is_dir() else []


def back_up(path: Path) -> None:
    """Keep the file as it is now, if it is not the newest backup already, and let go of the oldest.

    Raises:
        UslError: the disk does not take it.
    """
    if not path.exists():
        return
    older = backups_of(path)
    if older and older[0].read_bytes() == path.read_bytes():
        return
    folder = _folder(path)
    with told_if_unwritable(str(folder), folder, "free some space, or set USL_SESSIONS_DIR to another folder"):
        folder.mkdir(exist_ok=True)
        # Names in order of time: 20 digits of nanoseconds, later than the newest even where the clock was put back.
        number = max(time.time_ns(), int(older[0].stem) + 1 if older and older[0].stem.isdigit() else 0)
        scratch = folder / f".{number:020d}"
        shutil.copy2(path, scratch)
        scratch.replace(folder / f"{number:020d}.json")
    for old in backups_of(path)[BACKUPS:]:
        with suppress(FileNotFoundError):
            old.unlink()


def newest_backup(path: Path, read: Callable[[Path], T]) -> tuple[Path, T] | None:
    """The newest backup that can be read, and what it holds; None where there is none."""
    for backup in backups_of(path):
        try:
            return backup, read(backup)
        except UslError:  # as damaged as the file itself: the next older one is tried
            continue
    return None


def _folder(path: Path) -> Path:
    return path.with_suffix(".backups")
