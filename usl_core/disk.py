"""Sizes as people read them, and what is said when a disk does not take what is written."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import UslError

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
