"""Lists of images, as people, spreadsheets and this program write them -> rows of an image set.

A list is plain, one path a line, or a table with a column of paths. How it was written is not asked but tried: the reading
counts under which every name is an image of the set; if there is none, the error is about the likeliest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..errors import UslError
from ..names import display_name, unguarded
from ..types import ImageSet
from .list_text import (
    GUARDED_HEADER,
    MAX_LIST_BYTES,
    NO_TEXT,
    PATH_HEADERS,
    SEPARATORS,
    body_of,
    decoded,
    header_word,
    list_bytes,
    path_column,
    records,
)
from .name_finder import NameFinder
from .names import is_image_name

_SHOWN = 3
_COUNTED = 1000  # unknown names; a list of something else may have a million


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
    called, data = f"{what} {path}", list_bytes(path, what, MAX_LIST_BYTES)
    if data.startswith(NO_TEXT):
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


def _readings(data: bytes, finder: NameFinder, called: str) -> Iterator[_Reading]:
    """Every way to read the list, the likeliest first."""
    for text, how, notes in decoded(data, called):
        body, separators = body_of(text)
        tables = list(_tables(body, separators, finder))
        readings = tables or [_plain(body, finder), *_without_header(body)]
        for names, form in readings:
            yield _Reading(names, f"{form}{how}", notes)
        for names, form in [] if tables else readings:
            if _is_headed(names) and not _found(names[1:], finder)[1]:
                header = f"the first line of {called} was taken for the header of a table: {display_name(names[0])!r}"
                yield _Reading(names[1:], f"{form}{how}", (*notes, header))


def _tables(text: str, separators: Sequence[str], finder: NameFinder) -> Iterator[tuple[list[str], str]]:
    """The column of paths of a table with a header."""
    first, _, rest = text.partition("\n")
    if finder.is_exact(first.strip()):  # an image that is called "image", say
        return
    for separator in separators:
        rows = records(text, separator)
        header = next(rows, [])
        words = [header_word(cell) for cell in header]
        column = path_column(words)
        if column is None:
            continue
        cells = (row[column] for row in rows if column < len(row) and row[column].strip())
        names = [cell for cell in cells if cell != header[column] or finder.is_exact(cell)]  # tables joined to one repeat it
        by = SEPARATORS.get(separator, repr(separator))
        form = f"as a table with {by}, column {header[column].strip()!r}"
        yield [unguarded(name) for name in names] if words[column] == GUARDED_HEADER else names, form
    if header_word(first) in PATH_HEADERS[1:]:  # its one column may hold quotes that quote nothing
        yield _plain(rest, finder)


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
    for separator, by in SEPARATORS.items():
        rows = [row for row in records(text, separator) if any(cell.strip() for cell in row)]
        for column in range(min(max(map(len, rows), default=0), 20)):
            names = [row[column] for row in rows if column < len(row) and row[column].strip()]
            if len(names) == len(rows):
                yield names, f"as a table with {by}, without a header, column {column + 1}"


def _is_headed(names: Sequence[str]) -> bool:
    """Whether the first name may be a header in any language, which ends like no file, and all others end like images."""
    return len(names) > 1 and not set("./\\") & set(names[0]) and all(map(is_image_name, names[1:]))


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
