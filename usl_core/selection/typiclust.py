"""TypiClust (Hacohen, Dekel, Weinshall, ICML 2022): the most typical image of each of many clusters, in turn.

    typicality(i) = 1 / (mean distance to the K nearest images of its cluster that are not labelled or picked + 1e-5)

Reference: https://arxiv.org/abs/2202.02794
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..clustering.kmeans import kmeans
from ..distances import sq_distances
from ..graph.neighbors import find_neighbors
from ..parameters import parameter
from ..types import FloatArray, IntArray, Selection
from ..validation import whole_number
from .context import SelectionContext

_ADDED = 1e-5  # to the mean distance, so that copies have a typicality
_ROUNDING = 1e-6
"""Mean distances that differ by less, relative to the smaller, are the same."""
_AT_ONCE = 1024  # images of a cluster whose distances are looked at in one matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class TypiclustParams:
    """The settings of TypiClust.

    Args:
        n_neighbors: K >= 1; at most half of a cluster's images count.
        most_clusters: >= 1; there are as many as labels, those that were given before included, but no more.
        small_cluster: >= 0; clusters of at most so many images come last; of at most n / 2K, where K clusters have hardly more.

    Raises:
        UslError: a value is outside its range.
    """

    n_neighbors: int = parameter(
        20,
        label="Neighbours K",
        usage="images of its cluster that an image is typical of, or half of them",
        low=1,
        high=100,
        help="How typical an image is: one over its mean distance to so many others of its cluster, half of them at most.",
    )
    most_clusters: int = parameter(
        500,
        label="Most clusters",
        usage="where there are more labels, clusters have more than one pick",
        low=1,
        high=2000,
        step=10,
        help="One cluster per label, but no more than these; then each has its turn again.",
    )
    small_cluster: int = parameter(
        5,
        label="Small clusters",
        usage="clusters of at most so many images come last",
        low=0,
        high=50,
        help="Clusters of at most so many images are taken for noise and come last.",
    )

    def __post_init__(self) -> None:
        whole_number(self.n_neighbors, "n_neighbors (K)", 1)
        whole_number(self.most_clusters, "most_clusters", 1)
        whole_number(self.small_cluster, "small_cluster", 0)


def select_typiclust(
    values: FloatArray, budget: int, params: TypiclustParams, *, seed: int, context: SelectionContext
) -> Selection:
    """k-means into min(labelled + m, 500) clusters, which then have their turns: those with the fewest labelled images first,
    of these the largest; each turn takes the most typical image that is left of the cluster.

    Clusters of at most five images have no turn as long as any other has an image to pick; where clusters have fewer than ten
    on average, those of at most half of that. Of equally typical images, the lowest row is picked.

    Args: as for `usl_core.select`, already validated.

    Returns:
        Selection in the order of the turns; `scores` are the typicalities.
    """
    labels = context.cluster_labels
    if labels is None:
        count = min(budget + len(context.labelled), params.most_clusters, len(values))
        labels = kmeans(values, count, seed=seed, on_progress=context.on_progress).labels
    turns = _Turns(values, labels, params, context)
    picks, clusters, scores = np.empty(budget, dtype=np.int64), np.empty(budget, dtype=np.int64), np.empty(budget)
    for rank in range(budget):
        picks[rank], clusters[rank], scores[rank] = turns.next()
        if context.on_progress:
            context.on_progress((rank + 1) / budget, f"{rank + 1:,} of {budget:,} images picked")
    return Selection(
        indices=picks,
        clusters=clusters,
        scores=scores,
        method="typiclust",
        params=params,
        seed=seed,
        cluster_labels=labels,
    )


class _Turns:
    """Whose turn it is, and what is left of each cluster."""

    def __init__(self, values: FloatArray, labels: IntArray, params: TypiclustParams, context: SelectionContext) -> None:
        self._values, self._params = values, params
        self._able = np.zeros(len(values), dtype=bool)
        self._able[context.candidates] = True
        ids, place, sizes = np.unique(labels, return_inverse=True, return_counts=True)
        known = np.bincount(place[context.labelled], minlength=len(ids))
        order = np.lexsort((ids, -sizes, known))
        left = np.ones(len(values), dtype=bool)
        left[context.labelled] = False
        by_cluster = np.split(np.argsort(place, kind="stable"), np.cumsum(sizes)[:-1])
        self._rows = {int(ids[at]): by_cluster[at][left[by_cluster[at]]] for at in range(len(ids))}
        large = sizes > min(params.small_cluster, len(values) // (2 * len(ids)))
        self._queues = [[int(ids[at]) for at in order if large[at]], [int(ids[at]) for at in order if not large[at]]]
        self._turn = 0

    def next(self) -> tuple[int, int, float]:
        """The next pick, its cluster and its typicality."""
        while True:
            queue = next(queue for queue in self._queues if queue)
            self._turn %= len(queue)
            cluster = queue[self._turn]
            rows = self._rows[cluster]
            if not self._able[rows].any():
                del queue[self._turn]
                continue
            self._turn += 1
            distances = _mean_distances(self._values[rows], min(self._params.n_neighbors, len(rows) // 2))
            own = np.where(self._able[rows], distances, np.inf)
            place = int(np.flatnonzero(own <= own.min() * (1 + _ROUNDING))[0])
            self._rows[cluster] = np.delete(rows, place)
            return int(rows[place]), cluster, 1 / (float(distances[place]) + _ADDED)


def _mean_distances(points: FloatArray, k: int) -> NDArray[np.float64]:
    """(p,) mean distance of each point to its k nearest others; 0 where k is 0."""
    if k == 0:
        return np.zeros(len(points))
    if len(points) > _AT_ONCE:
        return find_neighbors(points, k).distances[:, :k].mean(axis=1, dtype=np.float64)
    sq_dist = sq_distances(points, points)
    np.fill_diagonal(sq_dist, np.inf)
    near = np.partition(sq_dist, k - 1, axis=1)[:, :k]
    return np.sqrt(np.maximum(near, 0)).mean(axis=1, dtype=np.float64)
