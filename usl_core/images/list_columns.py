"""What the columns of a list are called, and the rows that are read by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..errors import UslError
from ..names import display_name
from .list_text import header_word, path_column

LABEL_HEADERS = (
    "classname",
    "labelname",
    "categoryname",
    "class",
    "label",
    "category",
    "target",
    "classlabel",
    "classes",
    "labels",
)
"""What the column of classes may be called, as `header_word` has it; names come before numbers."""
SPLIT_HEADERS = ("split", "subset", "set", "partition", "fold")


@dataclass(slots=True, kw_only=True)
class ListTable:
    """The rows of a list.

    Args:
        paths: of the images, as they stand there.
        lines: where each stands: its line, or of Parquet its row, counted from 1.
        labels: of each, empty where there is none; None without such a column.
        splits: likewise.
        line_word: what `lines` counts.
        notes: sentences a user should see about how it was read.
        pathless: the lines that say something, but no path.
    """

    paths: list[str]
    lines: Sequence[int]
    labels: list[str] | None = None
    splits: list[str] | None = None
    line_word: str = "line"
    notes: tuple[str, ...] = ()
    pathless: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ListColumns:
    """Which columns of a table hold what.

    Args:
        path: of the paths.
        label: of the classes, or None.
        split: of the splits, or None.
    """

    path: int
    label: int | None
    split: int | None


def find_columns(header: Sequence[str]) -> ListColumns | None:
    """The columns of a table with this header, or None if none of them is called like paths."""
    words = [header_word(cell) for cell in header]
    path = path_column(words)
    if path is None:
        return None
    label, split = (
        next((words.index(word) for word in known if word in words), None) for known in (LABEL_HEADERS, SPLIT_HEADERS)
    )
    return ListColumns(path, label, split)


def no_path_column(called: str, header: Sequence[str]) -> UslError:
    """What to say of a table that has no column of paths."""
    columns = ", ".join(f"'{display_name(cell, 40)}'" for cell in header[:8]) + (" and more" if len(header) > 8 else "")
    return UslError(
        f"{called} has no column of paths; its columns are {columns}: call one of them path (or file, filename, image) in the "
        "first line and, if there are any, one label and one split"
    )
