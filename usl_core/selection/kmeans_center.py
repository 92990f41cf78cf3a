"""k-means centres: the image nearest the centroid of each of m k-means clusters; USL without density and without repulsion."""

from __future__ import annotations

import numpy as np

from ..clustering.kmeans import kmeans
from ..clustering.sums import means
from ..distances import sq_distances_of_pairs
from ..types import FloatArray, Selection
from .candidate_clusters import MOST_EXTRA_CLUSTERS, candidate_clusters
from .context import SelectionContext

_DIGITS = 6
"""After the point of a distance; what differs beyond is rounding. Both members of a cluster of two are as near to its mean."""


def select_kmeans_center(values: FloatArray, budget: int, params: None, *, seed: int, context: SelectionContext) -> Selection:
    """argmin over i in S_c of ||f_i - mu_c||, with mu_c the mean of cluster c.

    What is labelled is treated as USL treats it: k-means makes min(m + labelled, m + 500, n) clusters, those with a labelled
    image are covered, and the picks come from the largest others. Of equals, the lowest row is picked.

    Args: as for `usl_core.select`, already validated.

    Returns:
        Selection in cluster order, the largest first when k-means ran here; `scores` are the distances to the centroids.
    """
    labels = context.cluster_labels
    if labels is None:
        extra = min(len(context.labelled), MOST_EXTRA_CLUSTERS)
        count = min(budget + extra, len(values))
        labels = kmeans(values, count, seed=seed, on_progress=context.on_progress).labels
    chosen = candidate_clusters(values, labels, budget, context.candidates, context.labelled)
    ids, place = np.unique(chosen.labels, return_inverse=True)
    centroids = means(values, place, len(ids))
    distances = np.full(len(values), np.inf)
    members = chosen.members
    distances[members] = np.sqrt(sq_distances_of_pairs(values, members, centroids, place[members]), dtype=np.float64)
    picks = chosen.best(-np.round(distances, _DIGITS))
    notes: tuple[str, ...] = ()
    if chosen.n_reseeded:
        notes = (f"{chosen.n_reseeded} clusters had no image left to pick and were re-seeded at the farthest images",)
    return Selection(
        indices=picks,
        clusters=chosen.clusters,
        scores=distances[picks],
        method="kmeans-center",
        seed=seed,
        cluster_labels=chosen.labels,
        notes=notes,
    )
