"""Files that strangers may have put there are opened without waiting, only if they are regular files, and read up to a limit.

A named pipe would hang whoever opens it until somebody writes, and a device such as /dev/zero never ends.
"""

from __future__ import annotations

import os
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import BinaryIO

from ..errors import UslError

NOT_REGULAR = "it is a device, pipe or socket, not a file"
_CHUNK_BYTES = 2**20  # what is asked for beyond the size that a file claims to have
# Not every platform has each: O_NONBLOCK for pipes, O_NOCTTY for terminals, O_BINARY against Windows' line ends.
_FLAGS = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_BINARY"))


def open_regular(path: Path | str) -> BinaryIO:
    """The file at `path`, open for reading, unbuffered; links are followed.

    Raises:
        UslError: it is a folder, device, pipe or socket; the message is the cause, without the name of the file.
        OSError: as `open`.
    """
    # Twice: opening alone may do something to a device, and what was a file may be replaced before it is open.
    _check_mode(os.stat(path).st_mode)  # noqa: PTH116
    descriptor = os.open(path, _FLAGS)
    try:
        _check_mode(os.fstat(descriptor).st_mode)
        return os.fdopen(descriptor, "rb", buffering=0)
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: Path | str, limit: int) -> bytes:
    """The bytes of the file at `path`; also where it grows meanwhile, and where it claims to be empty as files in /proc do.

    Args:
        path: links are followed.
        limit: the most bytes that are read into memory, at least 0.

    Raises:
        UslError: it is no regular file, or larger than `limit`; the message is the cause, without the name of the file.
        OSError: as `open`.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise UslError(too_many_bytes(size, limit))
        chunks, n_bytes = [], 0
        while chunk := os.read(file.fileno(), max(size - n_bytes, min(_CHUNK_BYTES, limit + 1 - n_bytes))):
            chunks.append(chunk)
            n_bytes += len(chunk)
            if n_bytes > limit:
                raise UslError(too_many_bytes(n_bytes, limit))
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def too_many_bytes(size: int, limit: int) -> str:
    """The cause to give for a file of `size` bytes, or of that many at least."""
    return f"the file has {size:,} bytes, more than the limit of {limit:,}"


def _check_mode(mode: int) -> None:
    if S_ISDIR(mode):
        raise UslError("it is a folder, not a file")
    if not S_ISREG(mode):
        raise UslError(NOT_REGULAR)
