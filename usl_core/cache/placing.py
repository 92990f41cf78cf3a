"""Putting an entry where others may be reading, replacing or removing it at the same moment."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from .contents import PARTIAL, is_scratch
from .entries import META, Damaged, read_entry

ATTEMPTS = 10  # at what other processes change at the same time
_LOOKS = 3


def stamp_of(folder: Path) -> tuple[int, int] | None:
    """What changes when an entry is replaced; None if there is none."""
    try:
        found = (folder / META).stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_ino, found.st_mtime_ns


def is_absent(folder: Path) -> bool:
    """Whether there is no entry, and no writer who has taken the old one away and is about to put the new one there."""
    # Two looks are no single moment: the writer may be done between them, and the next one have begun.
    return all(stamp_of(folder) is None and not _is_being_replaced(folder) for _ in range(_LOOKS))


def _is_being_replaced(folder: Path) -> bool:
    return any(is_scratch(path.name) for path in folder.parent.glob(f".{folder.name[:8]}-*-old"))


def mark_used(folder: Path) -> None:
    now = time.time_ns()
    with suppress(OSError):  # the cache may be another user's; then its own times must do
        os.utime(folder, ns=(now, now))


def replace_folder(scratch: Path, target: Path, version: int) -> None:
    """Move `scratch` to `target`. If another process wrote the same entry first, its intact copy stays and ours goes."""
    old = scratch.with_name(f"{scratch.name}-old")
    try:
        for _ in range(ATTEMPTS):
            try:
                scratch.rename(target)
                return
            except OSError as error:
                refused = error
            if _same_entry(scratch, target, version):
                return
            clear_away(old)
            # Whoever has the old arrays mapped keeps them: renamed, then unlinked, they live until they are let go.
            with suppress(FileNotFoundError):  # another writer was quicker
                target.rename(old)
        raise refused
    finally:
        clear_away(old)


def _same_entry(scratch: Path, target: Path, version: int) -> bool:
    try:
        same = (scratch / META).read_bytes() == (target / META).read_bytes()
        return same and read_entry(target, version) is not None
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, Damaged):
        return False


def clear_away(path: Path) -> None:
    """Remove a folder or file, and the folder of the unfinished work that it was the last of."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
    if path.parent.parent.name.endswith(PARTIAL):
        with suppress(OSError):  # there is more in it
            path.parent.rmdir()
