"""Vectors in a table of text: gone over row by row, as often as they are wanted."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from pathlib import Path

import numpy as np

from ..errors import UslError
from ..images.list_text import SEPARATORS, body_of, header_word, path_column
from ..images.names import is_image_name
from .vector_table import Columns, VectorTable, find_columns, opened, rows_at_once, some_of

_LOOKED_AT = 100  # rows that tell which columns hold numbers
_EMPTY = frozenset({"", "na", "n/a", "nan", "null", "none", "-"})
_WIDE = (  # UTF-32 before UTF-16, whose mark its own begins with
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CODE_PAGE = "cp1252"  # in which spreadsheets on Windows write CSV


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a table is written: its encoding, lines above the first record, separator, and whether that is a header."""

    encoding: str
    skip: int
    separator: str
    headed: bool


def read_csv(path: Path, said: str) -> VectorTable:
    """A column of paths and columns of numbers, or such columns alone; with a header, or without where that is plain.

    Args:
        path: of the file.
        said: what it is called in messages.

    Raises:
        UslError: it cannot be read, or holds something else.
    """
    with opened(path, said) as file:
        head = file.read(4)
    encoding = next((name for mark, name in _WIDE if head.startswith(mark)), "utf-8-sig")
    try:
        return _read(path, said, encoding)
    except UnicodeDecodeError:
        return _read(path, said, _CODE_PAGE)


def _read(path: Path, said: str, encoding: str) -> VectorTable:
    layout, columns, header = _layout(path, said, encoding)
    names: list[str] | None = None if columns.path is None else []
    n = 0
    for _, record in _rows(path, said, layout, len(header)):
        n += 1
        if names is not None and columns.path is not None:
            names.append(record[columns.path])
    return VectorTable(
        n=n,
        dim=len(columns.vector),
        names=names,
        blocks=lambda: _blocks(path, said, layout, columns.vector, header),
        left_out=tuple(header[at] for at in columns.left_out),
    )


def _text(path: Path, said: str, encoding: str) -> io.TextIOWrapper:
    errors = "replace" if encoding == _CODE_PAGE else "strict"  # five of its bytes are no characters
    return io.TextIOWrapper(opened(path, said), encoding, errors, newline="")


def _layout(path: Path, said: str, encoding: str) -> tuple[_Layout, Columns, list[str]]:
    with _text(path, said, encoding) as text:
        skip, first = 0, text.readline()
        while first and not first.strip("\r\n"):
            skip, first = skip + 1, text.readline()
        body, separators = body_of(first)
        if first and not body:  # the line in which a spreadsheet names its separator
            skip, first = skip + 1, text.readline()
    if "\0" in first:
        raise UslError(f"{said} is no text; write it as CSV, or as .npy, .npz or .parquet")
    if path.suffix.lower() == ".tsv" and "\t" in first:
        separators = ["\t"]
    separator = max(separators, key=lambda one: len(next(_records(io.StringIO(first, newline=""), one, said), (0, []))[1]))
    raw = _Layout(encoding, skip, separator, headed=False)
    some = [record for _, record in islice(_rows(path, said, raw, None), _LOOKED_AT)]
    if not some:
        raise UslError(f"{said} holds no vectors")
    headed = _is_headed(some[0], separator)
    header = [cell.strip() for cell in some[0]] if headed else [f"column {at + 1}" for at in range(len(some[0]))]
    rows = some[1:] if headed else some
    if not rows:
        raise UslError(f"{said} has a header and no rows; write a row for each image")
    cells = [[row[at].strip() for row in rows if at < len(row) and not _is_empty(row[at])] for at in range(len(header))]
    is_number = [bool(column) and all(_is_number(cell, separator) for cell in column) for column in cells]
    samples = [column[0] if column else "" for column in cells]
    columns = find_columns(header, samples, is_number, path_column([header_word(cell) for cell in header]) if headed else None)
    if not columns.vector:
        by = SEPARATORS.get(separator, repr(separator))
        raise UslError(
            f"{said} has no columns of numbers (read with {by}, its columns are {some_of(header)}); it must have a column path "
            "and the numbers of a vector in the others, with commas, semicolons or tabs between them"
        )
    return _Layout(encoding, skip, separator, headed), columns, header


def _is_headed(first: Sequence[str], separator: str) -> bool:
    """Whether the first record names columns; numbers may be such names, as in 0, 1, 2, ..., but no fractions."""
    numbers = [cell.strip() for cell in first if _is_number(cell, separator)]
    if not all(map(str.isdigit, numbers)):
        return False
    others = [cell.strip() for cell in first if not _is_number(cell, separator)]
    if not others:
        return len(numbers) > 1 and numbers == [str(at) for at in range(len(numbers))]
    return not (len(others) == 1 and is_image_name(others[0]))


def _rows(path: Path, said: str, layout: _Layout, width: int | None) -> Iterator[tuple[int, list[str]]]:
    """Every record that says something, each with its line; all of that width if one is given."""
    with _text(path, said, layout.encoding) as text:
        for _ in range(layout.skip):
            text.readline()
        rows = ((line, record) for line, record in _records(text, layout.separator, said) if any(map(str.strip, record)))
        for line, record in islice(rows, int(layout.headed), None):
            if width is not None and (len(record) < width or any(map(str.strip, record[width:]))):
                at = layout.skip + line
                raise UslError(f"line {at:,} of {said} has {len(record):,} columns instead of {width:,}; write it again")
            yield layout.skip + line, record


def _records(text: io.TextIOBase, separator: str, said: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(text, delimiter=separator)
    try:
        for record in reader:
            yield reader.line_num, record
    except csv.Error as error:
        raise UslError(f"{said} is no table from line {reader.line_num:,} on ({error}); mend the quotes there") from error


def _blocks(path: Path, said: str, layout: _Layout, columns: list[int], header: list[str]) -> Iterator[np.ndarray]:
    pick = itemgetter(*columns, columns[0])  # one more, or of a single column it would not be a tuple
    rows = _rows(path, said, layout, len(header))
    at_once = rows_at_once(len(columns))
    while some := list(islice(rows, at_once)):
        try:
            yield np.array([[float(cell) for cell in pick(record)[:-1]] for _, record in some])
        except ValueError:  # a decimal comma, an empty cell, or no number
            cells = ((_number(row[at], layout.separator, line, header[at], said) for at in columns) for line, row in some)
            yield np.array([list(numbers) for numbers in cells])


def _number(cell: str, separator: str, line: int, column: str, said: str) -> float:
    if _is_empty(cell):
        return float("nan")
    try:
        return float(_with_point(cell, separator))
    except ValueError:
        raise UslError(f"line {line:,} of {said} has {cell!r:.60} in the column {column!r}, which is no number") from None


def _is_empty(cell: str) -> bool:
    return cell.strip().casefold() in _EMPTY


def _is_number(cell: str, separator: str) -> bool:
    try:
        float(_with_point(cell, separator))
    except ValueError:
        return False
    return True


def _with_point(cell: str, separator: str) -> str:
    return cell if separator == "," else cell.replace(",", ".")
