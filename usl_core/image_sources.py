"""Where images come from: the image files in a folder or a .zip archive, found, listed in natural order and read as bytes.

What counts as an image file: a name that ends like one, at any depth; nothing hidden (names that begin with a dot) and
nothing in `__MACOSX`. Links to files are read. Links to folders are not followed, since they can lead round in a circle or
out of the data set; each becomes a problem, so that nobody misses their contents without a word.
"""

from __future__ import annotations

import os
import re
import struct
import threading
import time
import zipfile
import zlib
from array import array
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from stat import S_ISDIR, S_ISREG

import numpy as np
from numpy.typing import NDArray

from .errors import UslError
from .image_decode import MAX_FILE_BYTES, too_many_bytes
from .image_names import EXTENSIONS
from .regular_files import NOT_REGULAR, read_regular
from .types import Problem, Progress

_SETTLED_NS = 2_000_000_000
LEADS_OUT = "a link that leads out of the folders that may be read; put a copy here"
_FOLDER_LINK = "a link to a folder is not followed; scan that folder itself, or put a copy here"
_ZIP_ERRORS = (
    *(OSError, EOFError, ValueError, RuntimeError, NotImplementedError, LookupError, struct.error),
    *(zipfile.BadZipFile, zlib.error),
)


def natural_key(path: str) -> tuple[str, str]:
    """Sort key: folder by folder, without regard to case, numbers by value (img2 before img10); the path breaks ties."""
    folded = path.casefold().replace("/", "\0")  # so that a folder comes before those whose names go on with a space
    return _NUMBER.sub(_number_key, folded), path


_NUMBER = re.compile("[0-9]+")


def _number_key(match: re.Match[str]) -> str:
    """Sorts where digits sort, then by number of digits, then by digits: no number is too long."""
    digits = match.group().lstrip("0")
    return f"0{chr(len(digits))}{digits}"


class Listing:
    """The image files of a source before any is opened.

    `names` are relative paths; row i of `stats`, (n, 4) int64, changes whenever file i changes; `settled` says which rows
    are old enough to rely on that.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.problems: list[Problem] = []
        self.settled: NDArray[np.bool_] = np.empty(0, bool)
        self._stats = array("q")

    def add(self, name: str, *stats: int) -> None:
        """One more image file and its four stats."""
        self.names.append(name)
        self._stats.extend(value & (2**63 - 1) for value in stats)

    def refuse(self, name: str, cause: str) -> None:
        """One more problem: a file or folder that will not be read."""
        self.problems.append(Problem(name, cause))

    def sort(self) -> None:
        """Natural order; from here on `stats` is there, and nothing may be added."""
        order = sorted(range(len(self.names)), key=lambda row: natural_key(self.names[row]))
        self.names = [self.names[row] for row in order]
        self.stats: NDArray[np.int64] = np.frombuffer(self._stats, np.int64).reshape(-1, 4)[order]


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
        found, pending, start = Listing(), [""], time.time_ns()
        while pending:
            folder = pending.pop()
            for count, entry in enumerate(self._entries(folder, found)):
                if count % 1024 == 0:
                    report(0.0, f"looking for image files: {len(found.names):,} found")
                self._look_at(entry, folder, found, pending)
        found.sort()
        found.settled = found.stats[:, 2] < start - _SETTLED_NS
        return found

    def _entries(self, folder: str, found: Listing) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(self.root / folder) as entries:
                yield from entries
        except OSError as error:
            if not folder:
                raise UslError(f"the folder {self.root} cannot be opened ({_reason(error)})") from error
            found.refuse(folder.rstrip("/"), f"the folder cannot be opened ({_reason(error)})")

    def _look_at(self, entry: os.DirEntry[str], folder: str, found: Listing, pending: list[str]) -> None:
        if _is_hidden(entry.name):
            return
        name, is_image = folder + entry.name, _is_image_name(entry.name)
        shown = name.encode("utf-8", "backslashreplace").decode()
        try:
            if entry.is_dir(follow_symlinks=False):
                if shown == name:
                    pending.append(f"{name}/")
                else:
                    found.refuse(shown, "the name of the folder is not valid text (UTF-8); rename it")
            elif entry.is_symlink() and entry.is_dir():
                found.refuse(shown, _FOLDER_LINK)
            elif is_image and shown != name:
                found.refuse(shown, "the name of the file is not valid text (UTF-8); rename it")
            elif is_image and entry.is_symlink() and self._leads_out(name):
                found.refuse(shown, LEADS_OUT)
            elif is_image:
                facts = entry.stat()
                if S_ISREG(facts.st_mode):
                    found.add(name, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino)
                else:
                    found.refuse(name, NOT_REGULAR)
        except FileNotFoundError:
            found.refuse(shown, "the file, or what it links to, does not exist")
        except OSError as error:
            if is_image:
                found.refuse(shown, f"the file cannot be opened ({_reason(error)})")

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
            raise UslError(f"the file cannot be opened ({_reason(error)})") from error

    def _leads_out(self, name: str) -> bool:
        if not self._within:
            return False
        target = Path(os.path.realpath(self.root / name))
        return not any(target.is_relative_to(root) for root in self._within)


class Archive:
    """A .zip archive. The names of its members are names and nothing else: no file is ever created from them.

    When its `stamp` changes, nothing that is known of any member holds any longer.
    """

    def __init__(self, root: Path, facts: os.stat_result) -> None:
        self.root = root
        self.stamp = [facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino]
        self._changed_ns = facts.st_ctime_ns
        self._lock = threading.Lock()
        self._members: dict[str, zipfile.ZipInfo] = {}
        self._problems: list[Problem] = []
        try:
            self._zip = zipfile.ZipFile(root)
        except _ZIP_ERRORS as error:
            raise UslError(f"the archive {root} is damaged or no .zip ({error}); make or download it again") from error
        for member in self._zip.infolist():
            self._add(member)

    def _add(self, member: zipfile.ZipInfo) -> None:
        raw = member.filename.replace("\\", "/")
        parts = [part for part in raw.split("/") if part not in ("", ".")]
        if raw.endswith("/") or not _is_image_name(raw) or any(_is_hidden(part) for part in parts if part != ".."):
            return
        name, cause = "/".join(parts), None
        if raw.startswith("/") or ".." in parts or re.match("[A-Za-z]:", raw):
            name, cause = raw, "the name leads out of the archive"
        elif member.flag_bits & 1:
            cause = "the file is encrypted; unpack the archive with its password"
        elif member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            cause = "the file is packed by a method other than deflate"  # zipfile cannot bound what the others unpack to
        elif member.file_size > MAX_FILE_BYTES:
            cause = too_many_bytes(member.file_size)
        if cause is None:
            if name in self._members:
                self._problems.append(Problem(name, "the archive holds this name more than once; the last one counts"))
            self._members[name] = member
        else:
            self._problems.append(Problem(name, cause))

    def listing(self, report: Progress) -> Listing:
        """All image files in the archive, in natural order, and those that cannot be read."""
        found, start = Listing(), time.time_ns()
        found.problems = list(self._problems)
        for name, member in self._members.items():
            found.add(name, member.file_size, member.CRC, member.compress_size, member.header_offset)
        found.sort()
        found.settled = np.full(len(found.names), self._changed_ns < start - _SETTLED_NS)
        return found

    def read(self, name: str) -> bytes:
        """The bytes of the member `name`; safe to call from many threads.

        Raises:
            UslError: it is gone, damaged, or packed in an unusual way.
        """
        member = self._members.get(name)
        if member is None:
            raise UslError("the file is no longer in the archive")
        try:
            with self._lock:  # opening and closing count the readers of the shared handle; reading locks by itself
                file = self._zip.open(member)
            try:
                return file.read(member.file_size + 1)  # without a bound, a false size would unpack up to 2 GiB first
            finally:
                with self._lock:
                    file.close()
        except _ZIP_ERRORS as error:
            raise UslError(f"the file is damaged in the archive, or packed in an unusual way ({error})") from error


Source = Folder | Archive


def open_source(root: Path, within: Sequence[Path] = ()) -> Source:
    """The folder or archive at `root`, an absolute path; an archive that was opened before is not opened again.

    Args:
        root: absolute and resolved.
        within: see `Folder`.

    Raises:
        UslError: there is nothing at `root`, it is neither folder nor .zip, or it is damaged.
    """
    try:
        facts = root.stat()
        if S_ISDIR(facts.st_mode):
            return Folder(root, within)
        if not S_ISREG(facts.st_mode) or not (root.suffix.lower() == ".zip" or zipfile.is_zipfile(root)):
            raise UslError(f"{root} is neither a folder nor a .zip archive")
    except FileNotFoundError as error:
        raise UslError(f"{root} does not exist; give a folder of images or a .zip archive") from error
    except OSError as error:
        raise UslError(f"{root} cannot be opened ({_reason(error)})") from error
    return _archive(root, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_size, facts.st_ino, os.getpid())


@lru_cache(maxsize=4)
def _archive(root: Path, *_identity: int) -> Archive:
    """The open archive, kept because its table of contents is slow to read; a child process must not share the handle."""
    return Archive(root, root.stat())


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _is_image_name(name: str) -> bool:
    return name.lower().endswith(EXTENSIONS)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
