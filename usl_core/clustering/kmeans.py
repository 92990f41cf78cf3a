"""k-means that always ends with exactly the asked number of non-empty clusters.

scikit-learn's KMeans warns and returns fewer clusters when points coincide, and faiss's splits empty clusters at random;
the method needs one non-empty cluster per pick for any input, so Lloyd's algorithm is written out here: `seeding` is its start,
`assignment` and `sums` are its two steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import UslError
from ..threads import numpy_threads
from ..types import FloatArray, IntArray, Progress
from ..validation import unit_rows, whole_number
from .assignment import BLOCK_ROWS, Assignment
from .seeding import spread_points
from .sums import ClusterSums

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
    with numpy_threads(-(-len(x) // BLOCK_ROWS)) as run:
        start = spread_points(x, k, rng, run) if init == "k-means++" else np.sort(rng.choice(len(x), size=k, replace=False))
        found, sums = Assignment(x, run), ClusterSums(x, k, run)
        centroids, previous = x[start], np.full(len(x), -1)
        converged, done = False, 0
        while not converged and done < limit:
            if done:
                centroids = sums.means()
            moved = _step(x, found, centroids)
            done += 1
            if on_progress:
                on_progress(done / limit, f"k-means step {done} of at most {limit}")
            converged = sums.follow(previous, found.labels) == 0
            previous = found.labels.copy()
        for _ in range(k):  # stopped by the limit: other rows may lie nearer to a point that only now became a centroid
            if converged or moved <= _SAME_PLACE:
                break
            moved = _step(x, found, centroids)
        inertia = float(found.sq_distances(centroids).sum(dtype=np.float64))
    order = _largest_first(found.labels, k)
    return Clustering(np.argsort(order)[found.labels], centroids[order], inertia, done, converged)


def _step(x: FloatArray, found: Assignment, centroids: FloatArray) -> float:
    """Assign all rows, and fill empty clusters, whose centroids change; returns as `_fill_empty` does."""
    found.step(centroids)
    if np.bincount(found.labels, minlength=len(centroids)).all():
        return 0.0
    found.forget()
    return _fill_empty(x, found.labels, found.sq_distances(centroids), centroids)


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


def _largest_first(labels: IntArray, k: int) -> IntArray:
    counts = np.bincount(labels, minlength=k)
    first_row = np.full(k, len(labels))
    np.minimum.at(first_row, labels, np.arange(len(labels)))
    return np.lexsort((first_row, -counts))
