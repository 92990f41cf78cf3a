"""Tables as plain HTML: readable by screen readers, and foreign text stays text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from . import markup


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A cell that says more than one text.

    Args:
        text: what it says.
        small: in small print under it.
        help: for who points at it.
        sign: behind it, for those who see it.
        is_best: of its row or column.
        is_faint: what stands in small print says little.
    """

    text: str
    small: str = ""
    help: str = ""
    sign: str = ""
    is_best: bool = False
    is_faint: bool = False


def rows(
    titles: Sequence[str],
    lines: Iterable[Sequence[object]],
    *,
    words: bool = False,
    numbers: bool = False,
    label: str = "",
) -> None:
    """A table of foreign text and numbers.

    Args:
        titles: of the columns.
        lines: rows of cells, each a `Cell` or what is to be read; the first of each names its row.
        words: columns of text, to the left.
        numbers: no cell breaks, however many columns there are; the table scrolls where it is too wide.
        label: what the table is about, for screen readers.
    """
    cells = [[cell if isinstance(cell, Cell) else Cell(text=str(cell)) for cell in line] for line in lines]
    markup.show("table", titles=titles, lines=cells, words=words, numbers=numbers, label=label)
