"""USL-T: clusters learnt with the heads of `usl_core.uslt`, and the most confident image of each.

Reference: Wang, Lian, Yu: Unsupervised Selective Labeling for More Effective Semi-Supervised Learning, ECCV 2022, section 4.
"""

from __future__ import annotations

import numpy as np

from ..types import FloatArray, Selection
from ..uslt.params import UsltParams
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


def selection_of(training: UsltTraining) -> Selection:
    """The picks of a training that has ended.

    Returns:
        Selection, the largest clusters first; `scores` are the confidences, `cluster_labels` the clusters of the first head,
        `info` holds the numbers of the last epoch.
    """
    last, params = training.last, training.params
    picks = last.picks
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
