"""What the columns of a list say -> classes and splits of its images.

Class labels are there if every usable image has one. Where some have none, there are no labels, a note names the first such
image, and a split whose images all have one still has them: the same rule as for folders (see `images.scan`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..types import ImageSet, ListedLabels, Note
from .listing import Columns, natural_key

_MOST_SPLITS = 1000
_NO_LABEL = "the list gives it no label"
_NO_SPLIT = "the list gives it no split"


def named_by_list(images: ImageSet, columns: Columns) -> ImageSet:
    """The same images, which were found by a list, with its classes and splits instead of those of folders."""
    ids, names = _numbered([columns.rows[path] for path in images.paths], columns.labels)
    splits: NDArray[np.int32] | None
    splits, split_names = _numbered([columns.rows[path] for path in images.paths], columns.splits)
    notes, lacking = images.notes, np.flatnonzero(splits < 0)
    if len(lacking):
        if len(lacking) < len(images):
            notes = (*notes, _first(images.paths, lacking, _NO_SPLIT, "the images have no splits"))
        splits, split_names = None, ()
    if len(split_names) > _MOST_SPLITS:
        told = f"the column of splits says {len(split_names):,} different things, so it was taken for something else"
        notes, splits, split_names = (*notes, Note(images.root.name, told)), None, ()
    problems = images.problems
    if split_names and columns.splits:
        problems = tuple(replace(problem, split=_cell(columns, problem.path)) for problem in problems)
    found = replace(
        images,
        problems=problems,
        notes=notes,
        splits=splits,
        split_names=split_names,
        listed=ListedLabels(ids=ids, names=names),
    )
    return with_listed_labels(found)


def with_listed_labels(images: ImageSet) -> ImageSet:
    """The same images with the labels that their list gives all of them, or none and a note on the first that lacks one."""
    listed = images.listed
    assert listed is not None
    notes = tuple(note for note in images.notes if not note.text.startswith(_NO_LABEL))
    lacking = np.flatnonzero(listed.ids < 0)
    if len(lacking) == 0:
        return replace(images, labels=listed.ids, class_names=listed.names, notes=notes)
    if len(lacking) < len(images):
        notes = (*notes, _first(images.paths, lacking, _NO_LABEL, "the images have no classes"))
    return replace(images, labels=None, class_names=(), notes=notes)


def in_order_of_values(texts: Iterable[str]) -> tuple[str, ...]:
    """Distinct names in natural order; numbers by value."""
    names = sorted(set(texts), key=natural_key)
    try:
        return tuple(sorted(names, key=float))
    except ValueError:
        return tuple(names)


def _cell(columns: Columns, path: str) -> str | None:
    """The split of a file, used or not."""
    assert columns.splits is not None
    return (columns.splits[columns.rows[path]] or None) if path in columns.rows else None


def _numbered(rows: Sequence[int], column: list[str] | None) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """(n,) ids, -1 where there is none, and the name of each id."""
    texts = [column[row] for row in rows] if column else [""] * len(rows)
    names = in_order_of_values(text for text in texts if text)
    ids = {name: number for number, name in enumerate(names)} | {"": -1}
    return np.fromiter((ids[text] for text in texts), np.int32, len(texts)), names


def _first(paths: Sequence[str], rows: NDArray[np.int64], what: str, so: str) -> Note:
    others = "" if len(rows) == 1 else f", and neither to {len(rows) - 1:,} more"
    return Note(paths[rows[0]], f"{what}{others}; so {so}")
