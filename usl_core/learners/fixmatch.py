"""FixMatch on cached features: a linear head that learns from labels, and from its own sure answers on images without.

    L = mean over labelled images of    H(y, p(x))
      + lambda_u * mean over all of     [max q >= tau] H(argmax q, p(strong(x))),   q = p(x), no gradient

H is the cross entropy, p the softmax of the head, x the features of the image as it is (the weak view), strong(x) those of a
strongly augmented view or, without views, x with noise. Features are centred and scaled alike before: where all of them point
into one direction, as those of networks that end in a ReLU do, the first steps would otherwise turn the head to one class.

`flexible` is FlexMatch: a class that few images are sure of has a lower threshold, tau * b / (2 - b), with b its number of sure
images beside that of the class with most, or beside the images not sure of any, as long as those are more.

References: Sohn et al.: FixMatch, NeurIPS 2020. Zhang et al.: FlexMatch, NeurIPS 2021.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..distances import blocks
from ..errors import UslError
from ..types import FloatArray, IntArray
from .fixmatch_params import FixmatchParams
from .task import LearningTask

__all__ = ["FixmatchParams", "learn_fixmatch"]

_MOMENTUM = np.float32(0.9)
_SCALE = 16.0  # root mean square length of the features that the head sees; a larger one is a larger learning rate
_NOISES = 2048  # drawn once; a row of normal numbers for each image of each step would take longer than the step
_TOLD_EVERY = 20


def learn_fixmatch(task: LearningTask, params: FixmatchParams) -> FloatArray:
    """A linear head, trained as above; its weights are averaged over the steps (EMA).

    Classes that no label names get probability 0: nothing could tell them. With one class, it is sure of it.
    """
    rows = task.labelled
    classes, targets = np.unique(task.labels[rows], return_inverse=True)
    probabilities = np.zeros((len(task.asked), task.n_classes), dtype=np.float32)
    if len(classes) == 1:
        probabilities[:, classes[0]] = 1
        return probabilities
    training = _Training(task, params, rows, targets.astype(np.int64), len(classes))
    with np.errstate(over="ignore", invalid="ignore"):  # `check` says so
        for step in range(params.n_steps):
            if step % _TOLD_EVERY == 0:
                task.report(step / params.n_steps, f"FixMatch: step {step} of {params.n_steps}")
                training.check(step)
            training.step(step / params.n_steps)
    training.check(params.n_steps)
    probabilities[:, classes] = training.predict(task.asked)
    return probabilities


class _Training:
    """The head, and what the next step depends on.

    Args:
        task: the images.
        params: the settings.
        rows: (L,) that have a label.
        targets: (L,) places of their classes.
        n_classes: C >= 2, those that have a label.
    """

    def __init__(self, task: LearningTask, params: FixmatchParams, rows: IntArray, targets: IntArray, n_classes: int) -> None:
        self._params, self._rows, self._targets = params, rows, targets
        self._values = task.values
        self._strong = None if task.views is None or task.views.values.shape[1] < 2 else task.views.values
        self._rng = np.random.default_rng(task.seed)
        d = task.values.shape[1]
        self._mean = task.values.mean(axis=0, dtype=np.float64).astype(np.float32)
        self._scale = np.float32(_SCALE / max(_spread(task.values, self._mean), 1e-6))
        self._noise = None
        if self._strong is None:
            self._noise = self._rng.standard_normal((_NOISES, d), dtype=np.float32)
            self._noise *= np.float32(params.noise * _SCALE / d**0.5)
        self._head = np.zeros((d + 1, n_classes), dtype=np.float32)  # the last row is the bias
        self._velocity, self._average = np.zeros_like(self._head), np.zeros_like(self._head)
        self._n_done = 0
        self._sure_of = np.full(len(task.values), -1)

    def step(self, done: float) -> None:
        """One step of SGD with Nesterov's momentum, `done` of the training behind it."""
        p, rng = self._params, self._rng
        some = rng.integers(len(self._rows), size=p.batch_size)
        rows = rng.integers(len(self._values), size=p.batch_size * p.unlabelled_ratio)
        taught, sure = self._pseudo_labels(rows)
        points = np.concatenate([self._scaled(self._values[self._rows[some]]), self._strongly(rows)])
        slope = _softmax(points @ self._head[:-1] + self._head[-1])
        slope[np.arange(len(slope)), np.concatenate([self._targets[some], taught])] -= 1
        slope[: len(some)] /= len(some)
        slope[len(some) :] *= (sure * (p.unlabelled_weight / len(rows))).astype(np.float32)[:, None]
        self._descend(np.concatenate([points.T @ slope, slope.sum(axis=0, keepdims=True)]), done)

    def _descend(self, slope: FloatArray, done: float) -> None:
        p = self._params
        slope[:-1] += np.float32(p.weight_decay) * self._head[:-1]
        self._velocity *= _MOMENTUM
        self._velocity += slope
        rate = np.float32(p.learning_rate * np.cos(7 * np.pi * done / 16))
        self._head -= rate * (slope + _MOMENTUM * self._velocity)
        self._n_done += 1
        keep = min(p.ema_decay, self._n_done / (9 + self._n_done))  # the first steps are soon forgotten
        self._average += np.float32(1 - keep) * (self._head - self._average)

    def _pseudo_labels(self, rows: IntArray) -> tuple[IntArray, NDArray[np.bool_]]:
        """The class that each image is taken to have, and whether the head is sure enough to teach it."""
        p = self._params
        answers = _softmax(self._scaled(self._values[rows]) @ self._head[:-1] + self._head[-1])
        taught = answers.argmax(axis=1)
        confidence = answers[np.arange(len(rows)), taught]
        if not p.flexible:
            return taught, confidence >= p.confidence_threshold
        sure = confidence >= p.confidence_threshold
        self._sure_of[rows[sure]] = taught[sure]
        return taught, confidence >= flexible_thresholds(self._sure_of, answers.shape[1], p.confidence_threshold)[taught]

    def _strongly(self, rows: IntArray) -> FloatArray:
        """A strong view of each row, drawn anew."""
        if self._strong is not None:
            return self._scaled(self._strong[rows, self._rng.integers(1, self._strong.shape[1], size=len(rows))])
        assert self._noise is not None
        return self._scaled(self._values[rows]) + self._noise[self._rng.integers(_NOISES, size=len(rows))]

    def _scaled(self, points: FloatArray) -> FloatArray:
        """In place: the rows were copied out of their array."""
        points -= self._mean
        points *= self._scale
        return points

    def check(self, step: int) -> None:
        """Raises UslError if the head is not finite."""
        if not np.isfinite(self._average).all():
            raise UslError(
                f"FixMatch left the numbers by step {step}; try a tenth of learning_rate = {self._params.learning_rate:g}"
            )

    def predict(self, values: FloatArray) -> FloatArray:
        """(t, C) probabilities by the averaged head."""
        found = np.empty((len(values), self._head.shape[1]), dtype=np.float32)
        for some in blocks(len(values), values.shape[1]):
            found[some] = _softmax(self._scaled(values[some].copy()) @ self._average[:-1] + self._average[-1])
        return found


def flexible_thresholds(sure_of: IntArray, n_classes: int, threshold: float) -> NDArray[np.float64]:
    """FlexMatch's thresholds.

    Args:
        sure_of: (n,) the class that the head was last sure of for each image, -1 where it never was.
        n_classes: C.
        threshold: tau, the highest.

    Returns:
        (C,) in [0, tau].
    """
    counts = np.bincount(sure_of + 1, minlength=n_classes + 1)
    share = counts[1:] / counts.max()
    return threshold * share / (2 - share)


def _spread(values: FloatArray, mean: FloatArray) -> float:
    """Root mean square distance of unit rows from their mean."""
    return float(np.sqrt(max(1 - np.square(mean, dtype=np.float64).sum(), 0)))


def _softmax(logits: FloatArray) -> FloatArray:
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=1, keepdims=True)
    return logits
