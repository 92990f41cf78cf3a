"""Rows of unit length, in place: what has no direction, rows that go, copies that must not differ."""

from __future__ import annotations

import numpy as np

from ..types import FloatArray, IntArray

_ROWS = 4096


def normalise(values: FloatArray, zero_cause: str) -> dict[int, str]:
    """Give every row unit length in place; a row that cannot have it is left alone and its cause returned."""
    causes: dict[int, str] = {}
    for start in range(0, len(values), _ROWS):
        block = values[start : start + _ROWS]
        lengths = np.sqrt(np.einsum("ij,ij->i", block, block, dtype=np.float64))
        for row in np.flatnonzero(~np.isfinite(lengths) | (lengths == 0)):
            causes[start + int(row)] = zero_cause if lengths[row] == 0 else "its feature vector is not finite"
            lengths[row] = 1.0
        block[:] = block / lengths[:, None]
    return causes


def without(values: FloatArray, rows: list[int]) -> FloatArray:
    """The other rows, moved together where they are: a second array would be as large as the first."""
    keep = np.ones(len(values), dtype=bool)
    keep[rows] = False
    kept = 0
    for start in range(0, len(values), _ROWS):
        block = values[start : start + _ROWS][keep[start : start + _ROWS]]
        values[kept : kept + len(block)] = block
        kept += len(block)
    return values[:kept]


def unite_copies(values: FloatArray, numbers: IntArray) -> None:
    """Give copies of a file the very same vector: a matrix product rounds by place in the block, and their distance is 0.

    Args:
        values: (r, d), changed in place.
        numbers: (r,) equal for copies.
    """
    for rows, firsts in copies_of(numbers):
        values[rows] = values[firsts]


def copies_of(numbers: IntArray) -> list[tuple[IntArray, IntArray]]:
    """Rows that are copies, and the first row of each one's file; some at a time.

    Args:
        numbers: (r,) equal for copies.
    """
    _, first, place = np.unique(numbers, return_index=True, return_inverse=True)
    copies = np.flatnonzero(first[place] != np.arange(len(numbers)))
    return [(rows, first[place[rows]]) for rows in (copies[at : at + _ROWS] for at in range(0, len(copies), _ROWS))]
