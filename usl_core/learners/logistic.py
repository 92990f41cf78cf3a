"""L2-regularised multinomial logistic regression on unit features, whose strength is chosen without test labels.

Minimised over W (C, d) and b (C,), one per labelled image i of L:

    sum_i -log softmax(W x_i + b)[y_i]  +  ||W||^2 / (2 strength)

W lies in the span of the labelled images, so that the search runs in min(L, d) dimensions. scikit-learn's `LogisticRegression`
finds the same for three classes and more (its C is `strength`); with two it penalises otherwise, and with one it fails.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arithmetic import blas_threads
from ..distances import blocks
from ..errors import UslError
from ..types import FloatArray, IntArray
from ..validation import class_ids, real_number, unit_rows

STRENGTHS = (10.0, 100.0, 1000.0)
"""What is tried where there are labels enough."""
DEFAULT_STRENGTH = 100.0
"""Where there are not; see docs/method.md for what it was measured on."""
FEWEST_TRIED = 30
"""Labels from which on the strength is chosen by trying; with fewer, the choice was worse than none."""
N_FOLDS = 5
_FEWEST = 2  # labels of a class, for some of them to be held out
_LARGEST_TRIED = 2e7  # labelled images x dimensions x classes: beyond it, trying takes minutes
_N_ITERATIONS = 500
_FINE, _ROUGH = (1e-6, 1e-12), (1e-4, 1e-8)  # slope, and relative progress, at which the search ends


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogisticClassifier:
    """A fitted classifier.

    Args:
        classes: (C,) int64 sorted class ids that were seen.
        weights: (C, d) float64 W.
        intercepts: (C,) float64 b.
        strength: inverse weight of the penalty.
        tried: cross-validated log loss per label, by strength; empty where the strength was not chosen by trying.
        n_labelled: images that it was fitted to.
    """

    classes: IntArray
    weights: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    strength: float
    tried: tuple[tuple[float, float], ...] = ()
    n_labelled: int

    def probabilities(self, values: Any) -> FloatArray:
        """What it makes of images.

        Args:
            values: (n, d) features of the encoder that it was fitted on; rows are normalised to length 1.

        Returns:
            (n, C) float32, rows that add up to 1, in the order of `classes`.

        Raises:
            UslError: no features, or of another dimension.
        """
        x = unit_rows(values)
        if x.shape[1] != self.weights.shape[1]:
            raise UslError(
                f"the classifier was fitted on {self.weights.shape[1]} dimensions, but the features have {x.shape[1]}"
            )
        found = np.empty((len(x), len(self.classes)), dtype=np.float32)
        with blas_threads(1):
            for rows in blocks(len(x), max(x.shape[1], len(self.classes))):
                found[rows] = _softmax(x[rows].astype(np.float64) @ self.weights.T + self.intercepts)
        return found


def fit_logistic(values: Any, labels: Any, *, strength: float | None = None) -> LogisticClassifier:
    """Fit a classifier to the images that have a label.

    With one class only, it is sure of that class. From 30 labels on, where two classes or more have two labels or more, the
    strength is the one of `STRENGTHS` with the lowest log loss on held-out labels (5 folds, stratified; a class with one label
    is never held out); elsewhere, and where trying would take minutes, it is `DEFAULT_STRENGTH`. Nothing is random.

    Args:
        values: (n, d) features (`Features` or any array); rows are normalised to length 1.
        labels: (n,) class ids; -1 where an image has no label.
        strength: inverse weight of the penalty, > 0; None: chosen.

    Raises:
        UslError: an argument breaks its rule, or no image has a label.

    >>> fitted = usl.fit_logistic([[1, 0], [0.9, 0.1], [0.1, 0.9], [0, 1]], [3, -1, -1, 7])
    >>> fitted.classes[fitted.probabilities([[1, 0.2], [0.2, 1]]).argmax(axis=1)].tolist()
    [3, 7]
    """
    x = unit_rows(values)
    ids = class_ids(labels, len(x))
    rows = np.flatnonzero(ids >= 0)
    if len(rows) == 0:
        raise UslError("labels must say the class of one image at least, but all are -1 (no label)")
    if strength is not None:
        strength = real_number(strength, "strength", 0, open_low=True)
    classes, targets = np.unique(ids[rows], return_inverse=True)
    with blas_threads(1):
        points, basis = _spanned(x[rows].astype(np.float64))
        tried: tuple[tuple[float, float], ...] = ()
        if strength is None:
            tried = _tried(points, targets, len(classes))
            strength = min(tried, key=lambda one: (one[1], one[0]))[0] if tried else DEFAULT_STRENGTH
        weights, intercepts = _fit(points, targets, len(classes), strength)
        return LogisticClassifier(
            classes=classes,
            weights=weights if basis is None else weights @ basis,
            intercepts=intercepts,
            strength=strength,
            tried=tried,
            n_labelled=len(rows),
        )


def _spanned(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """The same rows in coordinates of their span, and its orthonormal basis; None where that would be no smaller."""
    if len(x) >= x.shape[1]:
        return x, None
    basis, points = np.linalg.qr(x.T)
    return np.ascontiguousarray(points.T), basis.T


def _tried(points: NDArray[np.float64], targets: IntArray, n_classes: int) -> tuple[tuple[float, float], ...]:
    """Log loss per held-out label, by strength."""
    counts = np.bincount(targets, minlength=n_classes)
    enough = len(targets) >= FEWEST_TRIED and np.count_nonzero(counts >= _FEWEST) > 1
    if not enough or points.size * n_classes > _LARGEST_TRIED:
        return ()
    fold = _folds(targets, counts)
    losses = dict.fromkeys(STRENGTHS, 0.0)
    for number in range(N_FOLDS):
        held = fold == number
        if not held.any():
            continue
        start = None
        for strength in STRENGTHS:  # from the flattest on, each search begins where the last one ended
            start = _fit(points[~held], targets[~held], n_classes, strength, start, precision=_ROUGH)
            log_p = _log_softmax(points[held] @ start[0].T + start[1])
            losses[strength] -= float(log_p[np.arange(len(log_p)), targets[held]].sum())
    n_held = np.count_nonzero(fold >= 0)
    return tuple((strength, loss / n_held) for strength, loss in losses.items())


def _folds(targets: IntArray, counts: IntArray) -> IntArray:
    """(L,) fold of each labelled image, -1 for those that are never held out; each class is spread evenly over the folds."""
    fold = np.full(len(targets), -1)
    order = np.argsort(targets, kind="stable")
    order = order[counts[targets[order]] >= _FEWEST]
    fold[order] = np.arange(len(order)) % N_FOLDS
    return fold


def _fit(
    x: NDArray[np.float64],
    targets: IntArray,
    n_classes: int,
    strength: float,
    start: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
    *,
    precision: tuple[float, float] = _FINE,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """W and b, by L-BFGS."""
    from scipy.optimize import minimize

    n, d = x.shape
    if n_classes == 1:
        return np.zeros((1, d)), np.zeros(1)
    rows = np.arange(n)

    def loss_and_slope(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        both = flat.reshape(n_classes, d + 1)
        log_p = _log_softmax(x @ both[:, :d].T + both[:, d])
        loss = -log_p[rows, targets].sum() + (both[:, :d] ** 2).sum() / (2 * strength)
        wrong = np.exp(log_p)
        wrong[rows, targets] -= 1
        slope = np.empty_like(both)
        slope[:, :d] = wrong.T @ x + both[:, :d] / strength
        slope[:, d] = wrong.sum(axis=0)
        return float(loss) / n, slope.ravel() / n

    first = np.zeros(n_classes * (d + 1)) if start is None else np.hstack([start[0], start[1][:, None]]).ravel()
    limits = {"maxiter": _N_ITERATIONS, "maxfun": 2 * _N_ITERATIONS, "gtol": precision[0], "ftol": precision[1]}
    both = minimize(loss_and_slope, first, jac=True, method="L-BFGS-B", options=limits).x.reshape(n_classes, d + 1)
    # Without a penalty, the intercepts may drift alike; nothing but their differences counts.
    return both[:, :d].copy(), both[:, d] - both[:, d].mean()


def _log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    logits = logits - logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.exp(_log_softmax(logits))
