"""The order of picks, for a budget that ends early: who labels the first r of m labels the most important ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from ..errors import UslError
from ..types import IntArray, Selection
from ..validation import whole_number

Order = Literal["method", "cluster size", "score"]
ORDERS: tuple[Order, ...] = ("method", "cluster size", "score")
"""As the method returns them (`MethodCard.order` says how); the largest cluster first; the best score first."""
_LOW_IS_FIRST = ("margin", "kmeans-center")


def orders_of(selection: Selection) -> tuple[Order, ...]:
    """The orders that a selection can be put in: by cluster size where it has clusters, by score where it has scores."""
    able = {
        "method": True,
        "cluster size": selection.cluster_labels is not None,
        "score": bool(np.isfinite(selection.scores).all()),
    }
    return tuple(order for order in ORDERS if able[order])


def ranked(selection: Selection, by: Order) -> Selection:
    """The same picks in another order; equals keep theirs. Everything that is not per pick stays.

    Args:
        selection: of any method.
        by: for USL, "score" is by regularised utility.

    Raises:
        UslError: an order that this selection cannot be put in.

    >>> picks = usl.select(usl.load_demo("digits").features, 10)
    >>> by_score = ranked(picks, "score")
    >>> bool((by_score.scores[:-1] >= by_score.scores[1:]).all())
    True
    """
    able = orders_of(selection)
    if by not in able:
        raise UslError(f"order must be one of {', '.join(able)} for a selection of {selection.method!r} but is {by!r}")
    if by == "method":
        return selection
    if by == "score":
        better = selection.scores if selection.method in _LOW_IS_FIRST else -selection.scores
        return _taken(selection, np.argsort(better, kind="stable"))
    labels = np.asarray(selection.cluster_labels)
    sizes = np.array([np.count_nonzero(labels == cluster) for cluster in selection.clusters])
    return _taken(selection, np.argsort(-sizes, kind="stable"))


def first_picks(selection: Selection, r: int) -> Selection:
    """The first r of the m picks, with a note that says so.

    Raises:
        UslError: r is not in [1, m].
    """
    m = len(selection)
    r = whole_number(r, "r", 1, m, "picks")
    note = f"the first {r:,} of {m:,} picks"
    return selection if r == m else replace(_taken(selection, np.arange(r)), notes=(*selection.notes, note))


def _taken(selection: Selection, places: IntArray) -> Selection:
    """`trace` stays in the order of the clusters: it is of the run, not of the ranks."""
    return replace(
        selection, indices=selection.indices[places], clusters=selection.clusters[places], scores=selection.scores[places]
    )
