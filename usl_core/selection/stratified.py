"""Stratified selection: the budget spread evenly over classes, or over k-means clusters where classes are unknown."""

from __future__ import annotations

import numpy as np

from ..clustering.kmeans import kmeans
from ..types import FloatArray, IntArray, Selection
from .context import SelectionContext

CLASSES = "stratified"
CLUSTERS = "cluster-stratified"
NEEDS_LABELS = "Stratified looks at the class labels, which selection normally does not have; use it as a reference only"
NO_LABELS = "There are no class labels, so k-means clusters stand in for the classes (cluster-stratified)"


def select_stratified(values: FloatArray, budget: int, params: None, *, seed: int, context: SelectionContext) -> Selection:
    """As many picks from each class as from any other, give or take one, uniform inside each class.

    Without labels it becomes `cluster-stratified`: the same over k-means clusters, and says so in `notes`.

    Args: as for `usl_core.select`, already validated.

    Returns:
        Selection whose `clusters` are class ids, or cluster ids in the second case.
    """
    if context.labels is None:
        return select_cluster_stratified(values, budget, params, seed=seed, context=context, note=NO_LABELS)
    return _draw(context.labels, len(values), budget, CLASSES, NEEDS_LABELS, seed, context)


def select_cluster_stratified(
    values: FloatArray, budget: int, params: None, *, seed: int, context: SelectionContext, note: str | None = None
) -> Selection:
    """One uniformly drawn image from each of `budget` k-means clusters (or evenly over the clusters that are given).

    Args: as for `usl_core.select`, already validated.

    Returns:
        Selection whose `clusters` are cluster ids.
    """
    strata = context.cluster_labels
    if strata is None:
        strata = kmeans(values, budget, seed=seed, on_progress=context.on_progress).labels
    return _draw(strata, len(values), budget, CLUSTERS, note, seed, context)


def _draw(
    strata: IntArray, n: int, budget: int, method: str, note: str | None, seed: int, context: SelectionContext
) -> Selection:
    rng = np.random.default_rng(seed)
    rows = rng.permutation(context.candidates)
    _, member_of, sizes = np.unique(strata[rows], return_inverse=True, return_counts=True)
    quota = even_quota(sizes, budget, rng)
    # Stable sort keeps the shuffled order inside each stratum, so its first `quota` rows are a uniform draw.
    order = np.argsort(member_of, kind="stable")
    place = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    taken = rows[order[place < quota[member_of[order]]]]
    return Selection(
        indices=taken,
        clusters=strata[taken].astype(np.int64),
        scores=np.full(budget, np.nan),
        method=method,
        seed=seed,
        cluster_labels=strata if method == CLUSTERS else None,
        notes=(note,) if note else (),
    )


def even_quota(sizes: IntArray, budget: int, rng: np.random.Generator) -> IntArray:
    """Spread `budget` over strata as evenly as their sizes allow.

    All strata get the same share until they are exhausted (largest remainder with equal weights); what cannot be divided
    goes to strata drawn at random among those with images left.

    Args:
        sizes: (s,) images in each stratum, with sum >= budget.
        budget: how many to spread.

    Returns:
        (s,) int64 with 0 <= quota <= sizes and sum = budget.
    """
    quota = np.zeros(len(sizes), dtype=np.int64)
    left = budget
    while left:
        open_strata = np.flatnonzero(quota < sizes)
        share = left // len(open_strata)
        if share == 0:
            quota[rng.choice(open_strata, size=left, replace=False)] += 1
            return quota
        given = np.minimum(share, sizes[open_strata] - quota[open_strata])
        quota[open_strata] += given
        left -= int(given.sum())
    return quota
