"""Files from the network, weights and data sets: verified, resumed where they were cut off, there whole or not at all."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from io import BufferedRandom
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from ..disk import size_text, told_if_unwritable
from ..errors import UslError

SILENCE_SECONDS = 30.0
"""So long may a server say nothing."""
_BLOCK = 1 << 20
_NOTE_SECONDS = 0.3
_POLL_SECONDS = 0.2
_ATTEMPTS = 4


_REMEDY = "free some space, or set TORCH_HOME to a folder on another disk"


def fetch(
    url: str,
    path: Path,
    on_note: Callable[[str], None],
    *,
    size_mb: float = 0.0,
    sha256_prefix: str = "",
    md5: str = "",
    remedy: str = _REMEDY,
) -> None:
    """Download a file. What was cut off stays beside it as `NAME.part`, and the next call goes on from there.

    Args:
        url: http, https or file.
        path: where it goes; nothing is there until all of it is. Where another process is at it, this one waits.
        on_note: told how far it is, some times a second; may raise to stop.
        size_mb: what it is expected to have, for the first note.
        sha256_prefix: first hex digits of the SHA-256 that it must have; empty: its length alone is checked.
        md5: hex digits of the MD5 that it must have, where nothing better is published.
        remedy: what to do where the disk is full.

    Raises:
        OSError, HTTPException: the network, or a file that is not the one that was expected.
        UslError: the disk is full.
    """
    on_note(f"downloading {path.name}" + (f", {size_mb:.0f} MB" if size_mb else ""))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    try:
        with (
            told_if_unwritable(str(path), path, remedy, round(size_mb * 1e6) or None, only_full=True),
            _alone(part, path, on_note) as file,
        ):
            if file is None:
                return
            for attempt in range(_ATTEMPTS):
                try:
                    _append(url, file, path.name, on_note)
                    break
                except (OSError, HTTPException) as error:
                    if attempt == _ATTEMPTS - 1 or not _may_pass(error):
                        raise
                    on_note(f"downloading {path.name}: cut off ({error}); trying again")
                    time.sleep(2**attempt * _POLL_SECONDS)
            _verify(file, "sha256", sha256_prefix)
            _verify(file, "md5", md5)
            file.flush()
            os.fsync(file.fileno())
            part.replace(path)
    finally:
        if part.exists() and part.stat().st_size == 0:
            part.unlink(missing_ok=True)


def _may_pass(error: Exception) -> bool:
    """Whether another try may help: a connection that broke, and not an answer or a disk that will stay as it is."""
    if isinstance(error, HTTPError):
        return error.code >= 500 or error.code == 429
    return isinstance(error, ConnectionResetError | TimeoutError | HTTPException | _CutOff)


class _CutOff(OSError):
    """The connection ended before the file did."""


def _append(url: str, file: BufferedRandom, name: str, on_note: Callable[[str], None]) -> None:
    """Add what is missing at the end of the file."""
    there = file.seek(0, os.SEEK_END)
    request = Request(url, headers={"User-Agent": "usl-explorer", **({"Range": f"bytes={there}-"} if there else {})})
    try:
        response = urlopen(request, timeout=SILENCE_SECONDS)
    except HTTPError as error:
        if error.code == 416 and there:  # there is nothing after what is there: it is whole, or another file
            whole = error.headers.get("Content-Range", "").rpartition("/")[2]
            if whole == str(there):
                return
            file.truncate(0)
        raise
    with response:
        if there and response.status != 206:  # a server that knows no ranges sends everything
            there = 0
            file.seek(0)
            file.truncate()
        length = response.headers.get("Content-Length")
        total = there + int(length) if length else None
        began, told = time.monotonic(), 0.0
        done = there
        while block := response.read(_BLOCK):
            file.write(block)
            done += len(block)
            if (now := time.monotonic()) - told >= _NOTE_SECONDS:
                told = now
                rate = (done - there) / max(now - began, 1e-3)
                of = f" of {size_text(total)}" if total else ""
                on_note(f"downloading {name}: {size_text(done)}{of}, {size_text(rate)}/s")
        if total is not None and done < total:
            raise _CutOff(f"it ended after {done:,} of {total:,} bytes")


def _verify(file: BufferedRandom, algorithm: str, prefix: str) -> None:
    if not prefix:
        return
    file.seek(0)
    found = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
    if not found.startswith(prefix):
        file.truncate(0)  # of no use, not even to go on with
        raise OSError(f'invalid hash value (expected "{prefix}", got "{found}")')


@contextmanager
def _alone(part: Path, path: Path, on_note: Callable[[str], None]) -> Iterator[BufferedRandom | None]:
    """The unfinished file, open for this process alone; None if another one has finished it meanwhile."""
    while True:
        with part.open("ab+") as file:
            if _locked(file):
                # It may have been renamed between opening and locking; then it is the whole file and not ours to write.
                yield None if path.exists() else file
                return
        on_note(f"another process downloads {path.name}; this one waits for it")
        time.sleep(_POLL_SECONDS)


def _locked(file: BufferedRandom) -> bool:
    if sys.platform == "win32":  # nobody waits there; both would write the same
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def told_where(name: str, file: str, url: str, folder: Path, error: object, size: str) -> UslError:
    """The error for a weights file that could not be had: which file to put where.

    Args:
        name: of the encoder.
        file: name that the file must have in `folder`.
        url: where it can be had.
        folder: where it belongs.
        error: why it could not be downloaded.
        size: in words, or empty.
    """
    named = "" if url.endswith(f"/{file}") else f" as {file}"
    return UslError(
        f"{name} needs the weights file {file}{f' ({size})' if size else ''}, which could not be downloaded ({error}); "
        f"fetch {url} on a machine with network access and put it into {folder}{named}, "
        "or choose efficientnet:lite0 or bundled:mini, which come with the program"
    )
