"""The linear probe: how well a plane between the classes does. See `logistic` for the classifier and its strength."""

from __future__ import annotations

import numpy as np

from ..types import FloatArray
from .logistic import fit_logistic
from .task import LearningTask


def learn_linear(task: LearningTask, params: None) -> FloatArray:
    """`fit_logistic` on the labelled images; classes that none of them has get probability 0."""
    rows = task.labelled
    fitted = fit_logistic(task.values[rows], task.labels[rows])
    found = fitted.probabilities(task.asked)
    if len(fitted.classes) == task.n_classes:
        return found
    probabilities = np.zeros((len(found), task.n_classes), dtype=np.float32)
    probabilities[:, fitted.classes] = found
    return probabilities
