"""Labels in a table: .csv, .tsv, .parquet with a column of paths and one of classes, tolerant as lists of images are."""

from __future__ import annotations

from pathlib import Path

from ..errors import UslError
from ..images.list_table import read_list
from ..names import display_name
from .entries import Entry, LabelFile, class_text, distinct
from .matching import Matcher


def read_table(path: Path, called: str, matcher: Matcher) -> LabelFile:
    """A row for each image; one that is repeated is there twice.

    Raises:
        UslError: it cannot be read, or has no column of paths or of classes.
    """
    try:
        table = read_list(path, matcher.is_there, lambda fraction, note: None)
    except UslError as error:
        raise UslError(str(error).replace(f"the list {path}", called).replace("the list", called, 1)) from error
    if table.labels is None:
        first = f", and begins with '{display_name(table.paths[0], 60)}'" if table.paths else ""
        raise UslError(
            f"{called} has no column of classes{first}; write a first line such as path,label and then a line for each image"
        )
    word = table.line_word
    entries = [
        Entry(names=(name,), classes=distinct([class_text(label) or ""]), where=f"{word} {line}")
        for name, label, line in zip(table.paths, table.labels, table.lines, strict=True)
    ]
    unreadable = [(f"{word} {line}", "it has no path") for line in table.pathless]
    return LabelFile(kind="a table", entries=entries, unreadable=unreadable, notes=table.notes)
