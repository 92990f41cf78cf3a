"""The kNN graph: one exact search at k_max; every smaller k is a prefix of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .distances import CLOSE_SQ_DIST, blocks, sq_distances_of_pairs
from .read_only import read_only
from .types import FloatArray, Neighbors, Progress
from .validation import unit_rows, whole_number

BLOCK_ROWS = 4096

CROWDED_SQ_DIST = 1e-3
"""A row whose k neighbours all lie nearer than this (0.03 on the plain distance) is searched again from the differences:
rounding in faiss could leave a nearer one out, or choose freely among more than k exact copies."""


def find_neighbors(values: Any, n_neighbors: int = 400, *, on_progress: Progress | None = None) -> Neighbors:
    """The k nearest neighbours of every row by Euclidean distance, the row itself excluded (exact, not approximate).

    faiss searches in blocks of rows. It computes |x|^2 + |y|^2 - 2 x.y, which cancels for near rows, so the distances
    of near pairs are computed again from the differences: exact duplicates end at distance 0. Of more than k exact copies
    the first ones are listed, so that a smaller k is a prefix of a larger one.

    Args:
        values: (n, d) features; rows are normalised to length 1.
        n_neighbors: k_max; reduced to n - 1 if it is larger (`Neighbors.k_max` tells).

    Returns:
        Neighbors with (n, min(k_max, n - 1)) arrays; rows ascend by (distance, index).

    Raises:
        UslError: invalid features, or n_neighbors < 1.

    >>> graph = usl.find_neighbors([[1, 0], [0.9, 0.1], [0, 1]], 2)
    >>> graph.indices.tolist()
    [[1, 2], [0, 2], [1, 0]]
    """
    x = unit_rows(values)
    k = min(whole_number(n_neighbors, "n_neighbors", 1), len(x) - 1)
    indices = np.empty((len(x), k), dtype=np.int32)
    distances = np.empty((len(x), k), dtype=np.float32)
    if k == 0:
        return read_only(Neighbors(indices=indices, distances=distances))
    for start in range(0, len(x), BLOCK_ROWS):
        if on_progress:
            on_progress(start / len(x), f"neighbours of {start:,} of {len(x):,} images")
        rows = slice(start, min(start + BLOCK_ROWS, len(x)))
        indices[rows], distances[rows] = _search(x, start, x[rows], k)
    if on_progress:
        on_progress(1.0, f"neighbours of {len(x):,} of {len(x):,} images")
    return read_only(Neighbors(indices=indices, distances=distances))


def _search(x: FloatArray, start: int, queries: FloatArray, k: int) -> tuple[np.ndarray, np.ndarray]:
    import faiss

    sq_dist, found = faiss.knn(queries, x, k + 1)
    own = found == np.arange(start, start + len(queries))[:, None]
    own[~own.any(axis=1), -1] = True  # more than k exact copies can push the point itself out of its own list
    found = found[~own].reshape(-1, k).astype(np.int32)
    sq_dist = np.maximum(sq_dist[~own].reshape(-1, k), 0)
    row, column = np.nonzero(sq_dist < CLOSE_SQ_DIST)
    sq_dist[row, column] = sq_distances_of_pairs(queries, row, x, found[row, column])
    crowded = np.flatnonzero(sq_dist.max(axis=1) < CROWDED_SQ_DIST)
    for place, (ids, exact) in zip(crowded, _search_crowd(x, start + crowded, k), strict=True):
        found[place], sq_dist[place] = ids, exact
    step = np.diff(sq_dist, axis=1)
    unsorted = np.flatnonzero((step <= 0).any(axis=1))
    order = np.lexsort((found[unsorted], sq_dist[unsorted]), axis=1)
    found[unsorted] = np.take_along_axis(found[unsorted], order, axis=1)
    sq_dist[unsorted] = np.take_along_axis(sq_dist[unsorted], order, axis=1)
    return found, np.sqrt(sq_dist)


def _rough_sq_distances(x: FloatArray, rows: np.ndarray, others: np.ndarray) -> NDArray[np.float64]:
    """(len(rows), len(others)) squared distances as float64 products; the crowd may be all of x, so block by block."""
    a = x[rows].astype(np.float64)
    own = np.einsum("ij,ij->i", a, a)[:, None]
    rough = np.empty((len(rows), len(others)))
    for some in blocks(len(others), len(rows) + x.shape[1]):
        b = x[others[some]].astype(np.float64)
        rough[:, some] = own + np.einsum("ij,ij->i", b, b) - 2 * a @ b.T
    return rough


def _search_crowd(x: FloatArray, rows: np.ndarray, k: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The k nearest of rows that have at least k others within CROWDED_SQ_DIST; identical rows share one search."""
    shared: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}
    for part in blocks(len(rows), len(x)):
        # Unit rows: x.y = 1 - D^2 / 2, with as much room again for rounding.
        crowd = np.flatnonzero((x[rows[part]] @ x.T > 1 - CROWDED_SQ_DIST).any(axis=0))
        rough = _rough_sq_distances(x, rows[part], crowd)
        for row, distances in zip(rows[part], rough, strict=True):
            key = x[row].tobytes()
            if key not in shared:
                # Wider than any rounding, so that the order below decides alone who is among the nearest.
                near = crowd[distances <= np.partition(distances, k)[k] * (1 + 1e-5) + 1e-12]
                sq_dist = sq_distances_of_pairs(x, near, x, np.full(len(near), row))
                nearest = np.lexsort((near, sq_dist))[: k + 1]
                shared[key] = near[nearest], sq_dist[nearest]
            ids, sq_dist = shared[key]
            others = ids != row
            yield ids[others][:k], sq_dist[others][:k]
