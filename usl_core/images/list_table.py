"""A list of images as a source -> its rows: a path, and what the columns of classes and splits say of it.

There is no image set yet that could tell which reading is meant, as there is in `lists`; the files themselves do, where a name
is not plain text, or a line may be a header or a path.
"""

from __future__ import annotations

import csv
import io
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from ..errors import UslError
from ..names import display_name, unguarded
from ..types import Progress
from .list_columns import ListColumns, ListTable, find_columns, no_path_column
from .list_text import (
    GUARDED_HEADER,
    MAX_LIST_BYTES,
    NO_TEXT,
    PATH_HEADERS,
    body_of,
    decoded,
    header_word,
    list_bytes,
)
from .names import is_image_name

_HEADER_CHARACTERS = 2**17
_GLANCED = 1000  # lines that tell whether the one above them is a header
_TRIED = 200  # names that are looked for to tell encodings apart


def read_list(root: Path, is_there: Callable[[str], bool], report: Progress) -> ListTable:
    """The rows of a list of images.

    Args:
        root: the file: .parquet, or a text with or without a header, as `lists` reads it.
        is_there: whether there is a file that this name could mean.
        report: called now and then.

    Raises:
        UslError: it cannot be read, or has columns but none of paths.
    """
    if root.suffix.lower() == ".parquet":
        from .list_parquet import read_parquet

        return read_parquet(root, report)
    called = f"the list {root}"
    data = list_bytes(root, "the list", MAX_LIST_BYTES)
    if data.startswith(NO_TEXT):
        raise UslError(f"{called} is a workbook or another binary file, not a text; save it as CSV")
    report(0.0, "reading the list")
    found: list[tuple[int, ListTable]] = []
    texts = list(decoded(data, called))
    for text, _, notes in [*texts[1:], texts[0]]:  # what is no text at all comes last
        table = _table(text, root, called, is_there, report)
        table.notes = (*notes, *table.notes)
        if len(texts) == 1:
            return table
        odd = list(islice((path for path in table.paths if not path.isascii()), _TRIED))
        n_there = sum(map(is_there, odd))
        if n_there == len(odd):
            return table
        found.append((n_there, table))
    return max(found, key=lambda one: one[0])[1]


def _table(text: str, root: Path, called: str, is_there: Callable[[str], bool], report: Progress) -> ListTable:
    body, separators = body_of(text)
    is_plain = root.suffix.lower() == ".txt"
    if root.suffix.lower() == ".tsv" and len(separators) > 1:
        separators = ["\t"]
    lines = _lines(body)
    first = next(lines, "").strip("\ufeff \t")
    start = text.count("\n", 0, len(text) - len(body)) + 1
    if not (header_word(first) in PATH_HEADERS and is_there(first)):  # an image that is called "image", say
        heads = {separator: _header(body, separator) for separator in separators}
        for separator, header in heads.items():
            columns = find_columns(header)
            if columns is not None and (len(header) > 1 or not _is_ragged(body, separator, called)):
                return _columns(_numbered(body, separator, called), header, columns, start - 1, is_there, report)
            if columns is not None:  # its one column holds separators that separate nothing
                return _plain(body, start, 1, ())
        widest = max(heads.values(), key=len)
        if len(widest) > 1 and not is_plain and not is_there(first):
            raise no_path_column(called, widest)
    others = list(islice((line for line in lines if line.strip()), _GLANCED))
    if others and not set("./\\") & set(first) and all(is_image_name(line.strip()) for line in others) and not is_there(first):
        note = f"the first line of {called} was taken for the header of a table: {display_name(first)!r}"
        return _plain(body, start, 1, (note,))
    return _plain(body, start, 0, ())


def _lines(text: str) -> Iterator[str]:
    """Its lines, whatever ends them."""
    return (line.removesuffix("\n") for line in io.StringIO(text, newline=None))


def _header(body: str, separator: str) -> list[str]:
    """The first record, as far as there is one: under a separator that is none, there may be no end of it."""
    with suppress(csv.Error):
        return next(csv.reader(io.StringIO(body[:_HEADER_CHARACTERS], newline=""), delimiter=separator), [])
    return []


def _numbered(text: str, separator: str, called: str) -> Iterator[tuple[int, list[str]]]:
    """The records of a table, each with the line that it ends in."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for record in reader:
            yield reader.line_num, record
    except csv.Error as error:
        raise UslError(f"{called} is no table from line {reader.line_num} on ({error}); mend the quotes there") from error


def _is_ragged(body: str, separator: str, called: str) -> bool:
    """Whether a table whose header has one column has rows of more."""
    return any(len(record) > 1 for _, record in _numbered(body, separator, called))


def _columns(
    rows: Iterator[tuple[int, list[str]]],
    header: Sequence[str],
    columns: ListColumns,
    before: int,
    is_there: Callable[[str], bool],
    report: Progress,
) -> ListTable:
    """The rows of a table with a header, which is the first of them; `before` lines stand above."""
    title = header[columns.path]
    unguard = header_word(title) == GUARDED_HEADER
    names, lines, pathless = list[str](), array("q"), list[int]()
    labels, splits = list[str](), list[str]()
    next(rows)
    for count, (line, record) in enumerate(rows):
        if count % 16_384 == 0:
            report(0.0, f"reading the list: {count:,} rows")
        name = record[columns.path] if columns.path < len(record) else ""
        if not name.strip():
            if any(cell.strip() for cell in record):
                pathless.append(before + line)
            continue
        if name == title and not is_there(name):  # tables joined to one repeat their header
            continue
        names.append(unguarded(name) if unguard else name)
        lines.append(before + line)
        for column, cells in ((columns.label, labels), (columns.split, splits)):
            if column is not None:
                cell = record[column].strip() if column < len(record) else ""
                cells.append(_as_text(unguarded(cell) if unguard else cell))
    return ListTable(
        paths=names,
        lines=lines,
        labels=labels if columns.label is not None else None,
        splits=splits if columns.split is not None else None,
        pathless=pathless,
    )


def _as_text(cell: str) -> str:
    """Names of classes and splits are shown, and must be text, unlike those of files."""
    return cell if cell.isascii() else cell.encode("utf-8", "backslashreplace").decode()


def _plain(body: str, start: int, skip: int, notes: tuple[str, ...]) -> ListTable:
    """One path a line, which begins at line `start`; quotes around a whole line are taken off as CSV wants it."""
    names, lines = list[str](), array("q")
    for line, text in enumerate(islice(_lines(body), skip, None), start + skip):
        name = text.strip("\ufeff")
        if name.strip():
            names.append(_unquoted(name))
            lines.append(line)
    return ListTable(paths=names, lines=lines, notes=notes)


def _unquoted(name: str) -> str:
    bare = name.strip()
    return bare[1:-1].replace('""', '"') if len(bare) > 2 and bare[0] == bare[-1] == '"' else name
