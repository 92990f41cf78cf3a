"""Where images come from: a folder, a .zip archive or a list of paths, told apart and opened."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from ..errors import UslError
from ..types import Progress
from .archive import Archive
from .folder import Folder
from .listed import Listed
from .listing import leads_out
from .names import LIST_EXTENSIONS, is_list_name
from .zip_reader import is_zip

Source = Folder | Archive | Listed


def open_source(root: Path, within: Sequence[Path] = (), report: Progress = lambda fraction, note: None) -> Source:
    """The folder, archive or list at `root`, an absolute path; an archive that was opened before is not opened again.

    Args:
        root: absolute and resolved.
        within: see `Folder`.
        report: called now and then while the table of contents of an archive is read.

    Raises:
        UslError: there is nothing at `root`, it lies outside of `within`, is none of the three, or is damaged.
    """
    if leads_out(root, within):
        raise UslError(f"{root} is not, or no longer, inside the folders that may be read; open it again")
    try:
        facts = root.stat()
        if S_ISDIR(facts.st_mode):
            return Folder(root, within)
        if S_ISREG(facts.st_mode) and is_list_name(root.name):
            return Listed(root, within)
        if not S_ISREG(facts.st_mode) or not (root.suffix.lower() == ".zip" or is_zip(root)):
            known = ", ".join(LIST_EXTENSIONS)
            raise UslError(f"{root} is neither a folder nor a .zip archive nor a list of paths (a file named {known})")
    except FileNotFoundError as error:
        raise UslError(f"{root} does not exist; give a folder of images, a .zip archive or a list of paths") from error
    except OSError as error:
        raise UslError(f"{root} cannot be opened ({error.strerror or error})") from error
    return _archive(root, (facts.st_mtime_ns, facts.st_ctime_ns, facts.st_size, facts.st_ino, os.getpid()), report)


class _LongEnough(Exception):
    """Nobody should wait longer."""


def check_list(root: Path, within: Sequence[Path] = (), *, seconds: float = 2.0) -> None:
    """Look whether a list can be used, before anybody goes there; what is no list passes, and so does a long one.

    Args:
        root: as for `open_source`.
        within: see `Folder`.
        seconds: how long to look.

    Raises:
        UslError: it cannot be read, has columns but none of paths, contradicts itself, or names no file.
    """
    end = time.monotonic() + seconds

    def report(fraction: float, note: str) -> None:
        if time.monotonic() > end:
            raise _LongEnough

    source = open_source(root, within) if is_list_name(root.name) else None
    if isinstance(source, Listed):
        with suppress(_LongEnough):
            found = source.listing(report)
            if not (found.names or found.problems):
                raise UslError(f"the list {root} names no file; write one path a line, or a table with a column path")


def _archive(root: Path, identity: tuple[int, ...], report: Progress) -> Archive:
    """The open archive, kept because its table of contents is slow to read."""
    key = (root, *identity)
    opened = _archives.pop(key, None) or Archive(root, report)
    _archives[key] = opened  # the last used is the last
    for other in list(_archives)[:-_MOST_ARCHIVES]:
        _archives.pop(other, None)
    return opened


_MOST_ARCHIVES = 4
_archives: dict[tuple[object, ...], Archive] = {}
"""Each step on it is one of the interpreter's own, so threads need no lock, which a fork would leave locked."""
