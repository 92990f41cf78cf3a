"""What is known after each epoch of USL-T, and the picks that it would give."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..types import FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EpochReport:
    """The state of a training after one epoch; clusters are those of the first head.

    Args:
        epoch: 1 for the first.
        loss: L, mean over the batches, summed over the heads.
        global_loss: L_global alone.
        local_loss: L_local alone, without its weight.
        confident_share: images whose highest assignment reaches tau, as a share in [0, 1]; mean over the heads.
        assignment_entropy: mean entropy of an image's soft assignment, as a share of log C; 1 is uniform. Mean over the heads.
        clusters: (n,) int32 cluster of every image, in [0, C).
        confidence: (n,) float32 highest assignment of every image, mean over the heads, in [0, 1].
        n_clusters: C.
        picks: (m,) int64 what would be picked now.
        purity: share of images whose class is the commonest of their cluster; NaN without classes.
        nmi: normalised mutual information of clusters and classes, in [0, 1]; NaN without classes.
        ari: adjusted Rand index, 0 for chance and 1 for the same partition; NaN without classes.
        seconds: that the epoch took.
    """

    epoch: int
    loss: float
    global_loss: float
    local_loss: float
    confident_share: float
    assignment_entropy: float
    clusters: NDArray[np.int32]
    confidence: FloatArray
    n_clusters: int
    picks: IntArray
    purity: float = math.nan
    nmi: float = math.nan
    ari: float = math.nan
    seconds: float = 0.0

    @property
    def sizes(self) -> IntArray:
        """(C,) images per cluster."""
        return np.bincount(self.clusters, minlength=self.n_clusters)

    @property
    def n_alive(self) -> int:
        """Clusters that hold an image."""
        return int(np.count_nonzero(self.sizes))


@dataclass(frozen=True, slots=True, eq=False)
class Reporter:
    """Turns assignments into a report.

    Args:
        budget: m.
        eligible: sorted rows that may be picked, of copies one.
        labelled: sorted rows that have a label already.
        classes: (n,) class ids, or None.
    """

    budget: int
    eligible: IntArray
    labelled: IntArray
    classes: IntArray | None

    def report(self, clusters: NDArray[np.int32], confidence: FloatArray, n_clusters: int, **known: float) -> EpochReport:
        """The report of one epoch. `known` are its other numbers by name."""
        picks = most_confident(clusters, confidence, self.budget, self.eligible, self.labelled)
        if self.classes is not None:
            known |= _agreement(clusters, self.classes)
        return EpochReport(clusters=clusters, confidence=confidence, n_clusters=n_clusters, picks=picks, **known)  # type: ignore[arg-type]


def most_confident(
    clusters: NDArray[np.int32], confidence: FloatArray, budget: int, eligible: IntArray, labelled: IntArray
) -> IntArray:
    """The most confident image of each cluster, the largest clusters first.

    Clusters that hold a labelled image count as having had their pick. Where fewer clusters than `budget` have an image to
    give, the largest give their next most confident one, in turn.

    Args:
        clusters: (n,) cluster of every image.
        confidence: (n,) how sure it is of it.
        budget: m <= len(eligible).
        eligible: sorted rows that may be picked.
        labelled: sorted rows that have a label already.

    Returns:
        (m,) distinct rows out of `eligible`; ties go to the larger cluster, then to the lower cluster, then to the lower row.
    """
    mine = clusters[eligible]
    order = np.lexsort((eligible, -confidence[eligible], mine))
    grouped = mine[order]
    starts = np.flatnonzero(np.r_[True, grouped[1:] != grouped[:-1]])
    lengths = np.diff(np.r_[starts, len(grouped)])
    turn = np.arange(len(grouped)) - np.repeat(starts, lengths)
    turn += np.isin(grouped, clusters[labelled])
    sizes = np.bincount(clusters)[grouped]
    return eligible[order[np.lexsort((grouped, -sizes, turn))[:budget]]]


def _agreement(clusters: NDArray[np.int32], classes: IntArray) -> dict[str, float]:
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
    from sklearn.metrics.cluster import contingency_matrix

    table = contingency_matrix(classes, clusters, sparse=True)
    return {
        "purity": float(table.max(axis=0).sum() / len(classes)),
        "nmi": float(normalized_mutual_info_score(classes, clusters)),
        "ari": float(adjusted_rand_score(classes, clusters)),
    }
