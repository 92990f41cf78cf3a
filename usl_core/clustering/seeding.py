"""Where k-means starts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..threads import Run
from ..types import FloatArray, IntArray

_ROWS = 1024
"""Products of so few rows with a handful of others are made without being copied into another order first."""
_AT_ONCE = 8  # such products, by one thread


def spread_points(x: FloatArray, k: int, rng: np.random.Generator, run: Run) -> IntArray:
    """Greedy k-means++: each next point is drawn with probability proportional to its squared distance to those chosen, and of
    2 + log k draws the one that leaves the smallest distances is taken.

    Args:
        x: (n, d) unit rows.
        k: <= n.
        rng: draws.
        run: over blocks of rows.

    Returns:
        (k,) distinct rows.

    Reference:
        Arthur, Vassilvitskii: k-means++: the advantages of careful seeding, SODA 2007.
    """
    draws = 2 + int(np.log(k))
    centers = [int(rng.integers(len(x)))]
    sq_dist = np.full(len(x), np.inf, dtype=np.float32)
    after, _ = _sq_dist_after(x, centers * 2, sq_dist, run)  # the product of one row with the others rounds otherwise
    sq_dist = after[0]
    while len(centers) < k:
        sq_dist[centers] = 0
        mass = np.cumsum(sq_dist, dtype=np.float64)
        if mass[-1] <= 0:  # every point coincides with a chosen one
            rest = np.setdiff1d(np.arange(len(x)), centers)
            centers += rng.choice(rest, size=k - len(centers), replace=False).tolist()
            break
        drawn = np.minimum(np.searchsorted(mass, rng.random(draws) * mass[-1], side="right"), len(x) - 1)
        after, left = _sq_dist_after(x, drawn, sq_dist, run)
        best = int(left.argmin())
        centers.append(int(drawn[best]))
        sq_dist = after[best]
    return np.asarray(centers)


def _sq_dist_after(x: FloatArray, rows: Any, sq_dist: FloatArray, run: Run) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """(len(rows), n) what the squared distances become with each of the rows, 2 - 2 x.y or what they were; and their sums."""
    points = np.ascontiguousarray(x[rows].T)
    after = np.empty((len(rows), len(x)), dtype=np.float32)

    def step(first: int) -> NDArray[np.float64]:
        total = np.zeros(len(rows))
        for start in range(first, min(first + _AT_ONCE * _ROWS, len(x)), _ROWS):
            part = slice(start, start + _ROWS)
            distance = after[:, part]
            distance[:] = (x[part] @ points).T
            distance *= -2
            distance += 2
            np.maximum(distance, 0, out=distance)
            np.minimum(distance, sq_dist[part], out=distance)
            total += distance.sum(axis=1, dtype=np.float64)
        return total

    return after, np.sum(run(step, range(0, len(x), _AT_ONCE * _ROWS)), axis=0)
