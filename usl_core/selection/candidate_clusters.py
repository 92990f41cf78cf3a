"""Which cluster each of the m picks comes from, and the best image of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..distances import sq_distances_of_pairs
from ..types import FloatArray, IntArray

MOST_EXTRA_CLUSTERS = 500
"""Beside one per pick, k-means makes one per labelled image, but no more than these."""


@dataclass(frozen=True, slots=True, eq=False)
class CandidateClusters:
    """m clusters that each hold at least one eligible image.

    Args:
        labels: (n,) int64 cluster of every row, after re-seeding.
        clusters: (m,) int64 ascending ids of the clusters to pick from.
        eligible: (n,) bool rows that may be picked.
        members: eligible rows of those clusters, cluster by cluster, ascending inside each.
        starts: (m,) where each cluster begins in `members`.
        n_reseeded: how many clusters had to be made because too few held an eligible image.
    """

    labels: IntArray
    clusters: IntArray
    eligible: NDArray[np.bool_]
    members: IntArray
    starts: IntArray
    n_reseeded: int

    def best(self, score: NDArray[np.float64]) -> IntArray:
        """(m,) the row with the highest score in each cluster; ties go to the lowest row."""
        values = score[self.members]
        highest = np.maximum.reduceat(values, self.starts)
        sizes = np.diff(np.append(self.starts, len(values)))
        winners = np.flatnonzero(values == np.repeat(highest, sizes))
        return self.members[winners[np.searchsorted(winners, self.starts)]]


def candidate_clusters(
    values: FloatArray, labels: IntArray, budget: int, eligible: IntArray, labelled: IntArray
) -> CandidateClusters:
    """Choose the clusters that the picks come from.

    The largest clusters without a labelled image come first, then the largest with one. Clusters without an eligible image
    count as empty; if fewer than `budget` remain, new ones are seeded at the eligible images farthest from their centroid.

    Args:
        values: (n, d) unit rows.
        labels: (n,) cluster ids, any whole numbers.
        budget: m <= len(eligible).
        eligible: sorted rows that may be picked.
        labelled: sorted rows that have a label already.

    Returns:
        CandidateClusters with exactly `budget` clusters.
    """
    ids, compact, sizes = _compacted(labels)
    choices = np.bincount(compact[eligible], minlength=len(ids))
    covered = np.zeros(len(ids), dtype=bool)
    covered[compact[labelled]] = True
    order = np.lexsort((ids, -sizes, covered))
    kept = ids[order[choices[order] > 0]][:budget]
    missing = budget - len(kept)
    if missing:
        seeds = _farthest(values, compact, choices, eligible, missing)
        labels = labels.copy()
        labels[seeds] = ids[-1] + 1 + np.arange(missing)
        kept = np.concatenate([kept, labels[seeds]])
    kept = np.sort(kept)
    mask = np.zeros(len(labels), dtype=bool)
    mask[eligible] = True
    slot = _places(kept, labels[eligible])
    inside = slot < budget
    rows, slot = eligible[inside], slot[inside]
    narrow = slot.astype(np.uint16) if budget <= 1 << 16 else slot  # which are sorted without comparing
    members = rows[np.argsort(narrow, kind="stable")]
    starts = np.concatenate([[0], np.cumsum(np.bincount(slot, minlength=budget))[:-1]])
    return CandidateClusters(labels, kept, mask, members, starts, missing)


def _compacted(labels: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """The ids that occur, ascending, (n,) the place of each label among them, and how often each occurs."""
    if labels.min() < 0 or labels.max() > 2 * len(labels):
        ids, compact, sizes = np.unique(labels, return_inverse=True, return_counts=True)
        return ids, compact, sizes
    counts = np.bincount(labels)  # as k-means numbers clusters; to sort the labels takes several times as long
    ids = np.flatnonzero(counts)
    place = np.zeros(len(counts), dtype=np.int64)
    place[ids] = np.arange(len(ids))
    return ids, place[labels], counts[ids]


def _places(kept: IntArray, labels: IntArray) -> IntArray:
    """The place of each label in `kept`, or the length of `kept` where it is not there."""
    low, high = int(labels.min()), int(labels.max())
    if high - low > 2 * len(labels):
        place = np.minimum(np.searchsorted(kept, labels), len(kept) - 1)
        return np.where(kept[place] == labels, place, len(kept))
    table = np.full(high - low + 1, len(kept))
    inside = np.flatnonzero((kept >= low) & (kept <= high))
    table[kept[inside] - low] = inside
    return table[labels - low]


def _farthest(values: FloatArray, compact: IntArray, choices: IntArray, eligible: IntArray, count: int) -> IntArray:
    """`count` eligible rows far from their centroid, leaving every cluster at least one eligible row."""
    from ..clustering.sums import means

    centroids = means(values, compact, len(choices))
    sq_dist = sq_distances_of_pairs(values, eligible, centroids, compact[eligible])
    far_first = eligible[np.argsort(-sq_dist, kind="stable")]
    spare = choices - 1
    seeds = []
    for row in far_first:
        if spare[compact[row]] > 0:
            spare[compact[row]] -= 1
            seeds.append(row)
            if len(seeds) == count:
                break
    return np.asarray(seeds)
