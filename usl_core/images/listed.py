"""A list of images as a source: the files that it names, wherever they lie, with the classes and splits that it gives them.

Every path is relative to the list's folder, or absolute; `~` is a name like any other. What the list names is looked at,
whatever it is called, hidden files too. Nothing is read that lies outside of the folders that may be read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from stat import S_ISDIR, S_ISLNK, S_ISREG

from ..errors import UslError
from ..names import display_name
from ..types import Note, Progress
from .decode import MAX_FILE_BYTES
from .list_columns import ListTable
from .list_table import read_list
from .listing import LEADS_OUT, Columns, Listing, leads_out
from .names import unread_kind
from .regular_files import NOT_REGULAR, read_regular

_A_FOLDER = "it is a folder, not a file; list the images in it"
_GONE = "the file, or what it links to, does not exist"
_NUL = "its name holds a NUL character, as no file's does"
_NOT_TEXT = "the name of the file is not valid text (UTF-8); rename it"
_NO_PATH = "it holds something, but no path"
_BLANK = " \t\r\n\xa0\u200b\ufeff"
_EVERY = 1024  # files between two reports of progress


class Listed:
    """The files that a list names. Its `stamp` is empty: what is known of them depends on their stats alone.

    Args:
        root: the list, an absolute path.
        within: resolved folders outside of which nothing is looked at; empty: anywhere.
    """

    def __init__(self, root: Path, within: Sequence[Path] = ()) -> None:
        self.root = root
        self.stamp: list[int] = []
        self._within = tuple(within)
        self._folder = str(root.parent)

    def listing(self, report: Progress) -> Listing:
        """All files of the list in natural order, each once, with its columns; and what cannot be used.

        Raises:
            UslError: the list cannot be read, has columns but none of paths, or contradicts itself.
        """
        folders = _Folders(self._within)

        def is_there(name: str) -> bool:
            return any(self._facts(spelled, folders)[0] is not None for spelled in _spellings(name))

        table = read_list(self.root, is_there, report)
        found = Listing()
        found.notes = [Note(self.root.name, text) for text in table.notes]
        for line in table.pathless:
            found.refuse(f"{self.root.name}, {table.line_word} {line}", _NO_PATH)
        first = self._look_at(table, found, folders, report)
        found.columns = Columns(first, table.labels, table.splits)
        found.close(report=report)
        return found

    def _look_at(self, table: ListTable, found: Listing, folders: _Folders, report: Progress) -> dict[str, int]:
        """Sort every path in, the first time that it stands there.

        Returns:
            By the name of each file, used or not, the row of the table that tells of it.
        """
        rows, twice = dict[str, int](), dict[str, int]()
        names = dict[str, str]()  # by the file that is meant, which may be spelled in several ways
        for row, path in enumerate(table.paths):
            if row % _EVERY == 0:
                report(0.0, f"looking for the listed files: {row:,} of {len(table.paths):,}")
            first: tuple[str, str, str] | None = None  # the spelling, what it means, and why it cannot be used
            for name in _spellings(path):
                meant = self._meant(name, folders)
                if (known := names.get(meant)) is not None:
                    self._agree(table, known, rows, row)
                    twice[known] = twice.get(known, 1) + 1
                    break
                facts, cause = self._facts(name, folders)
                if facts is not None:
                    shown = names[meant] = self._sort_in(name, facts, found)
                    rows[shown] = row
                    break
                first = (name, meant, cause) if first is None else (*first[:2], cause)
            else:
                assert first is not None
                name, meant, cause = first
                names[meant] = shown = _shown(name)
                rows[shown] = row
                found.refuse(shown, cause)
        refused = {problem.path for problem in found.problems} if twice else set()
        for name, n in twice.items():
            if name not in refused:
                found.notes.append(Note(name, f"the list names it {n:,} times; it counts once"))
        return rows

    def _sort_in(self, name: str, facts: os.stat_result, found: Listing) -> str:
        """A file that is there: an image, as far as its name tells, or a problem. Returns how it is called."""
        shown = _shown(name)
        if shown != name:
            found.refuse(shown, _NOT_TEXT)
        elif unread := unread_kind(name):
            found.refuse(name, unread)
        else:
            found.add(name, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino)
        return shown

    def _agree(self, table: ListTable, name: str, rows: dict[str, int], row: int) -> None:
        """Of two rows that name the same file, the first that tells its class, or split, is right if no other tells another."""
        for what, column in (("label", table.labels), ("split", table.splits)):
            if column is None or not column[row]:
                continue
            before = rows[name]
            if not column[before]:
                column[before] = column[row]
            elif column[before] != column[row]:
                one, other = (f"{column[at]!r} in {table.line_word} {table.lines[at]:,}" for at in (before, row))
                shown = display_name(name, 120)
                raise UslError(f"the list {self.root} gives {shown!r} two {what}s: {one} and {other}; keep one of the two")

    def _meant(self, name: str, folders: _Folders) -> str:
        """The same for two names that lead to the same place of the same folder."""
        if ".." in name and "\0" not in name:
            parent, _, last = self._whole(name).rpartition("/")
            name = f"{folders.real(parent)}/{last}"
        return name.removeprefix(f"{self._folder}/")

    def _whole(self, name: str) -> str:
        if os.name == "nt":
            return os.path.join(self._folder, name)  # noqa: PTH118
        return name if name.startswith("/") else f"{self._folder}/{name}"

    def _facts(self, name: str, folders: _Folders) -> tuple[os.stat_result | None, str]:
        """What is known of a file that may be read; else None and why not."""
        whole = self._whole(name)
        try:
            if self._within:
                if not folders.inside(os.path.dirname(whole)):  # noqa: PTH120
                    return None, LEADS_OUT
                facts = os.lstat(whole)
                if S_ISLNK(facts.st_mode):
                    if leads_out(Path(whole), self._within):
                        return None, LEADS_OUT
                    facts = os.stat(whole)  # noqa: PTH116
            else:
                facts = os.stat(whole)  # noqa: PTH116
        except (FileNotFoundError, NotADirectoryError):
            return None, _GONE
        except OSError as error:
            return None, f"the file cannot be opened ({error.strerror or error})"
        except ValueError:  # a name that no file can have
            return None, _NUL if "\0" in name else _NOT_TEXT
        if S_ISDIR(facts.st_mode):
            return None, _A_FOLDER
        return (facts, "") if S_ISREG(facts.st_mode) else (None, NOT_REGULAR)

    def read(self, name: str) -> bytes:
        """The bytes of the file `name`, as `listing` calls it.

        Raises:
            UslError: it is gone, no regular file, larger than `MAX_FILE_BYTES`, leads out, or cannot be opened.
        """
        path = self.root.parent / name
        if leads_out(path, self._within):  # again: what was listed may have been replaced by a link since
            raise UslError(LEADS_OUT)
        try:
            return read_regular(path, MAX_FILE_BYTES)
        except FileNotFoundError as error:
            raise UslError("the file is no longer there") from error
        except OSError as error:
            raise UslError(f"the file cannot be opened ({error.strerror or error})") from error


class _Folders:
    """Where folders really lie, asked once each."""

    def __init__(self, within: Sequence[Path]) -> None:
        self._within = within
        self._real: dict[str, str] = {}
        self._inside: dict[str, bool] = {}

    def real(self, folder: str) -> str:
        if folder not in self._real:
            self._real[folder] = os.path.realpath(folder)
        return self._real[folder]

    def inside(self, folder: str) -> bool:
        if folder not in self._inside:
            self._inside[folder] = not leads_out(Path(folder), self._within)
        return self._inside[folder]


def _spellings(path: str) -> Iterator[str]:
    """How the name of a file may be meant: as it stands, with the slashes of Windows, without blanks around it."""
    yield path if "//" not in path and "./" not in path else _tidy(path)
    if "\\" in path:
        yield _tidy(path.replace("\\", "/"))
    bare = path.strip(_BLANK)
    if bare != path:
        yield from _spellings(bare)


def _tidy(path: str) -> str:
    """Without steps that lead nowhere: `./`, `//`."""
    root = "/" if path.startswith("/") else ""
    return root + "/".join(part for part in path.split("/") if part not in ("", "."))


def _shown(name: str) -> str:
    """The name as text; different from it where it is none."""
    return (
        name
        if name.isascii() and "\0" not in name
        else name.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
    )
