"""The pool: all images of a data set in the order in which the method of a review would take them, cluster by cluster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..types import Features, FloatArray, IntArray, Neighbors, Selection
from .session import Call, Session


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pool:
    """What the current picks of a review were chosen from. Costs O(T n) to make: keep it per `Session.call`.

    Args:
        features: of all n images.
        neighbors: their kNN graph.
        selection: of `call`, without the kept picks; None where the call left nothing to choose.
        call: see `Session.call`.
        clusters: (n,) int64 cluster of each image; None where the method has none.
        utility: (n,) float32 U of each image, by the k of the method, else k = 20.
        penalty: (n,) float32 lambda * RegBar of the last round; None for methods other than USL.
        scores: (n,) float64 by which the method orders images inside a cluster, the highest first; None where it has no score.
    """

    features: Features
    neighbors: Neighbors
    selection: Selection | None
    call: Call
    clusters: IntArray | None
    utility: FloatArray
    penalty: FloatArray | None
    scores: NDArray[np.float64] | None

    def __len__(self) -> int:
        return len(self.features)


def pool_of(
    features: Features,
    neighbors: Neighbors,
    call: Call,
    selection: Selection | None,
    *,
    confidence: NDArray[np.floating] | None = None,
) -> Pool:
    """The pool of a call.

    Args:
        features: of the images of the review.
        neighbors: their kNN graph, of at least the k of the method.
        call: `Session.call`.
        selection: what `rounds.select_call` returns for it.
        confidence: (n,) of each image, of the training behind a selection of `usl-t`; without it that method has no runners-up.

    Raises:
        UslError: features, graph and selection do not belong together.
    """
    raise NotImplementedError


def runners_up(pool: Pool, session: Session, row: int, most: int | None = 5) -> IntArray:
    """Rows that could take the place of a pick: of its cluster and free, the best first.

    Free is what is neither a pick nor vetoed, labelled or pending, no copy of such an image, and, where the call says from
    which cosine on images are near-duplicates, nothing that near to one (to the pick itself it may be).

    Args:
        pool: of `session.call`.
        session: the review.
        row: of the pick.
        most: only so many; None: all.

    Returns:
        Rows, empty where the cluster has none left or the method has no clusters.
    """
    raise NotImplementedError
