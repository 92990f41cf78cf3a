"""Lists of images, as people, spreadsheets and this program write them -> rows of an image set.

A list is plain, one path a line, or a table with a column of paths. How it was written is not asked but tried: the reading
counts under which every name is an image of the set; if there is none, the error is about the likeliest.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISFIFO
from typing import NamedTuple

from .errors import UslError
from .image_names import is_image_name
from .name_finder import NameFinder
from .names import display_name, unguarded
from .regular_files import read_regular
from .types import ImageSet

MAX_LIST_BYTES = 512 * 2**20

_GUARDED = "pathastext"  # the column of picks-spreadsheet.csv
_HEADERS = (
    *(_GUARDED, "path", "paths", "filepath", "imagepath", "relativepath", "filename", "filenames", "file", "files"),
    *("imagename", "imagefile", "image", "images"),
)
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CODE_PAGES = ("cp1252", "mac_roman", "cp850", "cp1250", "cp1251", "cp866", "cp932", "gb18030")
_SHOWN = 3
_COUNTED = 1000  # unknown names; a list of something else may have a million
_NO_TEXT = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\x93NUMPY")  # workbooks of both kinds, picks.npy
_SEP_LINE = re.compile(r'"?sep=([,;|\t])"?(?:\r\n|\r|\n|$)', re.IGNORECASE)


class ListedImages(NamedTuple):
    """What a list names.

    Args:
        rows: ascending, each once.
        notes: sentences a user should see about how it was read.
    """

    rows: tuple[int, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Reading:
    names: list[str]
    how: str
    notes: tuple[str, ...] = ()


def read_image_list(path: Path | str, images: ImageSet, what: str, folders: Sequence[str] = ()) -> ListedImages:
    """The images that a file names.

    Args:
        path: a text in UTF-8, in UTF-16 or UTF-32 with its mark, or, where it can be nothing else, in a Windows or Mac code
            page. Plain, one path a line; or a table (commas, semicolons or tabs, quotes as in CSV, any line ends) with a
            column `path`, `file`, `filename` or `image`, as picks.csv and picks-spreadsheet.csv are.
        images: whose rows they become; how else a path may be spelled is in `name_finder`.
        what: names the file in messages, e.g. an option.
        folders: see `NameFinder`.

    Raises:
        UslError: the file cannot be read, or names something else.
    """
    called, data = f"{what} {path}", _bytes(path, what)
    if data.startswith(_NO_TEXT):
        raise UslError(f"{called} is a workbook or another binary file, not a text; save it as CSV, or give a picks.csv")
    finder = NameFinder(images, folders)
    tried: list[tuple[_Reading, list[str]]] = []
    for reading in _readings(data, finder, called):
        rows, unknown = _found(reading.names, finder)
        if not unknown:
            return ListedImages(rows, reading.notes if rows else (*reading.notes, f"{called} names no image"))
        tried.append((reading, unknown))
    reading, unknown = min(tried, key=lambda one: (len(one[1]), any(map(_is_no_text, one[1]))))
    raise UslError(_complaint(called, reading, unknown, finder))


def _found(names: Sequence[str], finder: NameFinder) -> tuple[tuple[int, ...], list[str]]:
    """Rows, and the names that are unknown, as far as they are worth counting."""
    rows: set[int] = set()
    unknown: list[str] = []
    for name in names:
        row = finder.find(name)
        if row is not None:
            rows.add(row)
        else:
            unknown.append(name)
            if len(unknown) == _COUNTED:
                break
    return tuple(sorted(rows)), unknown


def _is_no_text(name: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in name)


def _bytes(path: Path | str, what: str) -> bytes:
    try:
        if str(path) == "/dev/stdin" or str(path).startswith("/dev/fd/"):  # what a shell hands over may be a pipe
            with Path(path).open("rb") as file:
                if S_ISFIFO(Path(path).stat().st_mode):
                    data = file.read(MAX_LIST_BYTES + 1)
                    if len(data) <= MAX_LIST_BYTES:
                        return data
        return read_regular(path, MAX_LIST_BYTES)
    except (OSError, ValueError) as error:  # ValueError: UslError, or a name that no file can have
        cause = getattr(error, "strerror", None) or error
        raise UslError(f"{what} {path} cannot be read ({cause}); give a list of paths, one a line, or a picks.csv") from error


def _readings(data: bytes, finder: NameFinder, called: str) -> Iterator[_Reading]:
    """Every way to read the list, the likeliest first."""
    for text, how, notes in _decoded(data, called):
        separator, body = None, text
        if mark := _SEP_LINE.match(text):
            separator, body = mark[1], text[mark.end() :]
        body = body.lstrip("\r\n")
        tables = list(_tables(body, [separator] if separator else list(_SEPARATORS), finder))
        readings = tables or [_plain(body, finder), *_without_header(body)]
        for names, form in readings:
            yield _Reading(names, f"{form}{how}", notes)
        for names, form in [] if tables else readings:
            if _is_headed(names) and not _found(names[1:], finder)[1]:
                header = f"the first line of {called} was taken for the header of a table: {display_name(names[0])!r}"
                yield _Reading(names[1:], f"{form}{how}", (*notes, header))


def _decoded(data: bytes, called: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """The text, how it was decoded, and what to say about that."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            yield data[len(mark) :].decode(encoding, "replace"), f" in {encoding.upper()}", ()
            return
    if b"\0" in data[:4096]:
        odd = data[1:4096:2].count(0) >= data[0:4096:2].count(0)
        encoding = "utf-16-le" if odd else "utf-16-be"
        yield data.decode(encoding, "replace"), f" in {encoding.upper()}", ()
    try:
        yield data.decode("utf-8"), "", ()
        return
    except UnicodeDecodeError:
        yield data.decode("utf-8", "surrogateescape"), "", ()  # bytes of names that are not text
    for encoding in _CODE_PAGES:
        note = f"{called} is not UTF-8 and was read as {encoding}"
        yield data.decode(encoding, "replace"), f" in {encoding}", (note,)


def _tables(text: str, separators: Sequence[str], finder: NameFinder) -> Iterator[tuple[list[str], str]]:
    """The column of paths of a table with a header."""
    first, _, rest = text.partition("\n")
    if finder.is_exact(first.strip()):  # an image that is called "image", say
        return
    for separator in separators:
        records = _records(text, separator)
        header = next(records, [])
        words = [_word(cell) for cell in header]
        column = next((words.index(word) for word in _HEADERS if word in words), None)
        if column is None:
            continue
        cells = (row[column] for row in records if column < len(row) and row[column].strip())
        names = [cell for cell in cells if cell != header[column] or finder.is_exact(cell)]  # tables joined to one repeat it
        by = _SEPARATORS.get(separator, repr(separator))
        form = f"as a table with {by}, column {header[column].strip()!r}"
        yield [unguarded(name) for name in names] if words[column] == _GUARDED else names, form
    if _word(first) in _HEADERS[1:]:  # its one column may hold quotes that quote nothing
        yield _plain(rest, finder)


def _word(cell: str) -> str:
    return re.sub(r"[\W_]", "", cell).casefold()


def _plain(text: str, finder: NameFinder) -> tuple[list[str], str]:
    """One path a line. A line end may be part of a name, unless that is no image."""
    names: list[str] = []
    for line in text.split("\n"):
        whole = line.removesuffix("\r")
        if finder.is_exact(line):
            names.append(line)
        elif finder.is_exact(whole):
            names.append(whole)
        else:
            names.extend(part for part in line.split("\r") if part.strip("\ufeff \t"))
    return names, "as a plain list, one path a line"


def _without_header(text: str) -> Iterator[tuple[list[str], str]]:
    """Columns of a table that has no header."""
    for separator, by in _SEPARATORS.items():
        rows = [row for row in _records(text, separator) if any(cell.strip() for cell in row)]
        for column in range(min(max(map(len, rows), default=0), 20)):
            names = [row[column] for row in rows if column < len(row) and row[column].strip()]
            if len(names) == len(rows):
                yield names, f"as a table with {by}, without a header, column {column + 1}"


def _is_headed(names: Sequence[str]) -> bool:
    """Whether the first name may be a header in any language, which ends like no file, and all others end like images."""
    return len(names) > 1 and not set("./\\") & set(names[0]) and all(map(is_image_name, names[1:]))


def _records(text: str, separator: str) -> Iterator[list[str]]:
    """The records of a table; what stops being one ends in a record of its own, which is no image."""
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    except csv.Error as error:
        yield [f"({error})"] * 20


def _complaint(called: str, reading: _Reading, unknown: Sequence[str], finder: NameFinder) -> str:
    names = [f"'{display_name(name, 120)}'" for name in dict.fromkeys(unknown)]
    why = finder.reason(unknown[0])
    if len(names) == 1:
        said = f"{called} names {names[0]}, which is no readable image of the folder"
    else:
        rest = " and others" if len(names) > _SHOWN else ""
        many = f"{len(names):,}" if len(unknown) < _COUNTED else f"{_COUNTED:,} or more"
        said = f"{called} names {many} that are no readable images of the folder: {', '.join(names[:_SHOWN])}{rest}"
    return f"{said} (read {reading.how}){f'; {why}' if why else ''}"
