"""What a learner's probabilities are worth, held against the true classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..types import FloatArray, IntArray

N_BINS = 15
"""Of the calibration error, as is usual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Of one learner on the labels of one selection.

    Args:
        accuracy: share of the tested images whose likeliest class is right.
        macro_accuracy: mean over the classes of the share that is right of each; classes without a tested image do not count.
        calibration_error: expected calibration error, see `calibration_error`.
        n_tested: images.
        class_accuracy: (C,) share that is right of each class; NaN where none of its images was tested.
    """

    accuracy: float
    macro_accuracy: float
    calibration_error: float
    n_tested: int
    class_accuracy: tuple[float, ...]


def scores_of(probabilities: FloatArray, labels: IntArray) -> Scores:
    """What probabilities are worth.

    Args:
        probabilities: (t, C) float32 of the tested images, rows that add up to 1; of equally likely classes the lowest counts.
        labels: (t,) their classes; t >= 1.
    """
    n_classes = probabilities.shape[1]
    right = probabilities.argmax(axis=1) == labels
    tested = np.bincount(labels, minlength=n_classes)
    hits = np.bincount(labels[right], minlength=n_classes)
    by_class = np.divide(hits, tested, out=np.full(n_classes, np.nan), where=tested > 0)
    return Scores(
        accuracy=float(right.mean()),
        macro_accuracy=float(np.nanmean(by_class)),
        calibration_error=calibration_error(probabilities, labels),
        n_tested=len(labels),
        class_accuracy=tuple(by_class.tolist()),
    )


def calibration_error(probabilities: FloatArray, labels: IntArray, n_bins: int = N_BINS) -> float:
    """Expected calibration error: how far confidence and accuracy lie apart, in bins of confidence of equal width, weighed by
    their images.

    Args:
        probabilities: (t, C) rows that add up to 1.
        labels: (t,) true classes; t >= 1.
        n_bins: of the confidence, the largest probability; each holds its upper end.

    Reference: Guo, Pleiss, Sun, Weinberger: On calibration of modern neural networks, ICML 2017.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    place = np.clip(np.ceil(confidence * n_bins).astype(np.int64) - 1, 0, n_bins - 1)
    gaps = np.bincount(place, weights=confidence - right, minlength=n_bins)
    return float(np.abs(gaps).sum() / len(labels))
