"""What the methods of the second round share: the classifier of what is labelled, and how unsure it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import UslError
from ..learners.logistic import LogisticClassifier, fit_logistic
from ..types import FloatArray
from .context import SelectionContext

ONE_CLASS = "only one class is labelled, so nothing can be between two: the classifier is sure of every image"


def classifier_of(values: FloatArray, context: SelectionContext, method: str) -> LogisticClassifier:
    """The classifier that was given, or one fitted to the labels of the labelled rows; other labels are not looked at.

    Raises:
        UslError: no labelled row has a class, or the given classifier is of other features.
    """
    if context.classifier is not None:
        return context.classifier
    need = f"method {method!r} needs images that are labelled"
    if len(context.labelled) == 0:
        raise UslError(f"{need}, but labelled is empty; pick a first round by another method, label it, and pass its rows")
    if context.labels is None:
        raise UslError(f"{need} and what their labels are, but labels is None; pass (n,) class ids, -1 for unknown")
    known = np.full(len(values), -1, dtype=np.int64)
    known[context.labelled] = np.maximum(context.labels[context.labelled], -1)
    if (known < 0).all():
        raise UslError(f"{need}, but labels is -1 (unknown) for all {len(context.labelled)} labelled rows")
    return fit_logistic(values, known)


def margins(probabilities: FloatArray) -> NDArray[np.float64]:
    """(n,) p1 - p2, the distance between the two likeliest classes in [0, 1]; 1 where there is one class only."""
    p = probabilities.astype(np.float64)
    if p.shape[1] == 1:
        return np.ones(len(p))
    two = np.partition(p, p.shape[1] - 2, axis=1)[:, -2:]
    return two[:, 1] - two[:, 0]
