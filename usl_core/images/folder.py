"""A folder of images: its files, listed and read as bytes.

Links to files are read. Links to folders are not followed, since they can lead round in a circle or out of the data set; each
becomes a problem, so that nobody misses their contents without a word.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from stat import S_ISREG

from ..errors import UslError
from ..types import Progress
from .decode import MAX_FILE_BYTES
from .kinds import HEAD_BYTES
from .listing import ARCHIVE_INSIDE, HIDDEN_FILE, LEADS_OUT, LINK_OUT, Listing, is_hidden, leads_out, passed_over, sniffed
from .names import is_archive_name, is_image_name, is_unknown_name, unread_kind
from .regular_files import NOT_REGULAR, open_regular, read_regular

_FOLDER_LINK = "a link to a folder is not followed; scan that folder itself, or put a copy here"
_ICLOUD, _IN_THE_CLOUD = ".icloud", "it lies in iCloud and not on this disk; download it there first"
_NOT_TEXT = "is not valid text (UTF-8); rename it"


class Folder:
    """A folder on disk. Its `stamp` is empty: what is known of its files depends on their stats alone.

    Args:
        root: absolute path.
        within: resolved folders that no file may lead out of by way of a link; empty: anywhere.
    """

    def __init__(self, root: Path, within: Sequence[Path] = ()) -> None:
        self.root = root
        self.stamp: list[int] = []
        self._within = tuple(within)

    def listing(self, report: Progress) -> Listing:
        """All image files below the folder, in natural order, and what could not be looked at.

        Raises:
            UslError: the folder itself cannot be opened.
        """
        found, pending, unknown = Listing(), [""], list[str]()
        while pending:
            folder = pending.pop()
            for count, entry in enumerate(self._entries(folder, found)):
                if count % 1024 == 0:
                    report(0.0, f"looking for image files: {len(found.names):,} found")
                try:
                    self._look_at(entry, folder, found, pending, unknown)
                except OSError as error:
                    if _is_expected(entry.name):
                        found.refuse(_shown(folder + entry.name), _cause(error))
        for name in sniffed(unknown, lambda name: self._head(name, found), found, report):
            if self._leads_out(name):  # again: not every one was looked into
                found.refuse(_shown(name), LEADS_OUT)
            else:
                self._add(name, found)
        found.close(report=report)
        return found

    def _entries(self, folder: str, found: Listing) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(self.root / folder) as entries:
                yield from entries
        except OSError as error:
            if not folder:
                raise UslError(f"the folder {self.root} cannot be opened ({_reason(error)})") from error
            found.refuse(folder.rstrip("/"), f"the folder cannot be opened ({_reason(error)})")

    def _look_at(self, entry: os.DirEntry[str], folder: str, found: Listing, pending: list[str], unknown: list[str]) -> None:
        """Sort an entry of a folder in: an image, a problem, a folder to look into, something to sniff at, or nothing."""
        name = folder + entry.name
        if (kind := passed_over(entry.name)) is not None and entry.is_dir():
            found.skipped[kind] += 1
        elif is_hidden(entry.name):
            placeholder = entry.name.removesuffix(_ICLOUD)
            if placeholder != entry.name and _is_expected(placeholder):
                found.refuse(_shown(folder + placeholder[1:]), _IN_THE_CLOUD)
            elif _is_expected(entry.name):
                found.skipped[HIDDEN_FILE] += 1
        elif entry.is_dir(follow_symlinks=False):
            if _shown(name) == name:
                pending.append(f"{name}/")
            else:
                found.refuse(_shown(name), f"the name of the folder {_NOT_TEXT}")
        elif entry.is_symlink() and entry.is_dir():
            found.refuse(_shown(name), _FOLDER_LINK)
        elif cause := unread_kind(entry.name):
            found.refuse(_shown(name), cause)
        elif is_archive_name(entry.name):
            found.skipped[ARCHIVE_INSIDE] += 1
        elif is_unknown_name(entry.name):
            unknown.append(name)
        elif is_image_name(entry.name):
            if _shown(name) != name:
                found.refuse(_shown(name), f"the name of the file {_NOT_TEXT}")
            elif entry.is_symlink() and self._leads_out(name):
                found.refuse(name, LEADS_OUT)
            else:
                self._add(name, found, entry.stat())

    def _add(self, name: str, found: Listing, facts: os.stat_result | None = None) -> None:
        try:
            facts = facts or (self.root / name).stat()
        except OSError as error:
            found.refuse(_shown(name), _cause(error))
            return
        if _shown(name) != name:
            found.refuse(_shown(name), f"the name of the file {_NOT_TEXT}")
        elif S_ISREG(facts.st_mode):
            found.add(name, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino)
        else:
            found.refuse(name, NOT_REGULAR)

    def _head(self, name: str, found: Listing) -> bytes:
        """The first bytes of a file of an unknown kind; nothing if it is no file, or gone."""
        if self._leads_out(name):
            found.skipped[LINK_OUT] += 1
            return b""
        try:
            with open_regular(self.root / name) as file:
                return file.read(HEAD_BYTES)
        except (UslError, FileNotFoundError):
            return b""
        except OSError as error:
            found.refuse(_shown(name), f"{_cause(error)}, so nobody knows whether it is an image")
            return b""

    def read(self, name: str) -> bytes:
        """The bytes of the file `name`, a path relative to the folder.

        Raises:
            UslError: it is gone, no regular file, larger than `MAX_FILE_BYTES`, leads out, or cannot be opened.
        """
        if self._leads_out(name):  # again: what was listed may have been replaced by a link since
            raise UslError(LEADS_OUT)
        try:
            return read_regular(self.root / name, MAX_FILE_BYTES)
        except FileNotFoundError as error:
            raise UslError("the file is no longer there") from error
        except OSError as error:
            raise UslError(_cause(error)) from error

    def _leads_out(self, name: str) -> bool:
        return leads_out(self.root / name, self._within)


def _is_expected(name: str) -> bool:
    """Whether somebody would miss a file of this name."""
    return is_image_name(name) or unread_kind(name) is not None


def _shown(name: str) -> str:
    """The name as text; different from it where the bytes on disk are none."""
    return name.encode("utf-8", "backslashreplace").decode()


def _cause(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "the file, or what it links to, does not exist"
    return f"the file cannot be opened ({_reason(error)})"


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
