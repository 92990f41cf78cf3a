"""Names of images as people and their programs spell them -> rows of an image set.

A name counts as it stands. One that is no image is tried without blanks around it, as a path on this machine, with the slashes
of Windows, as a terminal or a spreadsheet showed it, and with its accents stored otherwise; it counts where one image answers.
"""

from __future__ import annotations

import os
import posixpath
import unicodedata
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import cached_property, lru_cache

from ..names import display_name, taken_back, unguarded
from ..types import ImageSet

_BLANK = "\ufeff\u200b \t\r\n\xa0"
_CLOSE = 10_000  # names that are compared to find the nearest one


class NameFinder:
    """Finds images by name.

    Args:
        images: the image set.
        folders: other paths of its folder, e.g. the one that was given, which may lead there over a link.
    """

    def __init__(self, images: ImageSet, folders: Sequence[str] = ()) -> None:
        self._images = images
        self._rows = {path: row for row, path in enumerate(images.paths)}
        given = [os.path.abspath(folder) for folder in (*folders, str(images.root))]  # noqa: PTH100
        if images.listed is not None:  # its paths are relative to the folder that the list lies in
            given = [os.path.dirname(path) for path in given]  # noqa: PTH120
        self._folders = list(dict.fromkeys(_slashed(folder).rstrip("/") for folder in given))
        self._real_folder = lru_cache(maxsize=1024)(os.path.realpath)

    def find(self, name: str) -> int | None:
        """The row of the image, or None if there is none, or more than one."""
        row = self._rows.get(name)
        if row is not None:
            return row
        spellings = list(dict.fromkeys(self._spellings(name)))
        for spelling in spellings:
            if spelling in self._rows:
                return self._rows[spelling]
        for spelling in spellings:
            if rows := self._alike.get(_key(spelling)):
                return rows[0] if len(rows) == 1 else None
        return None

    def is_exact(self, name: str) -> bool:
        """Whether an image has that very name."""
        return name in self._rows

    def exact(self, name: str) -> int | None:
        """The row of the image that has that very name."""
        return self._rows.get(name)

    def reason(self, name: str) -> str:
        """Why a name was not found, for the end of a sentence; empty where nothing can be said."""
        spellings = [name, *self._spellings(name)]
        for problem in self._images.problems:
            if problem.path in spellings:
                return f"it could not be used: {problem.cause}"
        for spelling in spellings:
            if rows := self._alike.get(_key(spelling)):
                return f"it may be any of {len(rows)} images whose names look the same"
        near = self._nearest(spellings)
        return f"did you mean '{display_name(near, 120)}'?" if near is not None else ""

    @cached_property
    def _alike(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for path, row in self._rows.items():
            found.setdefault(_key(path), []).append(row)
        return found

    def _spellings(self, name: str) -> Iterator[str]:
        for text in (name, name.strip(_BLANK), unguarded(name), taken_back(name), _as_utf8(name)):
            for slashed in (text, text.replace("\\", "/")):
                yield from self._relative(slashed)

    def _relative(self, path: str) -> Iterator[str]:
        """What a path may be called inside the folder: it may start there, at the root of the machine, or here."""
        if "\0" in path:
            return
        if not path.startswith("/"):
            yield posixpath.normpath(path)
        whole = _slashed(os.path.abspath(path))  # noqa: PTH100
        yield from self._inside(whole)
        parent, _, last = whole.rpartition("/")
        yield from self._inside(f"{_slashed(self._real_folder(parent or '/')).rstrip('/')}/{last}")

    def _inside(self, whole: str) -> Iterator[str]:
        for folder in self._folders:
            if os.path.normcase(whole).startswith(os.path.normcase(f"{folder}/")):
                yield whole[len(folder) + 1 :]

    def _nearest(self, spellings: Sequence[str]) -> str | None:
        wanted = min(spellings, key=lambda spelling: (len(spelling), spelling.count("\\")))[-300:]
        folded = wanted.casefold()
        ends = [path for path in self._rows if path.rpartition("/")[2].casefold() == folded.rpartition("/")[2]]
        if ends:  # the same file elsewhere, or in other letters
            return max(ends, key=lambda path: len(os.path.commonprefix((path.casefold()[::-1], folded[::-1]))))  # noqa: RUF071
        like = [path for path in self._rows if abs(len(path) - len(wanted)) <= 3][:_CLOSE]
        return next(iter(get_close_matches(wanted, like, 1, 0.7)), None)


def _key(text: str) -> str:
    return unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").strip(_BLANK)


def _slashed(path: str) -> str:
    return path.replace("\\", "/") if os.name == "nt" else path


def _as_utf8(text: str) -> str:
    """What a program meant that wrote UTF-8 for another that took it for the Windows code page."""
    try:
        return text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return text
