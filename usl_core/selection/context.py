"""What a selector may use beside the features."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..types import IntArray, Neighbors, Progress, Views


def _none() -> IntArray:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SelectionContext:
    """Validated side information; every selector takes what it needs.

    Args:
        neighbors: kNN graph of the same rows, or None: the selector searches what it needs.
        cluster_labels: (n,) int64 clusters to use instead of running k-means, or None.
        labels: (n,) int64 class ids, or None. Only `stratified` looks at them.
        labelled: sorted rows that have a label already; never returned.
        vetoed: sorted rows that must never be returned.
        views: augmented views of the same rows, or None. Only `usl-t` looks at them.
        on_progress: see `types.Progress`.
    """

    neighbors: Neighbors | None = None
    cluster_labels: IntArray | None = None
    labels: IntArray | None = None
    labelled: IntArray = field(default_factory=_none)
    vetoed: IntArray = field(default_factory=_none)
    views: Views | None = None
    on_progress: Progress | None = None

    def eligible(self, n: int) -> IntArray:
        """Sorted rows that may be picked: neither labelled nor vetoed."""
        mask = np.ones(n, dtype=bool)
        mask[self.labelled] = False
        mask[self.vetoed] = False
        return np.flatnonzero(mask)
