"""Margin sampling (Scheffer 2001): the images whose two likeliest classes are nearly equally likely."""

from __future__ import annotations

import numpy as np

from ..types import FloatArray, Selection
from .context import SelectionContext
from .second_round import ONE_CLASS, classifier_of, margins


def select_margin(values: FloatArray, budget: int, params: None, *, seed: int, context: SelectionContext) -> Selection:
    """The smallest p1 - p2 of a classifier fitted to what is labelled.

    Equals are taken in order of row; where one class is all that is labelled, every image is equal, and the picks are drawn.

    Args: as for `usl_core.select`, already validated.

    Returns:
        Selection without clusters, whose scores are the margins.

    Raises:
        UslError: nothing is labelled.
    """
    classifier = classifier_of(values, context, "margin")
    rows = context.candidates
    notes: tuple[str, ...] = ()
    if len(classifier.classes) == 1:
        rows, notes = np.random.default_rng(seed).permutation(rows), (f"{ONE_CLASS}; the picks were drawn at random",)
    found = margins(classifier.probabilities(values[rows]))
    order = np.argsort(found, kind="stable")[:budget]
    return Selection(
        indices=rows[order],
        clusters=np.full(budget, -1, dtype=np.int64),
        scores=found[order],
        method="margin",
        seed=seed,
        info={"strength": classifier.strength, "labelled_images": classifier.n_labelled},
        notes=notes,
    )
