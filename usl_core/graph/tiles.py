"""The neighbours of many rows: every product is made once and serves both of its rows, and most are only compared.

A sample of the rows tells for each row how large a product with one of its k nearest is about, and a bit less is its threshold.
Products above the threshold of either row are looked at in full. Each row is then checked: where the sample misled, the row is
compared with all others, as are rows in a crowd of copies, which no threshold would tell apart.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..distances import squared_lengths
from ..types import FloatArray, IntArray
from .search import Keys, keys_of_pairs, nearest, rounding, sq_distances_in

SIDE = 1024  # of a tile: 4 MB of products, and the rows behind them stay in the cache while their differences are made
_ONE_OF = 24  # rows of the sample
_HELD = 1 << 25  # candidates that wait for the rest of theirs, about: 10 bytes each
_ROW = np.uint64((1 << 32) - 1)


def pays(n: int, k: int) -> bool:
    """Whether there are enough rows for a sample to tell anything about their k nearest."""
    return n >= 16 * SIDE and _rank(k) <= n // _ONE_OF // 4


def _rank(k: int) -> int:
    """Which product of a row with the sample is its threshold. Of the k largest of all, k / 24 are expected in the sample; that
    as many as this are, so that the threshold would leave out some of them, happens to one row in some hundreds."""
    expected = k / _ONE_OF
    return int(expected + 3 * expected**0.5 + 2)


class Tiles:
    """The search for all rows, in steps that threads may take at the same time: first the thresholds of all, then `sort`, then
    the rows of tiles.

    Args:
        x: (n, d) unit rows.
        k: for which it `pays`.
    """

    def __init__(self, x: FloatArray, k: int) -> None:
        self._x, self._k = x, k
        self.starts = range(0, len(x), SIDE)
        self._sample = x[np.sort(np.random.default_rng(0).permutation(len(x))[: len(x) // _ONE_OF])]
        self._limits = np.empty(len(x), dtype=np.float32)
        self._least_sq_length = float(squared_lengths(x).min())
        self._waiting: dict[int, list[tuple[NDArray[np.uint16], Keys]]] = {start: [] for start in self.starts}
        self._lock, self._done, self._complete = threading.Lock(), set[int](), 0
        self._above = np.triu(np.ones((SIDE, SIDE), dtype=bool), 1)
        self._buffers = threading.local()
        self._span = max(4 * _HELD // (_ONE_OF * _rank(k)) // SIDE, 1) * SIDE

    def set_limits(self, start: int) -> None:
        """Those of the rows of one tile, from the sample."""
        products = self._x[start : start + SIDE] @ self._sample.T
        rank = _rank(self._k)
        largest = np.partition(products, products.shape[1] - 2 * rank, axis=1)[:, -2 * rank :]
        largest.sort(axis=1)
        least = largest[:, -rank]
        least[largest[:, 0] >= least - np.float32(2 * rounding(self._x.shape[1]))] = np.inf
        self._limits[start : start + SIDE] = least

    def sort(self) -> None:
        """Rows of like thresholds go together: a tile is then compared with a single number."""
        self.order = np.argsort(self._limits, kind="stable")
        self._x, self._limits = self._x[self.order], self._limits[self.order]

    def tile_row(self, start: int) -> Iterator[tuple[IntArray, Keys, NDArray[np.bool_]]]:
        """Compare the rows of one tile with all rows, except where others did or will do so for both.

        Yields:
            For each tile whose candidates are all known now, its rows, the (b, k) keys of their nearest others, and whether
            these are sure.
        """
        first = start - start % self._span
        for other in self.starts:
            if not first <= other < start:
                self._compare(start, other, both=start <= other < first + self._span)
        for complete in self._now_complete(start):
            yield self._finished(complete)

    def _compare(self, start: int, other: int, both: bool) -> None:
        x, order = self._x, self.order
        rows, columns = slice(start, min(start + SIDE, len(x))), slice(other, min(other + SIDE, len(x)))
        shape = rows.stop - rows.start, columns.stop - columns.start
        size = shape[0] * shape[1]
        buffer, marks = self._memory()
        products, mask = buffer[:size].reshape(shape), marks[:size].reshape(shape)
        np.matmul(x[rows], x[columns].T, out=products)
        limits, limits_too = self._limits[rows], self._limits[columns]
        np.greater_equal(products, min(limits[0], limits_too[0]) if both else limits[0], out=mask)
        if start == other:
            mask &= self._above[: shape[0], : shape[1]]
        marks[size : size + -size % 8] = False
        places = _true(marks[: size + -size % 8])
        found = buffer[places]
        i, j = np.divmod(places, shape[1])
        near = found >= limits[i]
        near_too = found >= limits_too[j] if both else np.zeros_like(near)
        either = np.flatnonzero(near | near_too)
        i, j, near, near_too = i[either], j[either], near[either], near_too[either]
        keys = keys_of_pairs(x, i + start, j + other)
        keys |= order[columns].view(np.uint64)[j]
        self._waiting[start].append((i[near].astype(np.uint16), keys[near]))
        if both:
            keys &= ~_ROW
            keys |= order[rows].view(np.uint64)[i]
            self._waiting[other].append((j[near_too].astype(np.uint16), keys[near_too]))

    def _memory(self) -> tuple[np.ndarray, np.ndarray]:
        if not hasattr(self._buffers, "held"):
            self._buffers.held = np.empty(SIDE * SIDE, np.float32), np.empty(SIDE * SIDE, bool)
        return self._buffers.held

    def _now_complete(self, start: int) -> list[int]:
        """All tiles up to the first one that is not done."""
        with self._lock:
            self._done.add(start)
            before = self._complete
            while self._complete in self._done:
                self._complete += SIDE
            return list(range(before, self._complete, SIDE))

    def _finished(self, start: int) -> tuple[IntArray, Keys, NDArray[np.bool_]]:
        own = self._x[start : start + SIDE]
        waiting = self._waiting.pop(start)
        owners, keys = (np.concatenate(parts) for parts in zip(*waiting, strict=True))
        by_owner = np.argsort(owners, kind="stable")
        found = nearest(owners[by_owner], keys[by_owner], len(own), self._k)
        # Whoever is not among the candidates is farther than this.
        beyond = squared_lengths(own) + self._least_sq_length - 2.0 * self._limits[start : start + SIDE].astype(np.float64)
        sure = sq_distances_in(found[:, -1]) < beyond - 2 * rounding(own.shape[1])
        return self.order[start : start + SIDE], found, sure


def _true(marks: NDArray[np.bool_]) -> IntArray:
    """`flatnonzero` of 8 m marks, of which few are true: eight at a time are passed over."""
    eights = marks.view(np.uint64)
    some = np.flatnonzero(eights != 0)
    inside = np.flatnonzero(eights[some].view(bool))
    places = some[inside >> 3]
    places <<= 3
    inside &= 7
    places |= inside
    return places
