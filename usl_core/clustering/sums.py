"""Sums of the rows of each cluster, exact, so that they are the same in any order and can follow rows that move.

Entries of unit rows are rounded to a grid that is far finer than what float32 tells of a mean, and so coarse that float64 adds
up n of them without rounding.
"""

from __future__ import annotations

import threading

import numpy as np

from ..threads import Run, one_by_one
from ..types import FloatArray, IntArray

_ROWS = 4096  # added up at a time: 4 MB


class ClusterSums:
    """(k, d) sums and (k,) sizes of clusters of unit rows.

    Args:
        x: (n, d) unit rows.
        k: number of clusters.
        run: over blocks of rows.
    """

    def __init__(self, x: FloatArray, k: int, run: Run = one_by_one) -> None:
        self._x, self._k, self._run = x, k, run
        # The sum of an entry over n rows is below 2^bits. Adding what lies between 2^(bits + 1) and twice that rounds to
        # multiples of 2^(bits - 51), and taking it away again does not round; nor do sums of such multiples up to 2^(bits + 2).
        self._rounding = 1.5 * 2.0 ** (len(x).bit_length() + 2)
        self._lock = threading.Lock()
        self._clear()

    def _clear(self) -> None:
        self._sums, self._sizes = np.zeros((self._k, self._x.shape[1])), np.zeros(self._k, dtype=np.int64)

    def follow(self, before: IntArray, labels: IntArray) -> int:
        """Take in new labels.

        Args:
            before: (n,) the labels that these sums are of, or anything below 0 for rows that are in none.
            labels: (n,) in [0, k).

        Returns:
            How many rows changed.
        """
        moved = np.flatnonzero(before != labels)
        if len(moved) > len(labels) // 2:
            self._clear()
            self._add(np.arange(len(labels)), labels, 1)
        else:
            left = moved[before[moved] >= 0]
            self._add(left, before[left], -1)
            self._add(moved, labels[moved], 1)
        return len(moved)

    def means(self) -> FloatArray:
        """(k, d) the mean of each cluster, all of which must have a member."""
        return (self._sums / self._sizes[:, None]).astype(np.float32)

    def _add(self, rows: IntArray, labels: IntArray, sign: int) -> None:
        self._sizes += sign * np.bincount(labels, minlength=self._k)

        def add(start: int) -> None:
            ids = labels[start : start + _ROWS]
            order = np.argsort(ids, kind="stable")
            ids = ids[order]
            starts = np.flatnonzero(np.diff(ids, prepend=-1))
            entries = np.add(self._x[rows[start : start + _ROWS][order]], self._rounding, dtype=np.float64)
            entries -= self._rounding
            sums = np.add.reduceat(entries, starts, axis=0)
            with self._lock:
                self._sums[ids[starts]] += sign * sums

        self._run(add, range(0, len(rows), _ROWS))


def means(x: FloatArray, labels: IntArray, k: int) -> FloatArray:
    """(k, d) mean of the unit rows of each cluster; every cluster in [0, k) must have a member."""
    sums = ClusterSums(x, k)
    sums.follow(np.full(len(x), -1), labels)
    return sums.means()
