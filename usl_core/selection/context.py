"""What a selector may use beside the features."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..learners.logistic import LogisticClassifier
from ..types import IntArray, Neighbors, Progress, Views

RULES = 2
"""What `select` goes by. 2: as described in `graph.copies` and `UslParams`. 1, to repeat records of format 1: copies are
picked like any image, and the spreads behind a relative lambda are taken over all images, without the share that RegBar
reaches by the last round."""


def _none() -> IntArray:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SelectionContext:
    """Validated side information; every selector takes what it needs.

    Args:
        candidates: sorted rows to pick from, at least as many as are to be picked; see `graph.copies`
            and `graph.near_duplicates`.
        neighbors: kNN graph of the same rows, or None: the selector searches what it needs.
        cluster_labels: (n,) int64 clusters to use instead of running k-means, or None.
        labels: (n,) int64 class ids, or None. `stratified` looks at all of them, methods of the second round at those of
            the labelled rows, where a number below 0 is an unknown class.
        labelled: sorted rows that have a label already; never returned.
        vetoed: sorted rows that must never be returned.
        views: augmented views of the same rows, or None. Only `usl-t` looks at them.
        classifier: fitted to what is labelled, or None. Only methods of the second round look at it.
        rules: see `RULES`.
        on_progress: see `types.Progress`.
    """

    candidates: IntArray
    neighbors: Neighbors | None = None
    cluster_labels: IntArray | None = None
    labels: IntArray | None = None
    labelled: IntArray = field(default_factory=_none)
    vetoed: IntArray = field(default_factory=_none)
    views: Views | None = None
    classifier: LogisticClassifier | None = None
    rules: int = RULES
    on_progress: Progress | None = None
