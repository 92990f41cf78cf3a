"""Which classes or clusters lie side by side on a map, and how closely."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..arithmetic import blas_threads
from ..types import FloatArray, IntArray

GRID = 64  # cells along the longer side
REACHES = ((1.5, 1.0), (4.0, 0.2), (14.0, 0.02))
"""Standard deviations in cells, and how much each counts: what touches first, then what lies beyond a gap, then all else."""
NAMED = 6  # neighbours that each category names: about as many as a country has


@blas_threads(1)  # small products: threads would wait for each other
def contacts(xy: NDArray[np.floating], ids: NDArray[np.integer], count: int) -> NDArray[np.float64]:
    """How closely categories lie on a map: the overlap of their densities, smoothed by Gaussians of several widths.

    A category's outliers weigh as little as they are few, and what lies apart from all others still has its nearest ones.

    Args:
        xy: (n, 2) coordinates.
        ids: (n,) category of each point in [-1, count), -1 for none.
        count: of categories; memory and time grow with its square.

    Returns:
        (count, count) in [0, 1], symmetric, 1 for the closest that a category has; zero for itself and for what has no points.
    """
    shares = _shares(np.asarray(xy, dtype=np.float64), np.asarray(ids, dtype=np.int64), count)
    blurred, steps = np.zeros_like(shares), np.arange(GRID, dtype=np.float32)
    for reach, weight in REACHES:
        kernel = np.exp(-((steps[:, None] - steps) ** 2) / np.float32(2 * reach**2))
        blurred += weight * (kernel @ shares @ kernel)
    overlap = (shares.reshape(count, -1) @ blurred.reshape(count, -1).T).astype(np.float64)
    own = np.sqrt(np.maximum(overlap.diagonal(), np.finfo(float).tiny))
    close = overlap / own[:, None] / own
    np.fill_diagonal(close, 0)
    closest = close.max(axis=1, keepdims=True, initial=0)
    close = np.divide(close, closest, out=np.zeros_like(close), where=closest > 0)
    return np.maximum(close, close.T)


def named_neighbours(close: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Who counts as neighbours: the `NAMED` closest of each category, and whoever names it.

    Any part of such a graph has an average degree of at most 2 * `NAMED`, so that 2 * `NAMED` + 1 colours always do.

    Args:
        close: (m, m) of `contacts`.

    Returns:
        (m, m) symmetric, False for itself.
    """
    order = np.argsort(-close, axis=1, kind="stable")[:, :NAMED]
    named = np.zeros(close.shape, dtype=np.bool_)
    np.put_along_axis(named, order, True, axis=1)
    named &= close > 0
    return named | named.T


def _shares(xy: NDArray[np.float64], ids: IntArray, count: int) -> FloatArray:
    """(count, GRID, GRID) the share of each category's points in each cell; the last percent of the map lies in the rim."""
    low, high = np.percentile(xy, [0.5, 99.5], axis=0)
    step = float((high - low).max()) / GRID or 1.0  # one for both axes, as on the map
    cells = np.clip((xy - low) / step, 0, GRID - 1).astype(np.int64)
    at, inside = (ids * GRID + cells[:, 1]) * GRID + cells[:, 0], ids >= 0
    held = np.bincount(at[inside], minlength=count * GRID * GRID).reshape(count, GRID, GRID)
    sizes = np.bincount(ids[inside], minlength=count)
    return held.astype(np.float32) / np.maximum(sizes, 1).astype(np.float32)[:, None, None]
