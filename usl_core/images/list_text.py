"""What lists of images have in common, however they are used: bytes -> text -> records, and the names of their columns."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from stat import S_ISFIFO

from ..errors import UslError
from .regular_files import read_regular

MAX_LIST_BYTES = 512 * 2**20

GUARDED_HEADER = "pathastext"  # the column of picks-spreadsheet.csv
PATH_HEADERS = (
    *(GUARDED_HEADER, "path", "paths", "filepath", "imagepath", "relativepath", "filename", "filenames", "file", "files"),
    *("imagename", "imagefile", "image", "images"),
)
"""What the column of paths may be called, as `header_word` has it; the first that there is counts."""
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
NO_TEXT = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\x93NUMPY")
"""How workbooks of both kinds and picks.npy begin."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CODE_PAGES = ("cp1252", "mac_roman", "cp850", "cp1250", "cp1251", "cp866", "cp932", "gb18030")
_SEP_LINE = re.compile(r'"?sep=([,;|\t])"?(?:\r\n|\r|\n|$)', re.IGNORECASE)


def list_bytes(path: Path | str, what: str, limit: int = MAX_LIST_BYTES) -> bytes:
    """All of a list, also where a shell hands it over through a pipe.

    Args:
        path: of the file.
        what: names the file in messages, e.g. an option.
        limit: the most bytes.

    Raises:
        UslError: it cannot be read.
    """
    try:
        if str(path) == "/dev/stdin" or str(path).startswith("/dev/fd/"):  # what a shell hands over may be a pipe
            with Path(path).open("rb") as file:
                if S_ISFIFO(Path(path).stat().st_mode):
                    data = file.read(limit + 1)
                    if len(data) <= limit:
                        return data
        return read_regular(path, limit)
    except (OSError, ValueError) as error:  # ValueError: UslError, or a name that no file can have
        cause = getattr(error, "strerror", None) or error
        raise UslError(f"{what} {path} cannot be read ({cause}); give a list of paths, one a line, or a picks.csv") from error


def decoded(data: bytes, called: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Every text that the bytes may be, the likeliest first: the text, how it was decoded, and what to say about that."""
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


def body_of(text: str) -> tuple[str, list[str]]:
    """The text without the line by which a spreadsheet names its separator, and the separators to try."""
    separators = list(SEPARATORS)
    if mark := _SEP_LINE.match(text):
        separators, text = [mark[1]], text[mark.end() :]
    return text.lstrip("\r\n"), separators


def records(text: str, separator: str) -> Iterator[list[str]]:
    """The records of a table; what stops being one ends in a record of its own, which is no image."""
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    except csv.Error as error:
        yield [f"({error})"] * 20


def header_word(cell: str) -> str:
    """A header without what people write differently: case, blanks, punctuation."""
    return re.sub(r"[\W_]", "", cell).casefold()


def path_column(words: Sequence[str]) -> int | None:
    """Which of the columns that are called so holds the paths, or None."""
    return next((words.index(word) for word in PATH_HEADERS if word in words), None)
