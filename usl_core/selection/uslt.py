"""USL-T: clusters learnt with the heads of `usl_core.uslt`, and the most confident image of each.

Reference: Wang, Lian, Yu: Unsupervised Selective Labeling for More Effective Semi-Supervised Learning, ECCV 2022, section 4.
"""

from __future__ import annotations

import numpy as np

from ..graph.copies import Candidates
from ..graph.near_duplicates import candidates_of
from ..types import FloatArray, IntArray, Neighbors, Selection
from ..uslt.params import UsltParams
from ..uslt.records import TrainingRecord
from ..uslt.reports import most_confident
from ..uslt.train import UsltTraining, train_uslt
from .context import SelectionContext


def select_uslt(values: FloatArray, budget: int, params: UsltParams, *, seed: int, context: SelectionContext) -> Selection:
    """Train heads on the features and pick the most confident image of each cluster.

    Args: as for `usl_core.select`, already validated. `context.views` replace the features while training; without them
        noise on the features stands in.

    Returns:
        Selection as `selection_of` makes it.
    """
    training = train_uslt(
        values,
        budget,
        params,
        seed=seed,
        neighbors=context.neighbors,
        views=context.views,
        labelled=context.labelled,
        vetoed=context.vetoed,
        candidates=context.candidates,
        on_progress=context.on_progress,
        keep_bytes=0,
    )
    return selection_of(training)


def choice_of(record: TrainingRecord, neighbors: Neighbors, near_duplicates: float | None) -> Candidates | None:
    """What may be picked after a training, which need not know of near-duplicates: heads are trained on all images.

    Args:
        record: of the training.
        neighbors: kNN graph of its features.
        near_duplicates: see `usl_core.select`.

    Returns:
        Candidates for `selection_of`; None where near-duplicates do not count.

    Raises:
        UslError: no cosine, or a larger budget than there are groups to pick from.
    """
    if near_duplicates is None:
        return None
    duplicates = record.features.images.duplicates
    given = record.features.values, record.budget, record.labelled, record.vetoed
    return candidates_of(*given, duplicates=duplicates, neighbors=neighbors, near_duplicates=near_duplicates)


def selection_of(
    training: UsltTraining,
    choice: Candidates | None = None,
    labelled: IntArray | None = None,
    *,
    budget: int | None = None,
) -> Selection:
    """The picks of a training.

    Args:
        training: that has ended.
        choice: what may be picked, at least m; None: as when it began.
        labelled: beside a choice, the sorted rows that have a label already.
        budget: beside a choice, how many of the picks are wanted; None: as many as it was trained for.

    Returns:
        Selection, the largest clusters first; `scores` are the confidences, `cluster_labels` the clusters of the first head,
        `info` holds the numbers of the last epoch.
    """
    last, params = training.last, training.params
    picks = last.picks
    if choice is not None:
        fixed = np.empty(0, dtype=np.int64) if labelled is None else labelled
        picks = most_confident(last.clusters, last.confidence, budget or training.budget, choice.rows, fixed)
    info = {
        "epochs": float(last.epoch),
        "loss": last.loss,
        "confident_share": last.confident_share,
        "assignment_entropy": last.assignment_entropy,
        "clusters_alive": float(last.n_alive),
    }
    notes = list(training.notes)
    empty = last.n_clusters - last.n_alive
    if empty:
        filled = len(picks) - len(np.unique(last.clusters[picks]))
        notes.append(f"empty clusters: {empty} of {last.n_clusters}; picks taken from larger clusters in their place: {filled}")
    notes += choice.notes if choice is not None else ()
    return Selection(
        indices=picks,
        clusters=last.clusters[picks].astype(np.int64),
        scores=last.confidence[picks].astype(np.float64),
        method="usl-t",
        params=params,
        seed=training.seed,
        cluster_labels=last.clusters.astype(np.int64),
        info=info,
        notes=tuple(notes),
    )
