"""DropQuery (Gupte et al., TMLR 2024): the images whose class changes when parts of their features are dropped."""

from __future__ import annotations

import numpy as np

from ..clustering.kmeans import kmeans
from ..distances import blocks, sq_distances
from ..learners.logistic import LogisticClassifier
from ..types import FloatArray, IntArray, Selection
from .context import SelectionContext
from .second_round import ONE_CLASS, classifier_of, margins

N_PASSES = 3
DROPOUT_RATE = 0.75
FEWEST_PER_PICK = 25
"""Where fewer candidates per pick change their class in most passes, those that do so in one pass are candidates too."""


def select_dropquery(values: FloatArray, budget: int, params: None, *, seed: int, context: SelectionContext) -> Selection:
    """k-means of the images whose class flips under dropout into m clusters, and the image nearest each centroid.

    A flip is a pass whose class is another than that without dropout. Candidates are the images that flip in more than 1 of
    3 passes, or in any where that leaves fewer than 25 m. If these are fewer than m, those of the smallest margin fill up.

    Args: as for `usl_core.select`, already validated.

    Returns:
        Selection whose scores are the flips of each pick, in order of cluster, the largest first.

    Raises:
        UslError: nothing is labelled.
    """
    classifier = classifier_of(values, context, "dropquery")
    rng = np.random.default_rng(seed)
    rows, points = context.candidates, values[context.candidates]
    flips, notes = _flips(points, classifier, rng), list[str]()
    unsure = np.flatnonzero(flips > 1)
    if len(unsure) < FEWEST_PER_PICK * budget:
        unsure = np.flatnonzero(flips > 0)
    if len(unsure) < budget:
        notes.append(f"only {len(unsure)} images change their class under dropout; those of the smallest margin fill up")
        order = np.argsort(margins(classifier.probabilities(points)), kind="stable")
        if len(classifier.classes) == 1:
            order, notes = rng.permutation(len(points)), [f"{ONE_CLASS}; the picks were drawn at random"]
        places = np.concatenate([unsure, order[~np.isin(order, unsure)][: budget - len(unsure)]])
        clusters = np.full(budget, -1, dtype=np.int64)
    else:
        places = unsure[_central(points[unsure], budget, seed, context)]
        clusters = np.arange(budget)
    return Selection(
        indices=rows[places],
        clusters=clusters,
        scores=flips[places].astype(np.float64),
        method="dropquery",
        seed=seed,
        info={"unsure_images": len(unsure), "strength": classifier.strength},
        notes=tuple(notes),
    )


def _flips(points: FloatArray, classifier: LogisticClassifier, rng: np.random.Generator) -> IntArray:
    """(len(points),) in how many passes the class is another."""
    flips = np.zeros(len(points), dtype=np.int64)
    for part in blocks(len(points), points.shape[1]):
        x = points[part].astype(np.float64)
        usual = _classes(x, classifier)
        for _ in range(N_PASSES):
            kept = rng.random(x.shape) >= DROPOUT_RATE
            flips[part] += _classes(x * kept / (1 - DROPOUT_RATE), classifier) != usual
    return flips


def _classes(x: np.ndarray, classifier: LogisticClassifier) -> IntArray:
    return (x @ classifier.weights.T + classifier.intercepts).argmax(axis=1)


def _central(points: FloatArray, budget: int, seed: int, context: SelectionContext) -> IntArray:
    """(m,) of each cluster, the member nearest its centroid."""
    found = kmeans(points, budget, seed=seed, on_progress=context.on_progress)
    sq_dist = np.empty(len(points))
    for part in blocks(len(points), budget):
        all_ = sq_distances(points[part], found.centroids)
        sq_dist[part] = all_[np.arange(len(all_)), found.labels[part]]
    order = np.lexsort((sq_dist, found.labels))
    return order[np.unique(found.labels[order], return_index=True)[1]]
