"""Files written whole or not at all, what is said when a disk does not take them, and sizes as people read them."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from .errors import UslError

_ELSEWHERE = "name another folder with --out"
_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


def size_text(n_bytes: float) -> str:
    """A size to three figures or so, in units of a thousand."""
    if n_bytes < 1000:
        return f"{n_bytes:.0f} bytes"
    for unit in ("kB", "MB", "GB"):
        n_bytes /= 1000
        if n_bytes < 999.5 or unit == "GB":
            break
    return f"{n_bytes:,.{0 if n_bytes >= 100 else 1}f} {unit}".replace(".0 ", " ")


@contextmanager
def told_if_unwritable(
    what: str, where: Path, remedy: str, needed: int | None = None, *, only_full: bool = False
) -> Iterator[None]:
    """Turn what the disk refuses into an error that says what to do.

    Args:
        what: that which cannot be written, the beginning of a sentence.
        where: the file or folder; it need not exist.
        remedy: what to do, after a semicolon.
        needed: bytes that are to be written, where that is known.
        only_full: let everything pass but that the disk is full.

    Raises:
        UslError: in place of an OSError; of a full disk it says how much is needed and how much is free.
    """
    try:
        yield
    except OSError as error:
        if only_full and error.errno not in _FULL:
            raise
        cause = error.strerror or str(error)
        raise UslError(f"{what} cannot be written ({cause}); {remedy}{_no_space(error, where, needed)}") from error


def _no_space(error: OSError, where: Path, needed: int | None) -> str:
    if error.errno not in _FULL and error.errno != errno.EFBIG:
        return ""
    wanted = "it" if needed is None else f"the {size_text(needed)} that are needed"
    if error.errno == errno.EFBIG:
        return f": no space is left for {wanted} under the limit on the size of a file"
    free = _free(where)
    return f": no space is left for {wanted}" + ("" if free is None else f", {size_text(free)} are free")


def _free(where: Path) -> int | None:
    with suppress(OSError):
        return shutil.disk_usage(next(path for path in (where, *where.absolute().parents) if path.exists())).free
    return None


def write_atomically(path: Path | str, content: bytes, *, remedy: str = _ELSEWHERE, durable: bool = False) -> None:
    """Write a file under another name and rename it, so that nobody ever sees half of it; missing folders are made.

    Args:
        path: where to write.
        content: all of it.
        remedy: what to do where that is impossible.
        durable: return only when it is on the disk, so that it outlives a loss of power.

    Raises:
        UslError: it cannot be written.
    """
    with new_file(path, len(content), remedy, durable=durable) as file:
        file.write(content)


@contextmanager
def new_file(
    path: Path | str, needed: int | None = None, remedy: str = _ELSEWHERE, *, durable: bool = False
) -> Iterator[IO[bytes]]:
    """A file under another name, renamed to `path` when all went well; arguments as for `write_atomically`."""
    path = Path(path)
    with told_if_unwritable(str(path), path, remedy, needed):
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
        try:
            with scratch.open("xb") as file:
                yield file
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            scratch.replace(path)
            if durable:
                _sync_folder(path.parent)
        finally:
            scratch.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Put a new name on the disk; Windows has no descriptors of folders, and puts it there by itself."""
    if sys.platform == "win32":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
