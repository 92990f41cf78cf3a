"""Squared Euclidean distances with matrix products, and exact where the products cancel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from .types import FloatArray

CLOSE_SQ_DIST = 0.01
"""Between unit rows nearer than this, x.x + y.y - 2 x.y has lost half of float32's seven digits; such pairs are computed
again from their difference, so that exact duplicates are at distance 0."""

BLOCK_ENTRIES = 1 << 18  # 1 MB of float32: a block stays in the processor's cache from one pass to the next
_FEW_ROWS = 64  # a matrix product of fewer rows at a time is slow
_MOST_ENTRIES = 1 << 22  # but no more than 16 MB of float32 for their sake: with a million columns, four rows at a time
_PAIRS_AT_ONCE = 1 << 22
_ROWS_AT_ONCE = 1024  # they stay in the processor's cache from one product with a vector to the next


def blocks(n: int, width: int, entries: int = BLOCK_ENTRIES) -> Iterator[slice]:
    """Slices that cover [0, n), each small enough that a (rows, width) array has about `entries` entries.

    Up to a width of 65,536 a slice has at least 64 rows, beyond it as many as 16 MB of float32 hold, and at least one.
    """
    width = max(width, 1)
    step = max(entries // width, min(_FEW_ROWS, _MOST_ENTRIES // width), 1)
    return (slice(start, min(start + step, n)) for start in range(0, n, step))


def sq_distances(points: FloatArray, rows: FloatArray, sq_lengths: FloatArray | None = None) -> NDArray[np.float32]:
    """Squared distances from each point to each row.

    Args:
        points: (p, d) float32.
        rows: (b, d) float32, a block: the result is held whole.
        sq_lengths: (b,) `squared_lengths(rows)`, for callers that come back to the same rows.

    Returns:
        (p, b) float32, >= 0, with relative error below 1e-4 at any distance (1e-3 for d in the thousands).
    """
    sq_dist = (-2 * points) @ rows.T
    sq_dist += squared_lengths(points)[:, None]
    sq_dist += squared_lengths(rows) if sq_lengths is None else sq_lengths
    # One-dimensional: numpy finds the few true entries of a flat mask several times faster than those of a matrix.
    close = np.flatnonzero((sq_dist < CLOSE_SQ_DIST).ravel())
    p, r = np.divmod(close, len(rows))
    sq_dist[p, r] = sq_distances_of_pairs(points, p, rows, r)
    return sq_dist


def sq_distances_to(values: FloatArray, points: Sequence[int], sq_lengths: FloatArray) -> dict[int, NDArray[np.float32]]:
    """Squared distances from some rows to all rows, each of which comes out the same whatever it is computed together with.

    Args:
        values: (n, d) float32.
        points: rows.
        sq_lengths: (n,) `squared_lengths(values)`.

    Returns:
        For each point, (n,) float32 as of `sq_distances`, read-only.
    """
    sq_dist = {point: np.empty(len(values), dtype=np.float32) for point in points}
    for start in range(0, len(values), _ROWS_AT_ONCE):
        rows = values[start : start + _ROWS_AT_ONCE]
        for point, column in sq_dist.items():
            np.matmul(rows, values[point], out=column[start : start + _ROWS_AT_ONCE])
    for point, column in sq_dist.items():
        column *= -2
        column += sq_lengths[point]
        column += sq_lengths
        close = np.flatnonzero(column < CLOSE_SQ_DIST)
        column[close] = sq_distances_of_pairs(values, close, values, np.full(len(close), point))
        column.setflags(write=False)
    return sq_dist


def squared_lengths(rows: FloatArray) -> FloatArray:
    """(b,) squared length of each row."""
    return np.einsum("ij,ij->i", rows, rows)


def sq_distances_of_pairs(a: FloatArray, i: NDArray[np.integer], b: FloatArray, j: NDArray[np.integer]) -> NDArray[np.float32]:
    """(len(i),) squared distances between rows a[i] and b[j], from their differences."""
    result = np.empty(len(i), dtype=np.float32)
    for pairs in blocks(len(i), a.shape[1], _PAIRS_AT_ONCE):
        difference = a[i[pairs]] - b[j[pairs]]
        result[pairs] = np.einsum("ij,ij->i", difference, difference)
    return result
