"""Copies: images that are one image to every method, because their files or their features are the same.

A label that is spent on a copy is lost, so a method chooses among one image of each group of copies, and takes a second one
only when nothing else is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..distances import blocks
from ..types import FloatArray, IntArray, Neighbors


def copy_groups(
    values: FloatArray, *, neighbors: Neighbors | None = None, duplicates: Iterable[Sequence[int]] = ()
) -> IntArray:
    """Which images are copies of each other: at feature distance 0, or byte for byte the same, or both in a chain.

    Args:
        values: (n, d) unit rows.
        neighbors: a kNN graph of the same rows, which tells at once which rows have a copy.
        duplicates: groups of rows whose files are the same, e.g. `ImageSet.duplicates`.

    Returns:
        (n,) int64, for each row the lowest row of its group: itself where it has no copy before it.
    """
    suspects = np.arange(len(values))
    if neighbors is not None and neighbors.k_max:
        suspects = np.flatnonzero(neighbors.distances[:, 0] == 0)
    first = first_of_equals(values, suspects)
    _join(first, duplicates)
    return first


def first_of_equals(values: FloatArray, suspects: IntArray) -> IntArray:
    """(n,) the first of the suspects that are equal to a suspect; any other row is its own."""
    first = np.arange(len(values))
    _join(first, _equal_rows(values, suspects))
    return first


def _equal_rows(values: FloatArray, suspects: IntArray) -> Iterable[Sequence[int]]:
    """Groups of two or more equal rows. A hash finds those that may be equal, so that only they are looked at in full."""
    _, bucket, counts = np.unique(_hashes(values, suspects), return_inverse=True, return_counts=True)
    groups: dict[bytes, list[int]] = {}
    for row in suspects[counts[bucket] > 1].tolist():
        groups.setdefault((values[row] + np.float32(0)).tobytes(), []).append(row)
    return (group for group in groups.values() if len(group) > 1)


def _hashes(values: FloatArray, rows: IntArray) -> NDArray[np.uint64]:
    """(len(rows),) a number that equal rows share; whole numbers, which add up alike in any order."""
    weights = np.random.default_rng(0).integers(1 << 63, size=values.shape[1], dtype=np.uint64) * 2 + 1
    hashes = np.empty(len(rows), dtype=np.uint64)
    for part in blocks(len(rows), values.shape[1]):
        bits = (values[rows[part]] + np.float32(0)).view(np.uint32)  # adding 0 makes -0 and 0 the same
        hashes[part] = (bits * weights).sum(axis=1)
    return hashes


def _join(first: IntArray, groups: Iterable[Sequence[int]]) -> None:
    """Make one group of each of the groups given and all that they touch; `first` is changed in place."""
    leads: dict[int, int] = {}  # from a lead that lost its group to one that is no higher

    def lead(row: int) -> int:
        found = int(first[row])
        while found in leads:
            found = leads[found]
        return found

    for group in groups:
        heads = sorted({lead(row) for row in group})
        leads |= dict.fromkeys(heads[1:], heads[0])
    touched = np.flatnonzero(np.isin(first, list(leads)))
    first[touched] = [lead(row) for row in touched.tolist()]


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """What a method may choose from.

    Args:
        rows: sorted rows; at least as many as are to be picked.
        notes: what the user should know about them.
    """

    rows: IntArray
    notes: tuple[str, ...] = ()


def candidates(first: IntArray, budget: int, labelled: IntArray, vetoed: IntArray) -> Candidates:
    """One image of each group of copies that holds no labelled and no vetoed image.

    If these are fewer than the budget, copies fill it up: those of images that may be picked or are labelled before those
    of vetoed images, lower rows first. Every candidate is then a pick.

    Args:
        first: (n,) as `copy_groups` returns; `arange(n)` lets copies be picked like any image.
        budget: m <= images that are neither labelled nor vetoed.
        labelled: rows that have a label already.
        vetoed: rows that must never be picked.
    """
    free = np.ones(len(first), dtype=bool)
    free[labelled] = free[vetoed] = False
    open_group = np.ones(len(first), dtype=bool)
    open_group[first[labelled]] = open_group[first[vetoed]] = False
    different = np.flatnonzero(open_group & (first == np.arange(len(first))))
    missing = budget - len(different)
    if missing <= 0:
        return Candidates(different)
    free[different] = False
    spare = np.flatnonzero(free)
    of_vetoed, of_labelled = np.isin(first[spare], first[vetoed]), np.isin(first[spare], first[labelled])
    taken = np.argsort(of_vetoed, kind="stable")[:missing]
    counts = {
        "of another pick": np.count_nonzero(~of_vetoed[taken] & ~of_labelled[taken]),
        "of a labelled image": np.count_nonzero(~of_vetoed[taken] & of_labelled[taken]),
        "of a vetoed image": np.count_nonzero(of_vetoed[taken]),
    }
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    note = f"copies had to be picked: {missing} ({kinds}), because only {len(different)} different images were left"
    return Candidates(np.sort(np.concatenate([different, spare[taken]])), (note,))
