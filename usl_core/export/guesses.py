"""The classes that an export tells: those that are known, and for all other images what a classifier of the labels predicts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..errors import UslError
from ..learners.logistic import LogisticClassifier, fit_logistic
from ..types import Features
from .picked import Guess, known_classes
from .recorded_labels import RecordedLabels

LABELS = "labels"
"""Origin of a class that came back with labels."""


def guesses_of(features: Features, labels: RecordedLabels | None) -> dict[int, Guess]:
    """Known classes by row: what folders or a list say, and above that what labels say.

    Args:
        features: of the images.
        labels: that came back, or None.
    """
    came_back = {} if labels is None else {row: Guess(label=name, origin=LABELS) for row, name in labels.named()}
    return known_classes(features.images) | came_back


def with_predictions(
    known: Mapping[int, Guess],
    features: Features,
    labels: RecordedLabels | None,
    classifier: LogisticClassifier | None = None,
) -> dict[int, Guess]:
    """Known classes, and for every other image the likeliest class and its probability.

    Args:
        known: classes by row; none of them is changed.
        features: of the images.
        labels: that came back.
        classifier: fitted to them; None: one is fitted.

    Raises:
        UslError: no image has a label.
    """
    if labels is None or not labels.rows:
        raise UslError(
            "classes are predicted by a classifier of labels, and there are none; "
            "give --labels FILE with those that came back, or export a run of `next`"
        )
    fitted = classifier or fit_logistic(features, labels.ids(len(features)))
    p = fitted.probabilities(features.values)
    likeliest = p.argmax(axis=1)
    origin = f"logistic classifier of {fitted.n_labelled:,} labels"
    names = [labels.class_names[number] for number in fitted.classes]
    rows = [row for row in range(len(features)) if row not in known]
    sure = np.clip(p.max(axis=1), 0, 1)  # a sum of float32 may lie a hair above
    predicted = {row: Guess(label=names[likeliest[row]], score=float(sure[row]), origin=origin) for row in rows}
    return dict(known) | predicted
