"""The pool: all images of a data set in the order in which the method of a review would take them, cluster by cluster."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..distances import blocks
from ..errors import UslError
from ..explain.rounds import rounds_of
from ..graph.copies import copy_groups
from ..graph.density import utility
from ..selection.usl_params import UslParams
from ..types import Features, FloatArray, IntArray, Neighbors, Selection
from ..validation import same_images, whole_number
from .session import Call, Session, present_rows

USUAL_NEIGHBORS = 20
"""k of the density for methods that have none of their own."""


def _none() -> IntArray:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pool:
    """What the current picks of a review were chosen from. Costs O(T n) to make: keep it per `Session.call`.

    Args:
        features: of all n images.
        neighbors: their kNN graph.
        selection: of `call`, without the kept picks; None where the call left nothing to choose.
        call: see `Session.call`.
        clusters: (n,) int64 cluster of each image; None where the method has none. Of `stratified` they are the classes.
        utility: (n,) float32 U of each image, by the k of the method, else k = 20.
        penalty: (n,) float32 lambda * RegBar of the last round; None for methods other than USL.
        scores: (n,) float64 by which the method orders images inside a cluster, the highest first; None where it has no score.
        order: (n,) float64 in whose descending order runners-up come: `scores`, or for methods that draw, a draw by the seed.
        copies: (n,) int64 as `graph.copies.copy_groups` returns.
        repellers: sorted rows that were given as labelled, the kept picks among them.
    """

    features: Features
    neighbors: Neighbors
    selection: Selection | None
    call: Call
    clusters: IntArray | None
    utility: FloatArray
    penalty: FloatArray | None
    scores: NDArray[np.float64] | None
    order: NDArray[np.float64] | None = None
    copies: IntArray
    repellers: IntArray = field(default_factory=_none)

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
    n, images = len(features), features.images
    same_images(neighbors, n)
    if confidence is not None and np.shape(confidence) != (n,):
        raise UslError(f"confidence must have one value per image ({n}) but has shape {np.shape(confidence)}")
    if selection is not None and len(selection.indices) and selection.indices.max() >= n:
        raise UslError(f"the selection was made from more images than the {n} that the features are of")
    given = np.unique(present_rows(images, (*call.kept, *call.labelled)))
    clusters = None if selection is None else selection.cluster_labels
    if selection is not None and selection.method == "stratified" and images.labels is not None:
        clusters = images.labels.astype(np.int64)
    k = max(min(USUAL_NEIGHBORS, neighbors.k_max), 1)
    penalty = scores = order = None
    if selection is not None and isinstance(selection.params, UslParams):
        rounds = rounds_of(features.values, selection, neighbors, labelled=given)
        density, penalty = rounds.utility, rounds.penalties[-1]
        scores = density.astype(np.float64) - penalty
    else:
        density = utility(neighbors, k)
        if selection is not None and selection.method == "usl-t" and confidence is not None:
            scores = np.asarray(confidence, dtype=np.float64)
        elif clusters is not None and selection is not None and selection.method != "usl-t":
            order = np.random.default_rng(selection.seed).permutation(n).astype(np.float64)
    return Pool(
        features=features,
        neighbors=neighbors,
        selection=selection,
        call=call,
        clusters=clusters,
        utility=density,
        penalty=penalty,
        scores=scores,
        order=order if scores is None else scores,
        copies=copy_groups(features.values, neighbors=neighbors, duplicates=images.duplicates),
        repellers=given,
    )


def runners_up(pool: Pool, session: Session, row: int, most: int | None = 5) -> IntArray:
    """Rows that could take the place of a pick: of its cluster and free, the best first.

    Free is what is neither a pick nor vetoed, labelled or pending, no copy of such an image, and, where the call says from
    which cosine on images are near-duplicates, nothing that near to a pick (but this one), a labelled or a pending image.

    Args:
        pool: of `session.call`.
        session: the review.
        row: of the pick.
        most: only so many; None: all.

    Returns:
        Rows, empty where the cluster has none left or the method has no clusters. Methods that draw have no best; theirs come
        as the seed draws them.

    Raises:
        UslError: a bad row.
    """
    row = whole_number(row, "row", 0, len(pool) - 1)
    if pool.clusters is None or pool.order is None:
        return _none()
    rows = np.flatnonzero((pool.clusters == pool.clusters[row]) & free(pool, session))
    rows = rows[np.argsort(-pool.order[rows], kind="stable")]
    # Of copies only the first: they are one image.
    rows = rows[np.sort(np.unique(pool.copies[rows], return_index=True)[1])]
    if session.call.near_duplicates is not None:
        paths = pool.features.images.paths
        others = (path for path in (*session.picks, *session.labels, *session.pending) if path != paths[row])
        rows = rows[~_near(pool, rows, present_rows(pool.features.images, others), session.call.near_duplicates)]
    return rows[:most]


def free(pool: Pool, session: Session) -> NDArray[np.bool_]:
    """(n,) what is neither picked, vetoed, labelled nor pending, nor a copy of such an image."""
    taken = present_rows(pool.features.images, session.taken)
    is_free = np.ones(len(pool), dtype=bool)
    is_free[pool.copies[taken]] = False
    return is_free[pool.copies]


def _near(pool: Pool, rows: IntArray, others: IntArray, cosine: float) -> NDArray[np.bool_]:
    values, found = pool.features.values, np.zeros(len(rows), dtype=bool)
    if len(others):
        for some in blocks(len(rows), len(others)):
            found[some] = (values[rows[some]] @ values[others].T >= cosine).any(axis=1)
    return found
