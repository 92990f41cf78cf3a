"""Uncertainty herding (Bae et al. 2025): coverage in which an image counts by how unsure the classifier is of it."""

from __future__ import annotations

import numpy as np

from ..distances import sq_distances
from ..types import FloatArray, IntArray, Selection
from .context import SelectionContext
from .coverage import gaussian, greedy_coverage
from .second_round import ONE_CLASS, classifier_of, margins

FIRST_SCALE = 1.0
"""The Gaussian's width where nothing is labelled yet, as in maxherding."""


def select_uherding(values: FloatArray, budget: int, params: None, *, seed: int, context: SelectionContext) -> Selection:
    """Greedily raise mean_j u_j max_{i labelled or picked} exp(-(d_ij / s)^2), with u = 1 - (p1 - p2).

    s is the smallest non-zero distance between two labelled images, so that the coverage gets finer with more labels. With
    nothing labelled, u = 1 and s = 1: that is maxherding.

    Args: as for `usl_core.select`, already validated.

    Returns:
        Selection without clusters, whose scores are the gains in coverage.

    Raises:
        UslError: rows are labelled, but it is not known as what.
    """
    notes: tuple[str, ...] = ()
    weights = None
    if len(context.labelled) == 0:
        notes = ("nothing is labelled yet, so every image counts alike (maxherding)",)
    else:
        classifier = classifier_of(values, context, "uherding")
        if len(classifier.classes) == 1:
            notes = (f"{ONE_CLASS}; every image counts alike",)
        else:
            weights = 1 - margins(classifier.probabilities(values))
    scale = labelled_scale(values, context.labelled)
    found = greedy_coverage(
        values,
        budget,
        gaussian(scale),
        candidates=context.candidates,
        fixed=context.labelled,
        weights=weights,
        seed=seed,
        on_progress=context.on_progress,
    )
    return Selection(
        indices=found.picks,
        clusters=np.full(budget, -1, dtype=np.int64),
        scores=found.gains,
        method="uherding",
        seed=seed,
        info={"scale": scale, "covered": found.covered},
        notes=(*notes, *found.notes(len(context.candidates), len(values))),
    )


def labelled_scale(values: FloatArray, labelled: IntArray) -> float:
    """The smallest non-zero distance between two labelled rows; 1 where there are no two."""
    points = values[labelled]
    smallest = np.inf
    for place in range(len(points) - 1):
        sq_dist = sq_distances(points[[place]], points[place + 1 :])[0]
        smallest = min(smallest, float(sq_dist[sq_dist > 0].min(initial=np.inf)))
    return float(np.sqrt(smallest)) if np.isfinite(smallest) else FIRST_SCALE
