"""k-means that always ends with exactly the asked number of non-empty clusters, block by block over the rows.

scikit-learn's KMeans warns and returns fewer clusters when points coincide, and faiss's splits empty clusters at random;
the method needs one non-empty cluster per pick for any input, so the two steps of Lloyd's algorithm are written out here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..arithmetic import blas_threads
from ..distances import blocks
from ..errors import UslError
from ..types import FloatArray, IntArray, Progress
from ..validation import unit_rows, whole_number

_FEW_CLUSTERS = 128
"""Up to here a product with the 0/1 membership matrix is the fastest way to sum rows per cluster, beyond it sorting."""
_SUMMED_ROWS = 256
"""Such a product adds up this many rows at a time: BLAS cuts longer sums into pieces by its number of threads, and they round
otherwise."""

_SAME_PLACE = 1e-6
"""A squared distance that may be nothing but rounding."""

KmeansInit = Literal["k-means++", "random"]


@dataclass(frozen=True, slots=True, eq=False)
class Clustering:
    """A partition of n points into k non-empty clusters, the largest first (ties: the one with the lowest row first).

    Args:
        labels: (n,) int64 in [0, k), the nearest centroid of each row; every value occurs.
        centroids: (k, d) float32, not normalised: the means of the members, or where the limit stopped the search, the points
            that the last step assigned to.
        inertia: sum of squared distances to the centroids.
        n_iterations: assignment steps done.
        converged: the last step changed no assignment.
    """

    labels: IntArray
    centroids: FloatArray
    inertia: float
    n_iterations: int
    converged: bool


@blas_threads(1)
def kmeans(
    values: Any,
    n_clusters: int,
    *,
    init: KmeansInit = "k-means++",
    n_iterations: int = 100,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> Clustering:
    """Lloyd's algorithm on unit-norm features.

    An empty cluster is re-seeded at the point that lies farthest from its centroid (among clusters of two or more), so
    that all k clusters stay populated, also with duplicates and with k = n.

    Args:
        values: (n, d) features; rows are normalised to length 1.
        n_clusters: k in [1, n].
        init: "k-means++" (greedy: the best of 2 + log k draws per step), or "random" distinct points.
        n_iterations: at most this many assignment steps.
        seed: of the random generator; same input and seed give the same labels.

    Returns:
        Clustering.

    Raises:
        UslError: invalid features, k outside [1, n], an unknown init, or a negative seed.

    Reference:
        Arthur, Vassilvitskii: k-means++: the advantages of careful seeding, SODA 2007.

    >>> found = usl.kmeans([[1, 0], [0.9, 0.1], [0, 1]], 2)
    >>> found.labels.tolist()
    [0, 0, 1]
    """
    x = unit_rows(values)
    k = whole_number(n_clusters, "n_clusters", 1, len(x), "images")
    limit = whole_number(n_iterations, "n_iterations", 1)
    if init not in ("k-means++", "random"):
        raise UslError(f"kmeans_init must be 'k-means++' or 'random' but is {init!r}")
    rng = np.random.default_rng(whole_number(seed, "seed", 0))
    start = _spread_points(x, k, rng) if init == "k-means++" else np.sort(rng.choice(len(x), size=k, replace=False))
    centroids = x[start]
    previous = np.full(len(x), -1)
    converged, done = False, 0
    while not converged and done < limit:
        if done:
            centroids = means(x, previous, k)
        labels, sq_dist = assign(x, centroids)
        moved = _fill_empty(x, labels, sq_dist, centroids)
        done += 1
        if on_progress:
            on_progress(done / limit, f"k-means step {done} of at most {limit}")
        converged, previous = np.array_equal(labels, previous), labels
    for _ in range(k):  # stopped by the limit: other rows may lie nearer to a point that only now became a centroid
        if converged or moved <= _SAME_PLACE:
            break
        labels, sq_dist = assign(x, centroids)
        moved = _fill_empty(x, labels, sq_dist, centroids)
    order = _largest_first(labels, k)
    return Clustering(np.argsort(order)[labels], centroids[order], float(sq_dist.sum(dtype=np.float64)), done, converged)


def assign(x: FloatArray, centroids: FloatArray) -> tuple[IntArray, NDArray[np.float32]]:
    """Nearest centroid of each row (ties: the lowest) and the squared distance to it."""
    labels = np.empty(len(x), dtype=np.int64)
    sq_dist = np.empty(len(x), dtype=np.float32)
    norms = np.einsum("ij,ij->i", centroids, centroids)
    for rows in blocks(len(x), len(centroids)):
        block = x[rows]
        scores = block @ centroids.T
        scores *= -2
        scores += norms
        labels[rows] = scores.argmin(axis=1)
        nearest = np.take_along_axis(scores, labels[rows, None], axis=1)[:, 0]
        sq_dist[rows] = np.maximum(nearest + np.einsum("ij,ij->i", block, block), 0)
    return labels, sq_dist


def _spread_points(x: FloatArray, k: int, rng: np.random.Generator) -> IntArray:
    """Greedy k-means++: each next point is drawn with probability proportional to its squared distance to those chosen."""
    draws = 2 + int(np.log(k))
    centers = [int(rng.integers(len(x)))]
    sq_dist = _sq_dist_to(x, centers * 2)[0]  # the product of one row with the others rounds by the number of threads
    while len(centers) < k:
        sq_dist[centers] = 0
        mass = np.cumsum(sq_dist, dtype=np.float64)
        if mass[-1] <= 0:  # every point coincides with a chosen one
            rest = np.setdiff1d(np.arange(len(x)), centers)
            centers += rng.choice(rest, size=k - len(centers), replace=False).tolist()
            break
        drawn = np.minimum(np.searchsorted(mass, rng.random(draws) * mass[-1], side="right"), len(x) - 1)
        after = np.minimum(_sq_dist_to(x, drawn), sq_dist)
        best = int(after.sum(axis=1, dtype=np.float64).argmin())
        centers.append(int(drawn[best]))
        sq_dist = after[best]
    return np.asarray(centers)


def _sq_dist_to(x: FloatArray, rows: Any) -> NDArray[np.float32]:
    """Squared distances of the given rows to all rows, (len(rows), n); unit rows, so 2 - 2 x.y."""
    distance = x[rows] @ x.T
    distance *= -2
    distance += 2
    return np.maximum(distance, 0, out=distance)


def _fill_empty(x: FloatArray, labels: IntArray, sq_dist: NDArray[np.float32], centroids: FloatArray) -> float:
    """Give each empty cluster the row that lies farthest from its centroid, as its only member and centroid.

    Returns:
        The largest squared distance at which such a row lay; 0 if no cluster was empty.
    """
    counts = np.bincount(labels, minlength=len(centroids))
    empty = iter(np.flatnonzero(counts == 0).tolist())
    cluster, farthest = next(empty, None), 0.0
    if cluster is None:
        return farthest
    for row in np.argsort(-sq_dist, kind="stable"):
        if counts[labels[row]] < 2:
            continue
        farthest = max(farthest, float(sq_dist[row]))
        counts[labels[row]] -= 1
        counts[cluster] = 1
        labels[row], sq_dist[row], centroids[cluster] = cluster, 0, x[row]
        cluster = next(empty, None)
        if cluster is None:
            break
    return farthest


def means(x: FloatArray, labels: IntArray, k: int) -> FloatArray:
    """(k, d) mean of the rows of each cluster; every cluster in [0, k) must have a member."""
    sums = np.zeros((k, x.shape[1]))
    for rows in blocks(len(x), x.shape[1] + (k if k <= _FEW_CLUSTERS else 0)):
        sums += _sums(x[rows], labels[rows], k)
    return (sums / np.bincount(labels, minlength=k)[:, None]).astype(np.float32)


def _sums(block: FloatArray, labels: IntArray, k: int) -> np.ndarray:
    """(k, d) sum of the block's rows per cluster. scipy.sparse would do it faster, but takes 0.3 s to import."""
    if k <= _FEW_CLUSTERS:
        sums = np.zeros((k, block.shape[1]))
        for start in range(0, len(block), _SUMMED_ROWS):
            some = labels[start : start + _SUMMED_ROWS]
            member = np.zeros((k, len(some)), dtype=np.float32)
            member[some, np.arange(len(some))] = 1
            sums += member @ block[start : start + _SUMMED_ROWS]
        return sums
    order = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
    sums = np.zeros((k, block.shape[1]), dtype=np.float32)
    sums[labels[order[starts]]] = np.add.reduceat(block[order], starts, axis=0)
    return sums


def _largest_first(labels: IntArray, k: int) -> IntArray:
    counts = np.bincount(labels, minlength=k)
    first_row = np.full(k, len(labels))
    np.minimum.at(first_row, labels, np.arange(len(labels)))
    return np.lexsort((first_row, -counts))
